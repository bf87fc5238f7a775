#pragma once
// Points in time and spans of it, as the whole library counts them.
//
// `TimePoint` belongs to a Runtime's clock: monotonic nanoseconds since a start that only that Runtime knows.
// It has no `now()` on purpose: the time comes from `runtime::Clock`, which a simulated host replaces.

#include <chrono>
#include <cstdint>

namespace razor::base {

using Duration = std::chrono::nanoseconds;

/// Names the time line of a Runtime. Not a clock: it cannot be read.
struct RuntimeTimeline {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<RuntimeTimeline, Duration>;
  static constexpr bool is_steady = true;
};

using TimePoint = RuntimeTimeline::time_point;

/// `time + span`, held at the ends of the time line instead of wrapping: "no limit" is `Duration::max()`.
constexpr TimePoint saturating_add(TimePoint time, Duration span) {
  if (span > Duration::zero() && time > TimePoint::max() - span) return TimePoint::max();
  if (span < Duration::zero() && time < TimePoint::min() - span) return TimePoint::min();
  return time + span;
}

}  // namespace razor::base

namespace razor {
using base::Duration;
using base::TimePoint;
}  // namespace razor
