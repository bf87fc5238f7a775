#pragma once
// Storage: where a replica keeps what must survive it. Records are appended, and read again when it starts.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>
#include <variant>

#include "razor/wire/codec.h"
#include "state.h"

namespace store {

/// No primary of an earlier epoch is followed any more.
struct Promise {
  std::uint64_t epoch = 0;
  RAZOR_FIELDS(Promise, epoch)
};

/// Where the other replicas are.
struct Peers {
  std::vector<std::string> addresses;
  RAZOR_FIELDS(Peers, addresses)
};

using Record = std::variant<Promise, Entry, Snapshot, Peers>;

/// What all records together say.
struct Stored {
  std::uint64_t promised = 0;
  Snapshot current;
  std::vector<std::string> peers;

  void take(const Record& record) {
    if (const auto* promise = std::get_if<Promise>(&record)) promised = std::max(promised, promise->epoch);
    if (const auto* snapshot = std::get_if<Snapshot>(&record)) current = *snapshot;
    if (const auto* joined = std::get_if<Peers>(&record)) peers = joined->addresses;
    if (const auto* entry = std::get_if<Entry>(&record)) {
      current.state.apply(entry->change);
      current.version = entry->version;
    }
  }
};

class Storage {
 public:
  virtual ~Storage() = default;
  virtual Stored load() = 0;
  /// When it returns, the record survives this process. It does not return where it cannot promise that.
  virtual void append(const Record& record) = 0;
};

/// The disk of a simulated host, which outlives the host's crashes.
class MemoryStorage final : public Storage {
 public:
  Stored load() override { return stored_; }
  void append(const Record& record) override { stored_.take(record); }

 private:
  Stored stored_;
};

/// A file. Each record is written at once, which a SIGKILL does not undo; against a power failure it would take an fdatasync.
class FileStorage final : public Storage {
 public:
  /// Errors: ends the process, as all here, with a line that says why.
  explicit FileStorage(std::string path)
      : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) give_up("open", errno);
  }
  FileStorage(const FileStorage&) = delete;
  ~FileStorage() override { ::close(descriptor_); }

  Stored load() override {
    const razor::Bytes bytes = read_all();
    razor::ByteView rest = bytes;
    Stored stored;
    while (rest.size() >= kHeadBytes) {
      const std::size_t size = size_at(rest);
      if (size > kRecordBytesMax) give_up("a record has a size that no record has", 0);
      if (rest.size() - kHeadBytes < size) break;
      Record record;
      if (!razor::wire::decode_whole(rest.subspan(kHeadBytes, size), record)) give_up("a record cannot be read", 0);
      stored.take(record);
      rest = rest.subspan(kHeadBytes + size);
    }
    // Half a record was never acknowledged to anybody.
    if (!rest.empty() && ::ftruncate(descriptor_, static_cast<off_t>(bytes.size() - rest.size())) != 0) {
      give_up("truncate", errno);
    }
    return stored;
  }

  void append(const Record& record) override {
    const razor::Bytes content = razor::wire::encoded(record);
    razor::Bytes bytes(kHeadBytes);
    for (std::size_t i = 0; i < kHeadBytes; ++i) bytes[i] = static_cast<std::byte>(content.size() >> (8 * i));
    bytes.insert(bytes.end(), content.begin(), content.end());
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written != static_cast<ssize_t>(bytes.size())) give_up("write", written < 0 ? errno : ENOSPC);
  }

 private:
  static constexpr std::size_t kHeadBytes = 8;  // the size of a record, little-endian
  static constexpr std::size_t kRecordBytesMax = 1 << 30;

  static std::size_t size_at(razor::ByteView bytes) {
    std::size_t size = 0;
    for (std::size_t i = kHeadBytes; i-- > 0;) size = size << 8 | std::to_integer<std::size_t>(bytes[i]);
    return size;
  }

  razor::Bytes read_all() const {
    razor::Bytes bytes;
    razor::Bytes piece(1 << 16);
    ::lseek(descriptor_, 0, SEEK_SET);
    ssize_t count = 0;
    while ((count = ::read(descriptor_, piece.data(), piece.size())) > 0) {
      bytes.insert(bytes.end(), piece.begin(), piece.begin() + count);
    }
    if (count < 0) give_up("read", errno);
    return bytes;
  }

  [[noreturn]] void give_up(const char* what, int error) const {
    const std::string why = error == 0 ? std::string() : ": " + std::generic_category().message(error);
    std::fprintf(stderr, "store: %s: %s%s\n", path_.c_str(), what, why.c_str());
    std::_Exit(1);
  }

  std::string path_;
  int descriptor_;
};

}  // namespace store
