#pragma once
// encode and decode: user types to msgpack and back, without an object tree in between.
//
// What travels, and as what bytes, is the table of types.md. Each family of types has its codec in a header of
// its own (the list of includes at the end). A type that cannot be edited gets one by a specialisation of the user's:
//
//   template <>
//   struct razor::Codec<Money> {
//     static void encode(Encoder& to, const Money& money) { razor::encode(to, money.cents()); }
//     static bool decode(Decoder& from, Money& money) {
//       std::int64_t cents = 0;
//       return razor::decode(from, cents) && (money = Money::of_cents(cents), true);
//     }
//   };
//
// It belongs into the header of the type, or in front of the first service that names it: every file must see the same.
// Types with an adaptor for msgpack-cxx, or with MSGPACK_DEFINE, travel where msgpack_adaptor.h is included.
//
// A value is decoded afresh: what it was before does not show in what it is after. Of a key that comes twice in a map the
// last value stands, alone; a struct that names a field twice is refused.
//
// Time:   decoding n bytes costs O(n log n) at worst; keys that are chosen to collide in a hash table are refused
//         (hash_guard.h).
// Memory: room that is made for elements before they arrive is at most 4 times the bytes received, or 1 KiB.
// Depth:  64 levels, decoding and encoding: a value that contains itself is an error, not an overflow of the stack.
//
// Source: protocol.md, "msgpack".

#include <exception>
#include <string>
#include <tuple>

#include "razor/base/blob.h"
#include "razor/wire/wire_format.h"

namespace razor {

/// How a T travels: `static void encode(Encoder&, const T&)` and `static bool decode(Decoder&, T&)`. Users specialise it.
///
/// Errors: `encode` throws, EncodeError for instance; `decode` returns false after `from.fail("why")`, or throws.
template <class T>
struct Codec;

}  // namespace razor

namespace razor::wire {

/// Appends `value`.
/// Errors: throws EncodeError, std::bad_alloc, and what a codec of the user's throws.
template <class T>
void encode(Encoder& to, const T& value) {
  Codec<T>::encode(to, value);
}

/// Reads one value into `value`, which is partly written when that fails. False on failure: see `from.error_message()`.
/// What does not travel of it, such as members that RAZOR_FIELDS does not name, keeps its value.
/// Errors: throws std::bad_alloc, and what a codec of the user's throws.
template <class T>
bool decode(Decoder& from, T& value) {
  return Codec<T>::decode(from, value);
}

/// What a value's bytes are, as a block of their own: for tests and tools.
template <class T>
base::Bytes encoded(const T& value) {
  BytesSink sink;
  Encoder to(sink);
  encode(to, value);
  return std::move(sink).take();
}

/// Reads the one value that `bytes` are, to their end. False: see `error`. `bytes` are in `format`; null: msgpack.
/// Errors: throws as `decode` does, and as `values_of`.
template <class T>
bool decode_all(base::ByteView bytes, T& value, std::string* error = nullptr, const WireFormat* format = nullptr) {
  base::Bytes storage;
  Decoder from(values_of(format, bytes, storage));
  if (decode(from, value) && from.finish()) return true;
  if (error != nullptr) *error = error_of(from, format);
  return false;
}

/// The same, where exceptions count as failures.
template <class T>
bool decode_whole(base::ByteView bytes, T& value, std::string* error = nullptr, const WireFormat* format = nullptr) {
  try {
    return decode_all(bytes, value, error, format);
  } catch (const std::exception& exception) {
    if (error != nullptr) *error = exception.what();
  } catch (...) {
    if (error != nullptr) *error = "a codec threw";
  }
  return false;
}

/// A parameter that is not in the list: it travels beside the message.
template <class T>
inline constexpr bool is_blob = std::is_same_v<T, base::Blob>;

namespace detail {

template <class T>
void encode_listed(Encoder& to, const T& arg) {
  if constexpr (!is_blob<T>) Codec<T>::encode(to, arg);
}
template <class T>
void keep_blob(base::Blob& blob, const T& arg) {
  if constexpr (is_blob<T>) blob = arg;
}

}  // namespace detail

/// The parameter list of a method: nil for none, one alone as it is, several as an array. Blobs do not count.
template <class... Args>
void encode_parameters(Encoder& to, const Args&... args) {
  constexpr std::size_t kListed = (0 + ... + (is_blob<Args> ? 0 : 1));
  if constexpr (kListed == 0) to.put_nil();
  if constexpr (kListed > 1) {
    to.put_array(kListed);
    to.enter();
  }
  (detail::encode_listed(to, args), ...);
}

/// Of the arguments `args`, the one that travels beside the message; empty where none does.
template <class... Args>
base::Blob blob_among(const Args&... args) {
  base::Blob blob;
  (detail::keep_blob(blob, args), ...);
  return blob;
}

/// Into new `args`. The last parameters may be absent where they may be nil (an optional, a pointer): a caller does not know
/// yet that the method has them.
template <class... Args>
bool decode_parameters(Decoder& from, std::tuple<Args...>& args);

}  // namespace razor::wire

