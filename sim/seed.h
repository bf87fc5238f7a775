#pragma once
// Chance in a simulated world: every entity and purpose has a stream of its own, named by a path of words, so that one
// draw more here moves no draw there. The same numbers come from every compiler and machine: no <random>, no floating
// point in what is drawn.

#include <cstdint>
#include <string_view>

#include "razor/base/random_stream.h"

namespace razor::sim {

using base::RandomStream;
using base::scrambled;

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
