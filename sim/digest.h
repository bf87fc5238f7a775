#pragma once
// Digest: a hash chain over all that happens in a world. Two runs did the same exactly when their digests agree.

#include <cstring>

#include "razor/base/bytes.h"
#include "sim/seed.h"

namespace razor::sim {

class Digest {
 public:
  constexpr std::uint64_t value() const { return value_; }

  constexpr void mix(std::uint64_t word) {
    value_ = (value_ ^ word) * 0x9e37'79b9'7f4a'7c15;
    value_ ^= value_ >> 32;
  }

 private:
  std::uint64_t value_ = 0x7261'7a6f'7200'0001;
};

/// Bytes as one word for a digest.
inline std::uint64_t hash_of(base::ByteView bytes) {
  std::uint64_t hash = bytes.size() * 0x9e37'79b9'7f4a'7c15;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    hash = (hash ^ word) * 0xbf58'476d'1ce4'e5b9;
    hash ^= hash >> 29;
  }
  if (left > 0) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, left);
    hash = (hash ^ word) * 0xbf58'476d'1ce4'e5b9;
  }
  return scrambled(hash);
}

}  // namespace razor::sim