namespace razor {
using wire::decode;
using wire::Decoder;
using wire::encode;
using wire::EncodeError;
using wire::Encoder;
}  // namespace razor

// The families. The last one is of the types that belong to none.
// Each uses what stands before it.
// clang-format off
#include "razor/wire/scalar_codec.h"     // bool, integers, floats, enums, std::byte, Unit, std::bitset
#include "razor/wire/text_codec.h"       // strings, paths of the file system, arrays of char, bytes
#include "razor/wire/container_codec.h"  // sequences, sets, maps
#include "razor/wire/array_codec.h"      // arrays, std::span, std::pair, std::tuple
#include "razor/wire/nullable_codec.h"   // std::optional, std::unique_ptr, std::shared_ptr
#include "razor/wire/time_codec.h"       // std::chrono
#include "razor/wire/variant_codec.h"
#include "razor/wire/fields_codec.h"     // types named by RAZOR_FIELDS and its kin
#include "razor/wire/error_code_codec.h"
#include "razor/wire/no_codec.h"
// clang-format on

// ---------------------------------------------------------------------------------------------------------------------

namespace razor::wire {

namespace detail {

/// How many parameters cannot be left out.
template <class... Args>
constexpr std::size_t required_parameters() {
  std::size_t required = 0;
  std::size_t place = 0;
  ((place += is_blob<Args> ? 0 : 1, required = may_be_absent<Args> || is_blob<Args> ? required : place), ...);
  return required;
}
/// `left`: how many values of the list have not been read.
template <class T>
bool decode_listed(Decoder& from, std::uint32_t& left, T& arg) {
  if constexpr (is_blob<T>) {
    return true;
  } else {
    return left == 0 || (--left, Codec<T>::decode(from, arg));
  }
}

/// Reads how many of `all` parameters there are; false when they are fewer than `required`, or more.
bool enter_parameters(Decoder& from, std::size_t required, std::size_t all, std::uint32_t& count);

}  // namespace detail

template <class... Args>
bool decode_parameters(Decoder& from, std::tuple<Args...>& args) {
  constexpr std::size_t kListed = (0 + ... + (is_blob<Args> ? 0 : 1));
  if constexpr (kListed == 0) {
    return from.read_nil();
  } else {
    std::uint32_t left = kListed;
    if constexpr (kListed > 1) {
      if (!detail::enter_parameters(from, detail::required_parameters<Args...>(), kListed, left) || !from.enter())
        return false;
    }
    const bool decoded = std::apply([&](Args&... arg) { return (detail::decode_listed(from, left, arg) && ...); }, args);
    if constexpr (kListed > 1) from.leave();
    return decoded;
  }
}

}  // namespace razor::wire
