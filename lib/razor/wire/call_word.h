#pragma once
// CallWord: what every request of ours says of its call, in the bytes of `client_id`: how long the caller still waits, and how
// the call came to be. A peer of plain version 1 ignores these bytes, so it is sent before anything is known of the peer; it is
// believed only on a connection that began with a hello.
// Source: protocol.md, "Call word".

#include <algorithm>
#include <cstdint>
#include <optional>

#include "razor/base/time.h"

namespace razor::wire {

/// How much a call matters, for a server that has to refuse some.
enum class Criticality : std::uint8_t { normal = 0, critical = 1, sheddable = 2, background = 3 };

struct CallWord {
  /// In `left`: no deadline, or one that is further away than 119 hours.
  static constexpr std::uint32_t kNoDeadline = 0xffff'ffff;
  static constexpr base::Duration kUnit = std::chrono::microseconds(100);

  static constexpr std::uint8_t kIdempotent = 0x01;
  static constexpr std::uint8_t kHedge = 0x02;
  static constexpr int kCriticalityShift = 2;

  std::uint32_t left = kNoDeadline;  ///< in `kUnit`, until the deadline, when the frame was written
  std::uint8_t attempt = 0;  ///< earlier attempts of the call that may have run; 255: or more
  std::uint8_t flags = 0;
  std::uint16_t extension_bytes = 0;  ///< of the extension block, between the head and the action

  bool is_idempotent() const { return (flags & kIdempotent) != 0; }
  bool is_hedge() const { return (flags & kHedge) != 0; }
  Criticality criticality() const { return static_cast<Criticality>((flags >> kCriticalityShift) & 3); }
  /// None: no deadline is known.
  std::optional<base::Duration> time_left() const {
    if (left == kNoDeadline) return std::nullopt;
    return left * kUnit;
  }
  bool operator==(const CallWord&) const = default;
};

/// Of a call whose time is not known yet.
inline constexpr CallWord call_word(std::uint8_t attempt, bool is_idempotent, bool is_hedge, Criticality criticality) {
  CallWord word;
  word.attempt = attempt;
  word.flags = static_cast<std::uint8_t>((is_idempotent ? CallWord::kIdempotent : 0) | (is_hedge ? CallWord::kHedge : 0) |
                                         static_cast<int>(criticality) << CallWord::kCriticalityShift);
  return word;
}

/// Rounded up, so that a server never gives up before its client does; nothing left is 0.
inline constexpr std::uint32_t time_left_field(base::Duration left) {
  if (left <= base::Duration::zero()) return 0;
  const auto units = (left - base::Duration(1)) / CallWord::kUnit + 1;
  return units < CallWord::kNoDeadline ? static_cast<std::uint32_t>(units) : CallWord::kNoDeadline;
}

/// As it stands in `client_id`.
inline constexpr std::uint64_t to_client_id(const CallWord& word) {
  return std::uint64_t{word.left} | std::uint64_t{word.attempt} << 32 | std::uint64_t{word.flags} << 40 |
         std::uint64_t{word.extension_bytes} << 48;
}
inline constexpr CallWord call_word_of(std::uint64_t client_id) {
  CallWord word;
  word.left = static_cast<std::uint32_t>(client_id);
  word.attempt = static_cast<std::uint8_t>(client_id >> 32);
  word.flags = static_cast<std::uint8_t>(client_id >> 40);
  word.extension_bytes = static_cast<std::uint16_t>(client_id >> 48);
  return word;
}

}  // namespace razor::wire
