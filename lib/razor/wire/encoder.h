#pragma once
// Encoder: msgpack values, written straight into where they go.
// Source: protocol.md, "msgpack"; the format itself: github.com/msgpack/msgpack/blob/master/spec.md.

#include <bit>
#include <stdexcept>
#include <string_view>

#include "razor/base/byte_order.h"
#include "razor/wire/byte_sink.h"

namespace razor::wire {

/// What cannot be encoded: thrown by the encoding of a value, caught where the library calls it.
class EncodeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Every integer takes the shortest form; what is not negative takes an unsigned one, as the reference does.
class Encoder {
 public:
  /// As Decoder's: what is nested deeper would be refused by whoever receives it.
  static constexpr int kDepthMax = 64;

  explicit Encoder(ByteSink& sink) : sink_(sink) {}

  ByteSink& sink() { return sink_; }

  void put_nil() { put_byte(0xc0); }
  void put_bool(bool value) { put_byte(value ? 0xc3 : 0xc2); }

  // The shortest form is inlined always, as most integers have it; the others where a compiler finds them worth it.
  [[gnu::always_inline]] void put_unsigned(std::uint64_t value) {
    std::byte* to = sink_.reserve(kIntegerBytesMax);
    if (value < 0x80) return put_byte_at(to, static_cast<std::uint8_t>(value));
    put_long_unsigned(to, value);
  }
  [[gnu::always_inline]] void put_signed(std::int64_t value) {
    std::byte* to = sink_.reserve(kIntegerBytesMax);
    if (value >= -32 && value < 0x80) return put_byte_at(to, static_cast<std::uint8_t>(value));
    if (value >= 0) return put_long_unsigned(to, static_cast<std::uint64_t>(value));
    put_long_negative(to, value);
  }

  void put_float(float value) { put_tagged<std::uint32_t>(0xca, std::bit_cast<std::uint32_t>(value)); }
  void put_double(double value) { put_tagged<std::uint64_t>(0xcb, std::bit_cast<std::uint64_t>(value)); }

  void put_text(std::string_view text) { put_run(kText, base::as_bytes(text)); }
  void put_binary(base::ByteView bytes) { put_run(kBinary, bytes); }
  /// A string, or bin, whose `bytes` bytes are put into the sink next.
  void put_text_head(std::size_t bytes) { put_head(kText, bytes); }
  void put_binary_head(std::size_t bytes) { put_head(kBinary, bytes); }
  /// `count` values follow.
  void put_array(std::size_t count) { put_head(kArray, count); }
  /// `count` pairs of key and value follow.
  void put_map(std::size_t count) { put_head(kMap, count); }
  /// An extension of the application's (`type` 0 to 127), or one of msgpack's own (below 0).
  void put_extension(std::int8_t type, base::ByteView bytes);

  /// An array or a map begins, whose elements follow; `leave` after the last.
  /// Errors: throws EncodeError below 64 levels, before a value that contains itself overflows the stack.
  void enter() {
    if (depth_++ == kDepthMax) [[unlikely]]
      refuse_depth();
  }
  void leave() { --depth_; }
  /// The same for what is behind a pointer: it takes no bytes of its own, but the stack.
  void enter_pointer() {
    if (pointer_depth_++ == kDepthMax) [[unlikely]]
      refuse_depth();
  }
  void leave_pointer() { --pointer_depth_; }

 private:
  // The forms a length can take: inside the tag, or in 1, 2 or 4 bytes behind it.
  struct LengthForms {
    std::size_t inside_below;
    std::uint8_t inside_tag;
    std::size_t one_byte_max;  // 0: the type has no such form
    std::uint8_t one_byte_tag;
    std::uint8_t two_bytes_tag;
    std::uint8_t four_bytes_tag;
  };
  static constexpr LengthForms kText = {32, 0xa0, 0xff, 0xd9, 0xda, 0xdb};
  static constexpr LengthForms kBinary = {0, 0, 0xff, 0xc4, 0xc5, 0xc6};
  static constexpr LengthForms kArray = {16, 0x90, 0, 0, 0xdc, 0xdd};
  static constexpr LengthForms kMap = {16, 0x80, 0, 0, 0xde, 0xdf};

