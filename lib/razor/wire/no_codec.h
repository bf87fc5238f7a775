#pragma once
// What a type that has no codec gets: an error of the compiler that says what to write. With msgpack_adaptor.h included,
// msgpack-cxx is asked instead.

#include <span>

#include "razor/wire/codec.h"
#include "razor/wire/codec_traits.h"

namespace razor {

namespace wire::detail {

/// Lets msgpack_adaptor.h, which is included or not, be found by the compiler where it needs it.
struct MsgpackCxx {};

template <class T>
concept MayBeLeftToMsgpackCxx = requires(Encoder& to, const T& value) { encode_by_msgpack(MsgpackCxx(), to, value); };

template <class T>
inline constexpr bool is_a_span = false;
template <class T, std::size_t N>
inline constexpr bool is_a_span<std::span<T, N>> = true;
template <class T>
inline constexpr bool is_weak_ptr = false;
template <class T>
inline constexpr bool is_weak_ptr<std::weak_ptr<T>> = true;

template <class T>
inline constexpr bool is_pointer = std::is_pointer_v<T> || std::is_null_pointer_v<T> || is_weak_ptr<T>;
template <class T>
inline constexpr bool is_nothing_known_of = !is_pointer<T> && !HasMsgpackPack<T> && !std::is_arithmetic_v<T> && !is_blob<T>;

/// Refuses, by its name, a T without a codec, and such a part of a T. It runs nowhere. It is asked for where a service is defined,
/// before the code that encodes and decodes: an error there has behind it every function from the service down to the field that
/// does not travel.
template <class T>
void check_type();

/// The same for a view, which cannot be decoded into, and for elements that cannot be made.
template <class T>
void check_received();

template <class... T>
struct Parts {
  static constexpr bool travel = ((&check_type<std::remove_const_t<std::remove_all_extents_t<T>>> != nullptr) && ...);
  static constexpr bool are_received =
      ((&check_received<std::remove_const_t<std::remove_all_extents_t<T>>> != nullptr) && ...);
};

}  // namespace wire::detail

/// Of a type that belongs to no family.
template <class T>
struct Codec {
  using BelongsToNoFamily = T;

  static void encode(wire::Encoder& to, const T& value) {
    if constexpr (wire::detail::MayBeLeftToMsgpackCxx<T>) {
      encode_by_msgpack(wire::detail::MsgpackCxx(), to, value);
    } else {
      wire::detail::check_type<T>();
    }
  }
  static bool decode(wire::Decoder& from, T& value) {
    if constexpr (wire::detail::MayBeLeftToMsgpackCxx<T>) {
      return decode_by_msgpack(wire::detail::MsgpackCxx(), from, value);
    } else {
      wire::detail::check_type<T>();
      return false;
    }
  }
};

namespace wire::detail {

template <class T>
void check_type() {
  if constexpr (requires { typename Codec<T>::Parts; }) {
    static_assert(Codec<T>::Parts::travel);
  } else if constexpr (requires { typename Codec<T>::BelongsToNoFamily; } && !MayBeLeftToMsgpackCxx<T>) {
    static_assert(
        !is_pointer<T>,
        "razor: a pointer does not travel. A std::unique_ptr or std::shared_ptr does, as what it points to; a text is a "
        "std::string");
    static_assert(
        !is_blob<T>,
        "razor: a razor::Blob is a parameter, a result, or the second of a pair that is a result: it travels beside the "
        "message. Bytes inside a message are razor::Bytes");
    static_assert(!HasMsgpackPack<T>,
                  "razor: types with MSGPACK_DEFINE or another packing for msgpack-cxx travel where you write "
                  "#include \"razor/wire/msgpack_adaptor.h\". Or name the fields with RAZOR_FIELDS instead");
    static_assert(!std::is_arithmetic_v<T>,
                  "razor: a number of this type does not travel: integers have up to 64 bits, floats "
                  "are float and double");
    static_assert(
        !is_nothing_known_of<T>,
        "razor: nothing says how this type travels. Name its fields inside it: RAZOR_FIELDS(Type, field, ...). A type "
        "that you cannot edit gets a razor::Codec<Type> (razor/wire/codec.h)");
  }
}

/// Refuses a type without a default constructor.
template <class T>
void check_new() {
  (void)can_be_new<T>();
}

template <class T>
void check_received() {
  if constexpr (requires { typename Codec<T>::Parts; }) {
    if constexpr (Sequence<T>) (void)can_be_new<typename T::value_type>();
    static_assert(Codec<T>::Parts::are_received);
  } else if constexpr (is_string_view<T> || is_a_span<T>) {
    (void)&Codec<T>::template decode<T>;
  }
}

}  // namespace wire::detail

}  // namespace razor
