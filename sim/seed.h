#pragma once
// Chance in a simulated world: every entity and purpose has a stream of its own, named by a path of words, so that one
// draw more here moves no draw there. The same numbers come from every compiler and machine: no <random>, no floating
// point in what is drawn.

#include <cstdint>
#include <string_view>

#include "razor/base/time.h"

namespace razor::sim {

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
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(bits()) * bound) >> 64);
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

/// Where streams come from.
class Seed {
 public:
  constexpr explicit Seed(std::uint64_t value) : value_(value) {}

  constexpr std::uint64_t value() const { return value_; }
  /// The seed of a part or a purpose: another name gives an unrelated one.
  constexpr Seed of(std::string_view name) const {
    // FNV-1a over the name. It begins with the seed scrambled: otherwise seed 0's "b" were seed 1's "c".
    std::uint64_t hash = scrambled(value_ + 0x9e37'79b9'7f4a'7c15);
    for (const char letter : name) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x0000'0100'0000'01b3;
    return Seed(scrambled(hash + name.size()));
  }
  constexpr Seed of(std::uint64_t number) const { return Seed(scrambled(value_ ^ scrambled(number + 1))); }
  constexpr RandomStream stream() const { return RandomStream(value_); }
  constexpr RandomStream stream(std::string_view name) const { return of(name).stream(); }

 private:
  std::uint64_t value_;
};

}  // namespace razor::sim
