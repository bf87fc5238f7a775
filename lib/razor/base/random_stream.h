#pragma once
// RandomStream: a sequence of draws from a seed. The same numbers come from every compiler and machine: no <random>, no
// floating point.

#include <cstdint>

#include "razor/base/time.h"

namespace razor::base {

/// Scrambles 64 bits: a bijection in which every input bit moves half of the output's.
/// Source: splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
constexpr std::uint64_t scrambled(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58'476d'1ce4'e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d0'49bb'1331'11eb;
  return bits ^ (bits >> 31);
}

/// A sequence of draws. One draw per statement, where several are needed: compilers order arguments differently.
class RandomStream {
 public:
  constexpr explicit RandomStream(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t bits() { return scrambled(state_ += 0x9e37'79b9'7f4a'7c15); }

  /// 0 .. bound - 1; `bound` is not 0.
  constexpr std::uint64_t below(std::uint64_t bound) {
    __extension__ using Product = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Product>(bits()) * bound) >> 64);
  }
  /// least .. most, both included.
  constexpr base::Duration between(base::Duration least, base::Duration most) {
    return least + base::Duration(static_cast<std::int64_t>(below(static_cast<std::uint64_t>((most - least).count()) + 1)));
  }
  /// True once in `count` draws; never for 0.
  constexpr bool one_in(std::uint64_t count) { return count > 0 && below(count) == 0; }

 private:
  std::uint64_t state_;
};

}  // namespace razor::base
