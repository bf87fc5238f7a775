#include "faults/host_pauses.h"

#include <algorithm>

namespace razor::faults {

using base::TimePoint;

void HostPauses::paused(const sim::Host& host) { of(host).push_back({host.clock_now(), TimePoint::max()}); }

void HostPauses::resumed(const sim::Host& host) {
  Pauses& pauses = of(host);
  if (!pauses.empty()) pauses.back().to = host.clock_now();
}

void HostPauses::crashed(const sim::Host& host) { of(host).clear(); }

TimePoint HostPauses::when_awake(const sim::Host& host, TimePoint from, TimePoint limit, base::Duration slack) const {
  limit = base::saturating_add(limit, slack);
  if (pauses_.size() <= host.number()) return limit;
  const Pauses& pauses = pauses_[host.number()];
  const auto first = std::ranges::lower_bound(pauses, from, {}, &Pause::to);
  for (auto pause = first; pause != pauses.end() && pause->from <= limit; ++pause) {
    limit = std::max(limit, base::saturating_add(pause->to, slack));
  }
  return limit;
}

HostPauses::Pauses& HostPauses::of(const sim::Host& host) {
  if (pauses_.size() <= host.number()) pauses_.resize(host.number() + 1);
  return pauses_[host.number()];
}

}  // namespace razor::faults
