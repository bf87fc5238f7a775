#pragma once
// What a type that has no codec gets: an error of the compiler that says what to write. With msgpack_adaptor.h included,
// msgpack-cxx is asked instead.

#include "razor/wire/codec.h"
#include "razor/wire/codec_traits.h"

namespace razor {

namespace wire::detail {

/// Lets msgpack_adaptor.h, which is included or not, be found by the compiler where it needs it.
struct MsgpackCxx {};

template <class T>
concept MayBeLeftToMsgpackCxx = requires(Encoder& to, const T& value) { encode_by_msgpack(MsgpackCxx(), to, value); };

template <class T>
inline constexpr bool is_weak_ptr = false;
template <class T>
inline constexpr bool is_weak_ptr<std::weak_ptr<T>> = true;

/// Names T in the error.
template <class T>
struct HasCodec {
  static_assert(!is_blob<T>,
                "razor: a razor::Blob is a parameter, a result, or the second of a pair that is a result: it travels beside the "
                "message. Bytes inside a message are razor::Bytes");
  static_assert(!std::is_pointer_v<T> && !std::is_null_pointer_v<T> && !is_weak_ptr<T>,
                "razor: a pointer does not travel. A std::unique_ptr or std::shared_ptr does, as what it points to; a text is a "
                "std::string");
  static_assert(!HasMsgpackPack<T>,
                "razor: types with MSGPACK_DEFINE or another packing for msgpack-cxx travel where you write "
                "#include \"razor/wire/msgpack_adaptor.h\". Or name the fields with RAZOR_FIELDS instead");
  static_assert(!std::is_arithmetic_v<T>, "razor: a number of this type does not travel: integers have up to 64 bits, floats are "
                                          "float and double");
  static_assert(std::is_pointer_v<T> || std::is_null_pointer_v<T> || is_weak_ptr<T> || HasMsgpackPack<T> ||
                    std::is_arithmetic_v<T> || is_blob<T>,
                "razor: nothing says how this type travels. Name its fields inside it: RAZOR_FIELDS(Type, field, ...). A type that "
                "you cannot edit gets a razor::Codec<Type> (razor/wire/codec.h)");
  static constexpr bool ok = true;
};

}  // namespace wire::detail

template <class T>
struct Codec {
  static void encode(wire::Encoder& to, const T& value) {
    if constexpr (wire::detail::MayBeLeftToMsgpackCxx<T>) {
      encode_by_msgpack(wire::detail::MsgpackCxx(), to, value);
    } else {
      static_assert(wire::detail::HasCodec<T>::ok);
    }
  }
  static bool decode(wire::Decoder& from, T& value) {
    if constexpr (wire::detail::MayBeLeftToMsgpackCxx<T>) {
      return decode_by_msgpack(wire::detail::MsgpackCxx(), from, value);
    } else {
      static_assert(wire::detail::HasCodec<T>::ok);
      return false;
    }
  }
};

}  // namespace razor
