#pragma once
// Whole messages over ByteStreams, and bytes whose place in the stream can be told from their value.

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "razor/runtime/runtime.h"

namespace razor::test {

/// A sequence of bytes without end that repeats late, and in step with no power of two: a byte lost, doubled or moved
/// does not go unseen.
class Pattern {
 public:
  static void fill(base::MutableBytes bytes, std::size_t offset) {
    while (!bytes.empty()) {
      const base::ByteView from = period_from(offset).first(std::min(bytes.size(), period_from(offset).size()));
      std::ranges::copy(from, bytes.begin());
      bytes = bytes.subspan(from.size());
      offset += from.size();
    }
  }
  static bool matches(base::ByteView bytes, std::size_t offset) {
    while (!bytes.empty()) {
      const base::ByteView from = period_from(offset).first(std::min(bytes.size(), period_from(offset).size()));
      if (!std::ranges::equal(from, bytes.first(from.size()))) return false;
      bytes = bytes.subspan(from.size());
      offset += from.size();
    }
    return true;
  }
  static base::Bytes bytes(std::size_t count, std::size_t offset = 0) {
    base::Bytes bytes(count);
    fill(bytes, offset);
    return bytes;
  }

 private:
  static base::ByteView period_from(std::size_t offset) {
    static const std::vector<std::byte> period = [] {
      std::vector<std::byte> values(65'521);  // a prime
      std::uint32_t state = 1;
      for (std::byte& value : values) value = static_cast<std::byte>((state = state * 1'664'525 + 1'013'904'223) >> 24);
      return values;
    }();
    return base::ByteView(period).subspan(offset % period.size());
  }
};

/// Both ends of a connection.
struct StreamPair {
  StreamPair() = default;
  StreamPair(std::unique_ptr<runtime::ByteStream> connected, std::unique_ptr<runtime::ByteStream> accepted)
      : client(std::move(connected)), server(std::move(accepted)) {}
  std::unique_ptr<runtime::ByteStream> client;
  std::unique_ptr<runtime::ByteStream> server;
};

/// Writes all of `buffers`, as often as it takes.
inline runtime::Task<base::Result<void>> write_all(runtime::ByteStream& stream, std::vector<base::ByteView> buffers) {
  std::span<base::ByteView> left = buffers;
  while (true) {
    while (!left.empty() && left.front().empty()) left = left.subspan(1);
    if (left.empty()) co_return base::Result<void>();
    const base::Result<std::size_t> written = co_await stream.write(left);
    if (!written) co_return written.error();
    RAZOR_CHECK(*written > 0, "a write of at least one byte wrote none");
    for (std::size_t count = *written; count > 0;) {
      const std::size_t here = std::min(count, left.front().size());
      left.front() = left.front().subspan(here);
      count -= here;
      if (left.front().empty()) left = left.subspan(1);
    }
  }
}

inline runtime::Task<base::Result<void>> write_all(runtime::ByteStream& stream, base::ByteView bytes) {
  return write_all(stream, std::vector<base::ByteView>(1, bytes));
}

/// Writes `bytes`, which it keeps, as often as it takes.
inline runtime::Task<base::Result<void>> write_owned(runtime::ByteStream& stream, base::Bytes bytes) {
  co_return co_await write_all(stream, bytes);
}

/// Reads until `count` bytes came or the stream ended, in pieces of at most `piece`.
inline runtime::Task<base::Result<base::Bytes>> read_up_to(runtime::ByteStream& stream, std::size_t count,
                                                           std::size_t piece = 65'536) {
  base::Bytes bytes;
  while (bytes.size() < count) {
    const std::size_t before = bytes.size();
    bytes.resize(before + std::min(piece, count - before));
    const base::Result<std::size_t> got = co_await stream.read(base::MutableBytes(bytes).subspan(before));
    if (!got) co_return got.error();
    bytes.resize(before + *got);
    if (*got == 0) break;
  }
  co_return bytes;
}

/// Reads to the end of the stream.
inline runtime::Task<base::Result<base::Bytes>> read_to_end(runtime::ByteStream& stream) {
  return read_up_to(stream, static_cast<std::size_t>(-1));
}

}  // namespace razor::test
