#pragma once
// Decoder: reads msgpack values out of received bytes, one after the other, straight into the caller's variables.
//
// Nothing that it reads is trusted: depth is bounded, a declared number of elements is at most the bytes that are left,
// and every length is checked before it is used. The first failure sticks: all later reads fail too, so a caller may
// check once at the end.
// Source: protocol.md, "msgpack".

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "razor/base/byte_order.h"
#include "razor/base/bytes.h"

namespace razor::wire {

class Decoder {
 public:
  static constexpr int kDepthMax = 64;

  /// `bytes` outlives the decoder and every view it hands out.
  explicit Decoder(base::ByteView bytes)
      : begin_(bytes.data()),
        position_(bytes.data()),
        end_(bytes.data() + bytes.size()),
        advance_left_(std::max(kAdvanceForEachByte * bytes.size(), kAdvanceMin)) {}

  bool ok() const { return what_ == nullptr; }
  /// "expected an integer, found a string, in field 'age', at byte 12".
  std::string error_message() const;

  std::size_t bytes_left() const { return static_cast<std::size_t>(end_ - position_); }
  /// All was read. Fails when bytes are left over.
  bool finish() { return ok() && (position_ == end_ || fail("bytes are left over")); }

  /// Notes a failure, unless there was one before. Always false. `what` and `name` are literals, or live as long.
  bool fail(const char* what, std::string_view name = {});
  /// Names the field in which a failure just happened, unless it has a name already. Notes one where its codec did not. Always
  /// false.
  bool fail_in(std::string_view name);

  /// What comes next, for those who do not know what to expect.
  enum class Kind : std::uint8_t {
    nil,
    boolean,
    unsigned_integer,
    negative_integer,
    float32,
    float64,
    text,
    binary,
    array,
    map,
    extension,
    none,  ///< no byte is left, or the next one begins no value
  };
  /// An integer of a signed form counts as negative only if it is.
  Kind next_kind() const;

  bool next_is_nil() const { return position_ != end_ && *position_ == std::byte{0xc0}; }
  bool next_is_text() const;
  bool next_is_array() const;
  bool next_is_map() const;

  bool read_nil();
  /// What a unit is sent as: nil, or an array without elements.
  bool read_unit();
  bool read_bool(bool& value);
  /// Any integer form, within [least, most].
  bool read_signed(std::int64_t& value, std::int64_t least, std::int64_t most) {
    if (next_is_below(0x80)) [[likely]] {
      const auto small = std::to_integer<std::int64_t>(*position_);
      if (small >= least && small <= most) [[likely]] {
        value = small;
        ++position_;
        return true;
      }
    }
    std::int64_t any = 0;
    if (!read_any_signed(any, least, most)) return false;
    value = any;
    return true;
  }
  bool read_unsigned(std::uint64_t& value, std::uint64_t most) {
    if (next_is_below(0x80)) [[likely]] {
      const auto small = std::to_integer<std::uint64_t>(*position_);
      if (small <= most) [[likely]] {
        value = small;
        ++position_;
        return true;
      }
    }
    std::uint64_t any = 0;
    if (!read_any_unsigned(any, most)) return false;
    value = any;
    return true;
  }
  /// A float of either size, or an integer.
  bool read_double(double& value) {
    if (bytes_left() >= 9 && *position_ == std::byte{0xcb}) [[likely]] {
      value = std::bit_cast<double>(base::load_big<std::uint64_t>(position_ + 1));
      position_ += 9;
      return true;
    }
    return read_any_double(value);
  }
  /// The same; what a float cannot hold is out of range. A float arrives bit by bit, as NaN too.
  bool read_float(float& value);
  /// Borrowed from the decoded bytes.
  bool read_text(std::string_view& text) {
    const std::size_t left = bytes_left();
    if (left >= 2) [[likely]] {
      const auto tag = std::to_integer<std::uint8_t>(*position_);
      const bool inside = (tag & 0xe0) == 0xa0;
      const std::size_t head = inside ? 1 : 2;
      const std::size_t length = inside ? tag & 0x1f : std::to_integer<std::size_t>(position_[1]);
      if ((inside || tag == 0xd9) && left - head >= length) [[likely]] {
        text = base::as_text({position_ + head, length});
        position_ += head + length;
        return true;
      }
    }
    std::string_view any;
    if (!read_any_text(any)) return false;
    text = any;
    return true;
  }
  /// Skips a string if it is `text` and has the form that encoders give it; reads nothing otherwise, and that is no failure.
  /// Where `text` is a constant, as the names of fields are, a few words are compared: hence inlined.
  [[gnu::always_inline]] bool skip_text(std::string_view text) {
    const std::size_t head = text.size() < 32 ? 1 : 2;
    if (text.size() > 0xff || bytes_left() < head + text.size()) return false;
    if (*position_ != (head == 1 ? static_cast<std::byte>(0xa0 + text.size()) : std::byte{0xd9})) return false;
    if (head == 2 && position_[1] != static_cast<std::byte>(text.size())) return false;
    if (std::memcmp(position_ + head, text.data(), text.size()) != 0) return false;
    position_ += head + text.size();
    return true;
  }
  bool read_binary(base::ByteView& bytes);
  /// An extension of any length; borrowed from the decoded bytes.
  bool read_extension(std::int8_t& type, base::ByteView& bytes);
  /// How many values, or pairs, follow. Each is one level deeper: `enter` before the first, `leave` after the last.
  bool read_array(std::uint32_t& count);
  bool read_map(std::uint32_t& count) {
    if (position_ != end_ && (*position_ & std::byte{0xf0}) == std::byte{0x80}) [[likely]] {
      count = std::to_integer<std::uint32_t>(*position_ & std::byte{0x0f});
      if (count <= (bytes_left() - 1) / 2) [[likely]] {
        ++position_;
        return true;
      }
    }
    std::uint32_t any = 0;
    if (!read_any_map(any)) return false;
    count = any;
    return true;
  }
  /// One whole value, whatever it is.
  bool skip();
  /// The bytes of one whole value, which is skipped.
  bool read_raw(base::ByteView& value);

