#pragma once
// Codecs of texts and of runs of bytes: std::string, u8string, their views, arrays of char, paths of the file system, Bytes.
//
// Texts are str, of any bytes; a peer of the reference wants UTF-8. std::byte in a row is bin; std::uint8_t in a row is an
// array of integers, as the reference sends Vec<u8>, which costs up to two bytes for each. Both are read from either.

#include <algorithm>
#include <concepts>
#include <span>

#include "razor/wire/codec.h"
#include "razor/wire/codec_traits.h"

namespace razor {

namespace wire::detail {

template <class Char>
ByteView bytes_of(const Char* data, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

/// The text that an array of char holds.
template <std::size_t N>
std::string_view text_in(const char (&array)[N]) {
  return {array, static_cast<std::size_t>(std::find(array, array + N, '\0') - array)};
}

/// Of a type that is only a view of what another holds.
#define RAZOR_VIEW_IS_REFUSED_ \
  "razor: a view cannot be decoded into: it would point into a buffer that is used again. Take a std::string, razor::Bytes or std::vector"

/// A path of the file system: std::filesystem's, and what is made like it.
template <class T>
concept Path = Foreign<T> && requires(const T& path) {
  T::preferred_separator;
  { path.native() } -> std::convertible_to<const std::string&>;
};

}  // namespace wire::detail

template <class T>
  requires wire::detail::is_string<T>
struct Codec<T> {
  static void encode(wire::Encoder& to, const T& value) {
    to.put_text(base::as_text(wire::detail::bytes_of(value.data(), value.size())));
  }
  static bool decode(wire::Decoder& from, T& value) {
    std::string_view text;
    if (!from.read_text(text)) return false;
    const auto* data = reinterpret_cast<const typename T::value_type*>(text.data());
    if constexpr (std::is_same_v<T, std::string>) {
      value = std::string(data, text.size());  // faster than assign where `value` is empty, as it mostly is
    } else {
      value.assign(data, text.size());
    }
    return true;
  }
};

template <class T>
  requires wire::detail::is_string_view<T>
struct Codec<T> {
  static void encode(wire::Encoder& to, T value) {
    to.put_text(base::as_text(wire::detail::bytes_of(value.data(), value.size())));
  }
  template <class View>
  static bool decode(wire::Decoder&, View&) {
    static_assert(!sizeof(View), RAZOR_VIEW_IS_REFUSED_);
    return false;
  }
};

template <>
struct Codec<const char*> {
  static void encode(wire::Encoder& to, const char* value) { to.put_text(value); }
  template <class View>
  static bool decode(wire::Decoder&, View&) {
    static_assert(!sizeof(View), RAZOR_VIEW_IS_REFUSED_);
    return false;
  }
};

/// Its native form.
template <wire::detail::Path T>
struct Codec<T> {
  static void encode(wire::Encoder& to, const T& value) { to.put_text(value.native()); }
  static bool decode(wire::Decoder& from, T& value) {
    std::string_view text;
    if (!from.read_text(text)) return false;
    value = T(std::string(text));
    return true;
  }
};

/// Up to its first zero, if there is one. The rest of the array is zero when it is decoded into.
template <std::size_t N>
struct Codec<char[N]> {
  static void encode(wire::Encoder& to, const char (&value)[N]) { to.put_text(wire::detail::text_in(value)); }
  static bool decode(wire::Decoder& from, char (&value)[N]) {
    std::string_view text;
    if (!from.read_text(text)) return false;
    if (text.size() > N) return from.fail("too many bytes for the array");
    std::fill(std::copy(text.begin(), text.end(), value), value + N, '\0');
    return true;
  }
};

namespace wire::detail {

/// Reads a bin, or an array of integers, into `bytes`, which it may fill in part: `count` says how far.
bool decode_byte_array(Decoder& from, std::span<std::byte> bytes, std::size_t& count);

}  // namespace wire::detail

/// std::vector<std::byte> is Bytes. Arrives as bin or as an array of integers.
template <wire::detail::ByteElement Byte, class Allocator>
struct Codec<std::vector<Byte, Allocator>> {
  using T = std::vector<Byte, Allocator>;

  static void encode(wire::Encoder& to, const T& value) {
    if constexpr (std::is_same_v<Byte, std::byte>) {
      to.put_binary(value);
    } else {
      to.put_array(value.size());
      for (const Byte byte : value) to.put_unsigned(byte);
    }
  }
  static bool decode(wire::Decoder& from, T& value) {
    if (!from.next_is_array()) {
      base::ByteView bytes;
      if (!from.read_binary(bytes)) return false;
      const auto* data = reinterpret_cast<const Byte*>(bytes.data());
      value.assign(data, data + bytes.size());
      return true;
    }
    std::uint32_t count = 0;
    if (!from.read_array(count)) return false;
    value.clear();
    value.reserve(count);  // as many bytes have arrived
    for (std::uint32_t i = 0; i < count; ++i) {
      std::uint64_t element;
      if (!from.read_unsigned(element, 0xff)) return false;
      value.push_back(static_cast<Byte>(element));
    }
    return true;
  }
};

/// ByteView, and other spans of std::byte.
template <class Byte, std::size_t N>
  requires std::is_same_v<std::remove_cv_t<Byte>, std::byte>
struct Codec<std::span<Byte, N>> {
  static void encode(wire::Encoder& to, std::span<const std::byte> value) { to.put_binary(value); }
  template <class View>
  static bool decode(wire::Decoder&, View&) {
    static_assert(!sizeof(View), RAZOR_VIEW_IS_REFUSED_);
    return false;
  }
};

template <std::size_t N>
struct Codec<std::array<std::byte, N>> {
  static void encode(wire::Encoder& to, const std::array<std::byte, N>& value) { to.put_binary(value); }
  static bool decode(wire::Decoder& from, std::array<std::byte, N>& value) {
    std::size_t count = 0;
    return wire::detail::decode_byte_array(from, value, count) && (count == N || from.fail("wrong number of elements"));
  }
};

/// An array of the language: bin. It may be filled in part; the rest is zero.
template <wire::detail::ByteElement Byte, std::size_t N>
struct Codec<Byte[N]> {
  static void encode(wire::Encoder& to, const Byte (&value)[N]) { to.put_binary(std::as_bytes(std::span(value))); }
  static bool decode(wire::Decoder& from, Byte (&value)[N]) {
    std::size_t count = 0;
    if (!wire::detail::decode_byte_array(from, std::as_writable_bytes(std::span(value)), count)) return false;
    std::fill(value + count, value + N, Byte{});
    return true;
  }
};

}  // namespace razor
