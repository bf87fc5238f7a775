#pragma once
// Integers to and from unaligned bytes, in the two orders that the wire uses: little endian in frame heads,
// big endian inside msgpack. Compiles to one load or store (and a bswap).

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>

namespace razor::base {

static_assert(std::endian::native == std::endian::little, "big-endian machines need byte swaps in load/store_little");

template <std::unsigned_integral T>
T load_little(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <std::unsigned_integral T>
void store_little(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

template <std::unsigned_integral T>
constexpr T byte_swapped(T value) {
  if constexpr (sizeof(T) == 1) return value;
  if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
}

template <std::unsigned_integral T>
T load_big(const std::byte* from) {
  return byte_swapped(load_little<T>(from));
}

template <std::unsigned_integral T>
void store_big(std::byte* to, T value) {
  store_little<T>(to, byte_swapped(value));
}

}  // namespace razor::base
