#pragma once
// What a child process writes to its parent: messages of fields. Both ends are the same program, so numbers travel as they lie
// in memory.
//
//   FieldWriter writer;                                                     // in the child
//   writer.value(tag).text("hello");
//   write_all(pipe, std::move(writer).message());
//
//   FrameQueue frames;                                                      // in the parent
//   frames.add(bytes);
//   while (const auto frame = frames.next()) { FieldReader fields(*frame); fields.value<Tag>(); fields.text(); }

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace razor::sim {

/// Makes one message.
class FieldWriter {
 public:
  template <class Value>
  FieldWriter& value(const Value& value) {
    static_assert(std::is_trivially_copyable_v<Value>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  FieldWriter& text(std::string_view text) {
    value(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
    return *this;
  }
  /// The fields behind their size.
  std::string message() && {
    const auto size = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &size, sizeof(size));
    return std::move(bytes_);
  }

 private:
  std::string bytes_ = std::string(sizeof(std::uint32_t), '\0');
};

/// Reads fields in the order in which they were written. Past the end they are zero and empty.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : bytes_(bytes) {}

  template <class Value>
  Value value() {
    static_assert(std::is_trivially_copyable_v<Value>);
    Value value{};
    const std::size_t size = std::min(sizeof(value), bytes_.size());
    std::memcpy(static_cast<void*>(&value), bytes_.data(), size);
    bytes_.remove_prefix(size);
    return value;
  }
  std::string text() {
    const std::size_t size = std::min<std::size_t>(value<std::uint32_t>(), bytes_.size());
    std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return text;
  }
  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
};

/// Takes bytes as they come, and gives whole messages. One that a dead child did not finish to write stays inside.
class FrameQueue {
 public:
  void add(std::string_view bytes) {
    bytes_.erase(0, begin_);
    begin_ = 0;
    bytes_ += bytes;
  }
  /// The fields of the next message, until the next `add`.
  std::optional<std::string_view> next() {
    std::uint32_t size = 0;
    const std::string_view rest = std::string_view(bytes_).substr(begin_);
    if (rest.size() < sizeof(size)) return std::nullopt;
    std::memcpy(&size, rest.data(), sizeof(size));
    if (rest.size() < size) return std::nullopt;
    begin_ += size;
    return rest.substr(sizeof(size), size - sizeof(size));
  }

 private:
  std::string bytes_;
  std::size_t begin_ = 0;  // what is before was given
};

}  // namespace razor::sim
