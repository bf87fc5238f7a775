#pragma once
// Codecs of single values: bool, integers, floats, enums, Unit, std::bitset.

#include <concepts>
#include <limits>

#include "razor/wire/codec.h"
#include "razor/wire/codec_traits.h"

namespace razor {

template <>
struct Codec<bool> {
  static void encode(wire::Encoder& to, bool value) { to.put_bool(value); }
  static bool decode(wire::Decoder& from, bool& value) { return from.read_bool(value); }
};

/// Wider ones, which some compilers have, do not travel.
template <std::integral T>
  requires(sizeof(T) <= sizeof(std::int64_t))
struct Codec<T> {
  static void encode(wire::Encoder& to, T value) {
    if constexpr (std::is_signed_v<T>) {
      to.put_signed(value);
    } else {
      to.put_unsigned(value);
    }
  }
  static bool decode(wire::Decoder& from, T& value) {
    using Limits = std::numeric_limits<T>;
    if constexpr (std::is_signed_v<T>) {
      std::int64_t wide = 0;
      if (!from.read_signed(wide, Limits::min(), Limits::max())) return false;
      value = static_cast<T>(wide);
    } else {
      std::uint64_t wide = 0;
      if (!from.read_unsigned(wide, Limits::max())) return false;
      value = static_cast<T>(wide);
    }
    return true;
  }
};

template <>
struct Codec<float> {
  static void encode(wire::Encoder& to, float value) { to.put_float(value); }
  static bool decode(wire::Decoder& from, float& value) { return from.read_float(value); }
};

template <>
struct Codec<double> {
  static void encode(wire::Encoder& to, double value) { to.put_double(value); }
  static bool decode(wire::Decoder& from, double& value) { return from.read_double(value); }
};

/// The reference's ().
template <>
struct Codec<wire::Unit> {
  static void encode(wire::Encoder& to, const wire::Unit&) { to.put_nil(); }
  static bool decode(wire::Decoder& from, wire::Unit&) { return from.read_unit(); }
};
template <>
struct Codec<std::monostate> {
  static void encode(wire::Encoder& to, const std::monostate&) { to.put_nil(); }
  static bool decode(wire::Decoder& from, std::monostate&) { return from.read_unit(); }
};

/// As its integer: every value of that type is accepted.
template <wire::detail::Enum T>
struct Codec<T> {
  using Integer = std::underlying_type_t<T>;
  static void encode(wire::Encoder& to, T value) { Codec<Integer>::encode(to, static_cast<Integer>(value)); }
  static bool decode(wire::Decoder& from, T& value) {
    Integer number{};
    if (!Codec<Integer>::decode(from, number)) return false;
    value = static_cast<T>(number);
    return true;
  }
};

/// As its name (RAZOR_ENUM). Read also from a map of its name to nil, as the reference writes an enum that others hold data.
template <wire::detail::NamedEnum T>
struct Codec<T> {
  static void encode(wire::Encoder& to, T value) {
    for (const wire::Enumerator<T>& known : razor_enumerators(T())) {
      if (known.value == value) return to.put_text(known.name);
    }
    throw wire::EncodeError("an enum has a value that RAZOR_ENUM does not list");
  }
  static bool decode(wire::Decoder& from, T& value) {
    std::uint32_t entries = 1;
    const bool has_content = from.next_is_map();
    if (has_content && !from.read_map(entries)) return false;
    if (entries != 1) return from.fail("an enum has one value at a time");
    std::string_view name;
    if (!from.read_text(name)) return false;
    for (const wire::Enumerator<T>& known : razor_enumerators(T())) {
      if (known.name != name) continue;
      value = known.value;
      return !has_content || from.read_unit();
    }
    return from.fail("no such value of the enum");
  }
};

namespace wire::detail {

template <class T>
concept Bitset = Foreign<T> && requires(T& bits) {
  { bits.to_ullong() } -> std::same_as<unsigned long long>;
  bits.flip(std::size_t{});
};

}  // namespace wire::detail

/// std::bitset: an unsigned integer, above 64 bits the bytes of one, the lowest first. Bits that it does not have are refused.
template <wire::detail::Bitset T>
struct Codec<T> {
  static constexpr std::size_t kBits = T().size();

  static void encode(wire::Encoder& to, const T& value) {
    if constexpr (kBits <= 64) {
      to.put_unsigned(value.to_ullong());
    } else {
      to.put_binary_head(kBytes);
      for (std::size_t at = 0; at < kBytes; ++at) {
        unsigned byte = 0;
        for (std::size_t bit = 8 * at; bit < kBits && bit < 8 * at + 8; ++bit) byte |= unsigned{value[bit]} << bit % 8;
        to.sink().put(static_cast<std::byte>(byte));
      }
    }
  }
  static bool decode(wire::Decoder& from, T& value) {
    if constexpr (kBits <= 64) {
      std::uint64_t bits = 0;
      if (!from.read_unsigned(bits, kBits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << kBits % 64) - 1)) return false;
      value = T(bits);
      return true;
    } else {
      base::ByteView bytes;
      if (!from.read_binary(bytes)) return false;
      if (bytes.size() != kBytes) return from.fail("wrong number of bits");
      if (kBits % 8 != 0 && std::to_integer<unsigned>(bytes.back()) >> kBits % 8 != 0)
        return from.fail("wrong number of bits");
      for (std::size_t bit = 0; bit < kBits; ++bit)
        value[bit] = (std::to_integer<unsigned>(bytes[bit / 8]) >> bit % 8 & 1) != 0;
      return true;
    }
  }

 private:
  static constexpr std::size_t kBytes = (kBits + 7) / 8;
};

}  // namespace razor
