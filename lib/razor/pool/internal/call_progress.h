#pragma once
// CallProgress: how far a call of a pool has come, as its policy reads and counts it (call_policy.h). Plain data.

#include <cstdint>

#include "razor/base/error.h"
#include "razor/base/time.h"
#include "razor/pool/selector.h"

namespace razor::pool {

struct CallProgress {
  base::TimePoint deadline{};
  base::Duration hedge_after{};    ///< zero or less: never
  bool idempotent = false;
  base::Ran ran = base::Ran::no;   ///< over all attempts that have ended
  std::uint32_t attempts = 0;      ///< that may have run, or are in flight; those that were redirected do not count
  std::uint32_t retries = 0;       ///< tokens of the retry budget that were spent on it, hedges aside
  std::uint32_t redirects = 0;     ///< errors of handlers that it followed to another address
  std::uint32_t refusals = 0;      ///< by servers that were to close
  bool has_token = false;          ///< of the retry budget, for its next attempt
  bool was_cut_off = false;        ///< its last attempt was: the next one needs a token, though it is no retry
  bool left_silence = false;       ///< it was hedged because its connection is silent, which is done once
  AddressId avoid = kNoAddress;    ///< where its last attempt failed: used only when no other address is healthy
  AddressId target = kNoAddress;   ///< where an error of a handler sent it
};

}  // namespace razor::pool
