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
  /// The first delay is between `min / 2` and `min`; each further one doubles, up to between `max / 2` and `max`.
  Backoff(base::Duration min, base::Duration max, std::uint64_t seed) : min_(min), max_(max), random_(seed) {
    RAZOR_CHECK(min > base::Duration::zero() && min <= max, "a back-off from {} ns to {} ns", min.count(), max.count());
  }

  /// The delay after one more failure.
  base::Duration next() {
    const base::Duration full = full_delay(failures_++, min_, max_);
    return jittered(full, random_);
  }
  /// It works again.
  void reset() { failures_ = 0; }
  std::uint32_t failures() const { return failures_; }

  /// For those who count failures themselves: the delay after `failures` earlier ones.
  static base::Duration delay(std::uint32_t failures, base::Duration min, base::Duration max, base::RandomStream& random) {
    return jittered(full_delay(failures, min, max), random);
  }

 private:
  static base::Duration full_delay(std::uint32_t failures, base::Duration min, base::Duration max) {
    base::Duration delay = min;
    for (; failures > 0 && delay < max; --failures) delay = delay > max / 2 ? max : 2 * delay;
    return std::min(delay, max);
  }
  static base::Duration jittered(base::Duration full, base::RandomStream& random) {
    const base::Duration half = full / 2;
    return half + random.between(base::Duration::zero(), full - half);
  }

  base::Duration min_;
  base::Duration max_;
  base::RandomStream random_;
  std::uint32_t failures_ = 0;
};

}  // namespace razor::pool
