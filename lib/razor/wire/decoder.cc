#include "razor/wire/decoder.h"

#include <bit>
#include <cmath>
#include <limits>

#include "razor/base/byte_order.h"
#include "razor/base/format.h"

namespace razor::wire {
namespace {

using base::load_big;

const char* kind_of(std::uint8_t tag) {
  if (tag < 0x80 || tag >= 0xe0) return "an integer";
  if (tag < 0x90) return "a map";
  if (tag < 0xa0) return "an array";
  if (tag < 0xc0) return "a string";
  switch (tag) {
    case 0xc0: return "nil";
    case 0xc2:
    case 0xc3: return "a boolean";
    case 0xc4:
    case 0xc5:
    case 0xc6: return "bytes";
    case 0xca:
    case 0xcb: return "a float";
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3: return "an integer";
    case 0xd9:
    case 0xda:
    case 0xdb: return "a string";
    case 0xdc:
    case 0xdd: return "an array";
    case 0xde:
    case 0xdf: return "a map";
    case 0xc1: return "a byte that msgpack never uses";
    default: return "an extension";
  }
}

}  // namespace

std::string Decoder::error_message() const {
  if (ok()) return "no error";
  std::string text = what_;
  if (found_ != nullptr) text += base::format(", found {}", found_);
  if (!name_.empty()) text += base::format(", in field '{}'", name_);
  return text + base::format(", at byte {}", failed_at_);
}

bool Decoder::fail(const char* what, std::string_view name) {
  if (!ok()) return false;
  what_ = what;
  name_ = name;
  failed_at_ = static_cast<std::size_t>(position_ - begin_);
  position_ = end_;  // nothing is read any more
  return false;
}

bool Decoder::fail_in(std::string_view name) {
  if (ok()) fail("its codec returned false and did not say why");
  if (name_.empty()) name_ = name;
  return false;
}

bool Decoder::expected(const char* what) {
  if (ok()) found_ = position_ == end_ ? "the end" : kind_of(std::to_integer<std::uint8_t>(*position_));
  return fail(what);
}

Decoder::Kind Decoder::next_kind() const {
  if (position_ == end_) return Kind::none;
  const auto tag = std::to_integer<std::uint8_t>(*position_);
  if (tag < 0x80) return Kind::unsigned_integer;
  if (tag < 0x90) return Kind::map;
  if (tag < 0xa0) return Kind::array;
  if (tag < 0xc0) return Kind::text;
  if (tag >= 0xe0) return Kind::negative_integer;
  switch (tag) {
    case 0xc0: return Kind::nil;
    case 0xc1: return Kind::none;
    case 0xc2:
    case 0xc3: return Kind::boolean;
    case 0xc4:
    case 0xc5:
    case 0xc6: return Kind::binary;
    case 0xca: return Kind::float32;
    case 0xcb: return Kind::float64;
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf: return Kind::unsigned_integer;
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3: {
      const bool is_negative = bytes_left() > 1 && (position_[1] & std::byte{0x80}) != std::byte{0};
      return is_negative ? Kind::negative_integer : Kind::unsigned_integer;
    }
    case 0xd9:
    case 0xda:
    case 0xdb: return Kind::text;
    case 0xdc:
    case 0xdd: return Kind::array;
    case 0xde:
    case 0xdf: return Kind::map;
    default: return Kind::extension;
  }
}

bool Decoder::next_is_text() const {
  if (position_ == end_) return false;
  const auto tag = std::to_integer<std::uint8_t>(*position_);
  return (tag >= 0xa0 && tag < 0xc0) || (tag >= 0xd9 && tag <= 0xdb);
}

bool Decoder::next_is_array() const {
  if (position_ == end_) return false;
  const auto tag = std::to_integer<std::uint8_t>(*position_);
  return (tag >= 0x90 && tag < 0xa0) || tag == 0xdc || tag == 0xdd;
}

bool Decoder::next_is_map() const {
  if (position_ == end_) return false;
  const auto tag = std::to_integer<std::uint8_t>(*position_);
  return (tag >= 0x80 && tag < 0x90) || tag == 0xde || tag == 0xdf;
}

bool Decoder::take(std::size_t count, const std::byte*& from) {
  if (bytes_left() < count) return fail("the message ends inside a value");
  from = position_;
  position_ += count;
  return true;
}

// The tag is at `position_`; a length of `bytes` bytes follows it.
bool Decoder::read_length(std::size_t bytes, std::uint32_t& length) {
  const std::byte* from;
  if (!take(1 + bytes, from)) return false;
  switch (bytes) {
    case 1: length = load_big<std::uint8_t>(from + 1); break;
    case 2: length = load_big<std::uint16_t>(from + 1); break;
    default: length = load_big<std::uint32_t>(from + 1); break;
  }
  return true;
}

bool Decoder::read_nil() {
  if (!next_is_nil()) return expected("expected nil");
  ++position_;
  return true;
}

bool Decoder::read_unit() {
  constexpr const char* kUnit = "expected nil or an empty array";
  if (next_is_nil()) return read_nil();
  if (!next_is_array()) return expected(kUnit);
  const std::byte* const from = position_;
  std::uint32_t count = 0;
  if (!read_array(count)) return false;
  if (count == 0) return true;
  position_ = from;
  return expected(kUnit);
}

bool Decoder::read_bool(bool& value) {
  if (position_ == end_ || (*position_ != std::byte{0xc2} && *position_ != std::byte{0xc3})) {
    return expected("expected a boolean");
  }
  value = *position_++ == std::byte{0xc3};
  return true;
}

// A negative integer is given as its two's complement.
bool Decoder::read_integer(std::uint64_t& value, bool& negative, const char* what) {
  if (position_ == end_) return expected(what);
  const auto tag = std::to_integer<std::uint8_t>(*position_);
  negative = false;
  if (tag < 0x80) {
    value = tag;
    ++position_;
    return true;
  }
  if (tag >= 0xe0) {
    value = static_cast<std::uint64_t>(static_cast<std::int8_t>(tag));
    negative = true;
    ++position_;
    return true;
  }
  if (tag < 0xcc || tag > 0xd3) return expected(what);
  const bool is_signed = tag >= 0xd0;
  const std::size_t size = std::size_t{1} << (tag & 3);
  const std::byte* from;
  if (!take(1 + size, from)) return false;
  ++from;
  switch (size) {
    case 1: value = load_big<std::uint8_t>(from); break;
    case 2: value = load_big<std::uint16_t>(from); break;
    case 4: value = load_big<std::uint32_t>(from); break;
    default: value = load_big<std::uint64_t>(from); break;
  }
  if (is_signed) {
    const int unused_bits = static_cast<int>(64 - 8 * size);
    const auto extended = static_cast<std::int64_t>(value << unused_bits) >> unused_bits;
    value = static_cast<std::uint64_t>(extended);
    negative = extended < 0;
  }
  return true;
}

bool Decoder::out_of_range(const std::byte* number, const char* what) {
  position_ = number;
  return fail(what);
}

bool Decoder::read_any_signed(std::int64_t& value, std::int64_t least, std::int64_t most) {
  const std::byte* const from = position_;
  std::uint64_t bits = 0;
  bool negative = false;
  if (!read_integer(bits, negative)) return false;
  value = static_cast<std::int64_t>(bits);
  const bool wrapped = !negative && value < 0;  // above INT64_MAX
  if (wrapped || value < least || value > most) return out_of_range(from);
  return true;
}

bool Decoder::read_any_unsigned(std::uint64_t& value, std::uint64_t most) {
  const std::byte* const from = position_;
  bool negative = false;
  if (!read_integer(value, negative)) return false;
  if (negative || value > most) return out_of_range(from);
  return true;
}

bool Decoder::read_any_double(double& value) {
  constexpr const char* kNumber = "expected a number";
  if (position_ == end_) return expected(kNumber);
  const std::byte* from;
  switch (std::to_integer<std::uint8_t>(*position_)) {
    case 0xca:
      if (!take(5, from)) return false;
      value = std::bit_cast<float>(load_big<std::uint32_t>(from + 1));
      return true;
    case 0xcb:
      if (!take(9, from)) return false;
      value = std::bit_cast<double>(load_big<std::uint64_t>(from + 1));
      return true;
    default: break;
  }
  std::uint64_t bits = 0;
  bool negative = false;
  if (!read_integer(bits, negative, kNumber)) return false;
  value = negative ? static_cast<double>(static_cast<std::int64_t>(bits)) : static_cast<double>(bits);
  return true;
}

bool Decoder::read_float(float& value) {
  const std::byte* const from = position_;
  if (bytes_left() >= 5 && *from == std::byte{0xca}) {
    value = std::bit_cast<float>(load_big<std::uint32_t>(from + 1));  // by way of double a signalling NaN would be another
    position_ += 5;
    return true;
  }
  double wide = 0;
  if (!read_double(wide)) return false;
  if (std::isfinite(wide) && std::abs(wide) > std::numeric_limits<float>::max()) {
    return out_of_range(from, "number out of range");
  }
  value = static_cast<float>(wide);
  return true;
}

bool Decoder::read_any_text(std::string_view& text) {
  if (!next_is_text()) return expected("expected a string");
  const auto tag = std::to_integer<std::uint8_t>(*position_);
  std::uint32_t length = tag & 0x1f;
  if (tag < 0xc0) {
    ++position_;
  } else if (!read_length(std::size_t{1} << (tag - 0xd9), length)) {
    return false;
  }
  const std::byte* from;
  if (!take(length, from)) return false;
  text = base::as_text({from, length});
  return true;
}

bool Decoder::read_binary(base::ByteView& bytes) {
  const auto tag = position_ == end_ ? 0 : std::to_integer<std::uint8_t>(*position_);
  if (tag < 0xc4 || tag > 0xc6) return expected("expected bytes");
  std::uint32_t length;
  const std::byte* from;
  if (!read_length(std::size_t{1} << (tag - 0xc4), length) || !take(length, from)) return false;
  bytes = {from, length};
  return true;
}

bool Decoder::read_extension(std::int8_t& type, base::ByteView& bytes) {
  const auto tag = position_ == end_ ? 0 : std::to_integer<std::uint8_t>(*position_);
  std::uint32_t length = 0;
  const std::byte* from;
  if (tag >= 0xd4 && tag <= 0xd8) {
    length = std::uint32_t{1} << (tag - 0xd4);
    ++position_;
  } else if (tag < 0xc7 || tag > 0xc9) {
    return expected("expected an extension");
  } else if (!read_length(std::size_t{1} << (tag - 0xc7), length)) {
    return false;
  }
  if (!take(std::size_t{1} + length, from)) return false;
  type = std::to_integer<std::int8_t>(*from);
  bytes = {from + 1, length};
  return true;
}

bool Decoder::read_array(std::uint32_t& count) {
  if (!next_is_array()) return expected("expected an array");
  const auto tag = std::to_integer<std::uint8_t>(*position_);
  if (tag < 0xa0) {
    count = tag & 0x0f;
    ++position_;
  } else if (!read_length(tag == 0xdc ? 2 : 4, count)) {
    return false;
  }
  return count <= bytes_left() || fail("more elements are declared than bytes are left");
}

bool Decoder::read_any_map(std::uint32_t& count) {
  if (!next_is_map()) return expected("expected a map");
  const auto tag = std::to_integer<std::uint8_t>(*position_);
  if (tag < 0x90) {
    count = tag & 0x0f;
    ++position_;
  } else if (!read_length(tag == 0xde ? 2 : 4, count)) {
    return false;
  }
  return count <= bytes_left() / 2 || fail("more elements are declared than bytes are left");
}

bool Decoder::skip() {
  if (position_ == end_) return expected("expected a value");
  const auto tag = std::to_integer<std::uint8_t>(*position_);
  const std::byte* from;
  std::uint32_t length;
  if (next_is_text()) {
    std::string_view text;
    return read_text(text);
  }
  if (next_is_array() || next_is_map()) {
    const bool pairs = next_is_map();
    if (!(pairs ? read_map(length) : read_array(length)) || !enter()) return false;
    for (std::uint64_t left = std::uint64_t{length} * (pairs ? 2 : 1); left > 0; --left) {
      if (!skip()) return false;
    }
    leave();
    return true;
  }
  switch (tag) {
    case 0xc1: return expected("expected a value");
    case 0xc4:
    case 0xc5:
    case 0xc6: {
      base::ByteView bytes;
      return read_binary(bytes);
    }
    case 0xc7: return read_length(1, length) && take(std::size_t{1} + length, from);
    case 0xc8: return read_length(2, length) && take(std::size_t{1} + length, from);
    case 0xc9: return read_length(4, length) && take(std::size_t{1} + length, from);
    case 0xca: return take(5, from);
    case 0xcb: return take(9, from);
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3: return take(1 + (std::size_t{1} << (tag & 3)), from);
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8: return take(2 + (std::size_t{1} << (tag - 0xd4)), from);
    default: return take(1, from);  // nil, booleans, small integers
  }
}

bool Decoder::read_raw(base::ByteView& value) {
  const std::byte* from = position_;
  if (!skip()) return false;
  value = {from, position_};
  return true;
}

}  // namespace razor::wire
