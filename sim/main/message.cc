#include "sim/main/message.h"

#include <fmt/format.h>

#include <cstring>

namespace razor::sim {
namespace {

// A message is its size, which of the three it is, and its fields in the order of the struct. Both ends are the same program,
// so numbers travel as they lie in memory.
using Size = std::uint32_t;

class Writer {
 public:
  template <class Value>
  Writer& value(const Value& value) {
    static_assert(std::is_trivially_copyable_v<Value>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  Writer& text(std::string_view text) {
    value(static_cast<Size>(text.size()));
    bytes_ += text;
    return *this;
  }
  std::string message() && {
    const auto size = static_cast<Size>(bytes_.size());
    std::memcpy(bytes_.data(), &size, sizeof(size));
    return std::move(bytes_);
  }

 private:
  std::string bytes_ = std::string(sizeof(Size), '\0');
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <class Value>
  Value value() {
    Value value;
    std::memcpy(static_cast<void*>(&value), bytes_.data(), sizeof(value));
    bytes_.remove_prefix(sizeof(value));
    return value;
  }
  std::string text() {
    const auto size = value<Size>();
    std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return text;
  }

 private:
  std::string_view bytes_;
};

void write(Writer& writer, const RunFailed& failed) {
  const ScenarioFailure& failure = failed.failure;
  writer.value(failed.number).value(failure.kind).text(failure.place).value(failure.at).text(failure.message);
}
void write(Writer& writer, const RunText& text) { writer.value(text.number).text(text.name).text(text.text); }
void write(Writer& writer, const RunDone& done) {
  writer.value(done.number).value(done.failure_count).value(done.events).value(done.elapsed).value(done.digest);
  writer.value(done.counts.has_value());
  if (!done.counts) return;
  writer.value(static_cast<Size>(done.counts->size()));
  for (const auto& [name, count] : *done.counts) writer.text(name).value(count);
}

RunFailed read_failed(Reader& reader) {
  RunFailed failed{};
  failed.number = reader.value<std::uint64_t>();
  failed.failure.kind = reader.value<ScenarioFailure::Kind>();
  failed.failure.place = reader.text();
  failed.failure.at = reader.value<base::Duration>();
  failed.failure.message = reader.text();
  return failed;
}
RunText read_text(Reader& reader) {
  RunText text{};
  text.number = reader.value<std::uint64_t>();
  text.name = reader.text();
  text.text = reader.text();
  return text;
}
RunDone read_done(Reader& reader) {
  RunDone done{};
  done.number = reader.value<std::uint64_t>();
  done.failure_count = reader.value<std::uint64_t>();
  done.events = reader.value<std::uint64_t>();
  done.elapsed = reader.value<base::Duration>();
  done.digest = reader.value<std::uint64_t>();
  if (!reader.value<bool>()) return done;
  done.counts.emplace();
  for (auto left = reader.value<Size>(); left > 0; --left) {
    std::string name = reader.text();
    done.counts->emplace_hint(done.counts->end(), std::move(name), reader.value<std::uint64_t>());
  }
  return done;
}

}  // namespace

RunText bounded(std::uint64_t number, std::string_view name, std::string_view text) {
  RunText told{number, std::string(name.substr(0, kReportNameMax)), std::string(text.substr(0, kReportTextMax))};
  if (text.size() > kReportTextMax) told.text += fmt::format("\n({} bytes more were cut off)", text.size() - kReportTextMax);
  return told;
}

Counts bounded(const Counts& counts) {
  Counts told;
  std::uint64_t left_out = 0;
  for (const auto& [name, count] : counts) {
    if (told.size() == kReportCountsMax) {
      ++left_out;
    } else {
      told[name.substr(0, kReportNameMax)] += count;
    }
  }
  if (left_out > 0) told["names of counts that were left out"] += left_out;
  return told;
}

std::string encode(const Message& message) {
  Writer writer;
  writer.value(message.index());
  std::visit([&writer](const auto& told) { write(writer, told); }, message);
  return std::move(writer).message();
}

std::optional<Message> MessageReader::next() {
  Size size = 0;
  if (bytes_.size() < sizeof(size)) return std::nullopt;
  std::memcpy(&size, bytes_.data(), sizeof(size));
  if (bytes_.size() < size) return std::nullopt;
  const std::string bytes = bytes_.substr(sizeof(size), size - sizeof(size));
  bytes_.erase(0, size);
  Reader reader(bytes);
  switch (reader.value<std::size_t>()) {
    case 0: return read_failed(reader);
    case 1: return read_text(reader);
    default: return read_done(reader);
  }
}

}  // namespace razor::sim