  bool enter() { return depth_++ < kDepthMax || fail("nested deeper than 64 levels"); }
  void leave() { --depth_; }
  /// The same for what is behind a pointer: it takes no bytes of its own, but the stack.
  bool enter_pointer() { return pointer_depth_++ < kDepthMax || fail("nested deeper than 64 levels"); }
  void leave_pointer() { --pointer_depth_; }

  /// For how many of `count` declared elements room may be made before they have arrived. All room that is made in advance is
  /// at most 4 times the message, or 1 KiB, whatever that declares.
  std::size_t room_for(std::size_t count, std::size_t element_bytes) {
    const std::size_t elements = std::min(count, advance_left_ / element_bytes);
    advance_left_ -= elements * element_bytes;
    return elements;
  }
  /// The elements have arrived: their room counts no more as made in advance.
  void arrived(std::size_t elements, std::size_t element_bytes) { advance_left_ += elements * element_bytes; }

 private:
  // The shortest forms are read where they are wanted; the others, and all errors, in these functions. They are given variables
  // of their own: the caller's, whose address is then not taken, stays in a register.
  bool read_any_signed(std::int64_t& value, std::int64_t least, std::int64_t most);
  bool read_any_unsigned(std::uint64_t& value, std::uint64_t most);
  bool read_any_double(double& value);
  bool read_any_text(std::string_view& text);
  bool read_any_map(std::uint32_t& count);
  bool next_is_below(unsigned limit) const { return position_ != end_ && std::to_integer<unsigned>(*position_) < limit; }

  bool expected(const char* what);
  bool read_length(std::size_t bytes, std::uint32_t& length);
  bool take(std::size_t count, const std::byte*& from);
  bool read_integer(std::uint64_t& value, bool& negative, const char* what = "expected an integer");
  bool out_of_range(const std::byte* number, const char* what = "integer out of range");

  static constexpr std::size_t kAdvanceForEachByte = 4;
  static constexpr std::size_t kAdvanceMin = 1024;

  const std::byte* begin_;
  const std::byte* position_;
  const std::byte* end_;
  std::size_t advance_left_;
  int depth_ = 0;
  int pointer_depth_ = 0;
  const char* what_ = nullptr;
  const char* found_ = nullptr;
  std::string_view name_;
  std::size_t failed_at_ = 0;
};

}  // namespace razor::wire
