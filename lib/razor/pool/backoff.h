#pragma once
// Backoff: how long to wait before the next attempt of something that failed. Exponential with equal jitter: half of the
// delay is fixed, half is drawn, so that those who failed together do not come back together. Pure.
//
// Source: AWS Architecture Blog, "Exponential Backoff And Jitter".

#include <algorithm>

#include "razor/base/check.h"
#include "razor/base/random_stream.h"

namespace razor::pool {

class Backoff {
 public:
  /// The first delay is between `least / 2` and `least`; each further one doubles, up to between `most / 2` and `most`.
  Backoff(base::Duration least, base::Duration most, std::uint64_t seed) : least_(least), most_(most), random_(seed) {
    RAZOR_CHECK(least > base::Duration::zero() && least <= most, "a back-off from {} ns to {} ns", least.count(),
                most.count());
  }

  /// The delay after one more failure.
  base::Duration next() {
    const base::Duration full = full_delay(failures_++, least_, most_);
    return jittered(full, random_);
  }
  /// It works again.
  void reset() { failures_ = 0; }
  std::uint32_t failures() const { return failures_; }

  /// For those who count failures themselves: the delay after `failures` earlier ones.
  static base::Duration delay(std::uint32_t failures, base::Duration least, base::Duration most,
                              base::RandomStream& random) {
    return jittered(full_delay(failures, least, most), random);
  }

 private:
  static base::Duration full_delay(std::uint32_t failures, base::Duration least, base::Duration most) {
    for (; failures > 0 && least < most; --failures) least = least > most / 2 ? most : 2 * least;
    return std::min(least, most);
  }
  static base::Duration jittered(base::Duration full, base::RandomStream& random) {
    const base::Duration half = full / 2;
    return half + random.between(base::Duration::zero(), full - half);
  }

  base::Duration least_;
  base::Duration most_;
  base::RandomStream random_;
  std::uint32_t failures_ = 0;
};

}  // namespace razor::pool
