#pragma once
// Codecs of what has a fixed number of elements: std::array, arrays of the language, std::pair, std::tuple; and of
// std::span, which is only sent. All are arrays; of bytes and of char: text_codec.h.

#include <span>

#include "razor/wire/codec.h"
#include "razor/wire/codec_traits.h"

namespace razor {

namespace wire::detail {

/// Reads the head of an array of exactly `expected` elements, and enters it.
bool enter_array_of(Decoder& from, std::size_t expected);

// In C++ an array is not assigned as a whole.
template <class T>
void value_initialise(T& value) {
  if constexpr (std::is_array_v<T>) {
    for (auto& element : value) value_initialise(element);
  } else {
    value = T{};
  }
}

}  // namespace wire::detail

template <class T, std::size_t N>
struct Codec<std::array<T, N>> {
  using Parts = wire::detail::Parts<T>;

  static void encode(wire::Encoder& to, const std::array<T, N>& value) {
    to.put_array(N);
    to.enter();
    for (const T& element : value) Codec<T>::encode(to, element);
    to.leave();
  }
  static bool decode(wire::Decoder& from, std::array<T, N>& value) {
    if (!wire::detail::enter_array_of(from, N)) return false;
    for (T& element : value) {
      if (!Codec<T>::decode(from, element)) return false;
    }
    from.leave();
    return true;
  }
};

/// May be filled in part, as msgpack-cxx does it; the rest is as in a new one.
template <class T, std::size_t N>
struct Codec<T[N]> {
  using Parts = wire::detail::Parts<T>;

  static void encode(wire::Encoder& to, const T (&value)[N]) {
    to.put_array(N);
    to.enter();
    for (const T& element : value) Codec<T>::encode(to, element);
    to.leave();
  }
  static bool decode(wire::Decoder& from, T (&value)[N]) {
    std::uint32_t count = 0;
    if (!from.read_array(count) || !from.enter()) return false;
    if (count > N) return from.fail("too many elements for the array");
    for (std::size_t i = 0; i < N; ++i) {
      if (i >= count) {
        wire::detail::value_initialise(value[i]);
      } else if (!Codec<T>::decode(from, value[i])) {
        return false;
      }
    }
    from.leave();
    return true;
  }
};

/// Sent as a sequence is; what receives it is one.
template <class T, std::size_t N>
struct Codec<std::span<T, N>> {
  static void encode(wire::Encoder& to, std::span<T, N> value) {
    to.put_array(value.size());
    to.enter();
    for (const T& element : value) Codec<std::remove_cv_t<T>>::encode(to, element);
    to.leave();
  }
  template <class View>
  static bool decode(wire::Decoder&, View&) {
    static_assert(!sizeof(View), RAZOR_VIEW_IS_REFUSED_);
    return false;
  }
};

template <wire::detail::TupleLike T>
struct Codec<T> {
  using Parts = wire::detail::ArgumentsOf<T>;

  static void encode(wire::Encoder& to, const T& value) {
    to.put_array(std::tuple_size_v<T>);
    to.enter();
    encode_elements(to, value, std::make_index_sequence<std::tuple_size_v<T>>());
    to.leave();
  }
  static bool decode(wire::Decoder& from, T& value) {
    if (!wire::detail::enter_array_of(from, std::tuple_size_v<T>)) return false;
    const bool decoded = std::apply(
        [&from]<class... Element>(Element&... element) { return (Codec<Element>::decode(from, element) && ...); }, value);
    from.leave();
    return decoded;
  }

 private:
  // Inlined, which a lambda for std::apply is not by every compiler: behind a closure `to` would be loaded anew for each byte.
  template <std::size_t... I>
  [[gnu::always_inline]] static void encode_elements(wire::Encoder& to, const T& value, std::index_sequence<I...>) {
    (Codec<std::tuple_element_t<I, T>>::encode(to, std::get<I>(value)), ...);
  }
};

}  // namespace razor