  static constexpr std::size_t kIntegerBytesMax = 9;  // room for any form is asked for once, instead of in each branch

  void put_byte(std::uint8_t byte) { sink_.put(std::byte{byte}); }
  void put_byte_at(std::byte* to, std::uint8_t byte) {
    *to = std::byte{byte};
    sink_.advance_to(to + 1);
  }

  template <class Unsigned, class Value>
  void put_tagged(std::uint8_t tag, Value value) {
    put_tagged_at<Unsigned>(sink_.reserve(1 + sizeof(Unsigned)), tag, value);
  }
  template <class Unsigned, class Value>
  void put_tagged_at(std::byte* to, std::uint8_t tag, Value value) {
    to[0] = std::byte{tag};
    base::store_big(to + 1, static_cast<Unsigned>(value));
    sink_.advance_to(to + 1 + sizeof(Unsigned));
  }

  void put_long_unsigned(std::byte* to, std::uint64_t value) {
    if (value <= 0xff) {
      put_tagged_at<std::uint8_t>(to, 0xcc, value);
    } else if (value <= 0xffff) {
      put_tagged_at<std::uint16_t>(to, 0xcd, value);
    } else if (value <= 0xffff'ffff) {
      put_tagged_at<std::uint32_t>(to, 0xce, value);
    } else {
      put_tagged_at<std::uint64_t>(to, 0xcf, value);
    }
  }
  void put_long_negative(std::byte* to, std::int64_t value) {
    if (value >= INT8_MIN) {
      put_tagged_at<std::uint8_t>(to, 0xd0, value);
    } else if (value >= INT16_MIN) {
      put_tagged_at<std::uint16_t>(to, 0xd1, value);
    } else if (value >= INT32_MIN) {
      put_tagged_at<std::uint32_t>(to, 0xd2, value);
    } else {
      put_tagged_at<std::uint64_t>(to, 0xd3, value);
    }
  }

  // Inlined where `forms` is a constant: strings and bytes are most of what travels.
  [[gnu::always_inline]] void put_run(const LengthForms& forms, base::ByteView bytes) {
    std::byte* to = sink_.reserve(5 + bytes.size());
    const std::size_t head = put_length(to, forms, bytes.size());
    if (!bytes.empty()) std::memcpy(to + head, bytes.data(), bytes.size());
    sink_.advance_to(to + head + bytes.size());
  }

  [[gnu::always_inline]] void put_head(const LengthForms& forms, std::size_t length) {
    std::byte* to = sink_.reserve(5);
    sink_.advance_to(to + put_length(to, forms, length));
  }

  // Writes the shortest form to `to`, which has room for 5 bytes; gives its size.
  static std::size_t put_length(std::byte* to, const LengthForms& forms, std::size_t length) {
    if (length < forms.inside_below) {
      to[0] = static_cast<std::byte>(forms.inside_tag + length);
      return 1;
    }
    if (length <= forms.one_byte_max) {
      to[0] = std::byte{forms.one_byte_tag};
      to[1] = static_cast<std::byte>(length);
      return 2;
    }
    return put_long_length(to, forms, length);
  }

  static std::size_t put_long_length(std::byte* to, const LengthForms& forms, std::size_t length) {
    if (length <= 0xffff) {
      to[0] = std::byte{forms.two_bytes_tag};
      base::store_big(to + 1, static_cast<std::uint16_t>(length));
      return 3;
    }
    if (length > 0xffff'ffff) throw EncodeError("a length over 4 GiB cannot travel");
    to[0] = std::byte{forms.four_bytes_tag};
    base::store_big(to + 1, static_cast<std::uint32_t>(length));
    return 5;
  }

  [[noreturn]] static void refuse_depth();

  ByteSink& sink_;
  int depth_ = 0;
  int pointer_depth_ = 0;
};

}  // namespace razor::wire
