#include "razor/pool/internal/connect_policy.h"

#include <algorithm>

namespace razor::pool {

using base::TimePoint;
using Kind = ConnectStep::Kind;

// `nothing` when a new connection tells more, and there is a place for it.
Kind ConnectPolicy::to_ask(const EndpointView& endpoint) {
  if (endpoint.health == HealthState::suspect && endpoint.can_ask_open) return Kind::ask_open;
  if (endpoint.has_place || endpoint.has_forgotten) return Kind::nothing;
  return endpoint.can_ask_left ? Kind::ask_left : Kind::nothing;
}

bool ConnectPolicy::wants_work(const EndpointView& endpoint) {
  if (endpoint.is_retired) return false;
  if (endpoint.health == HealthState::healthy) {
    if (!endpoint.is_demanded || endpoint.has_room) return false;
  } else if (!endpoint.is_active) {
    return false;
  }
  // Until a silent connection is given up there is no work that waits for it, which would see nothing of what else may be
  // done meanwhile: the pool asks here again with each change, and once a tick.
  return can_do_something(endpoint) || endpoint.has_long_silent;
}

ConnectStep ConnectPolicy::next(const EndpointView& endpoint, TimePoint now) const {
  if (!wants_work(endpoint)) return {};
  if (!can_do_something(endpoint)) return {Kind::give_up};
  const Kind asked = to_ask(endpoint);
  TimePoint at = grows(endpoint) ? growth_not_before_ : not_before_;
  if (asked == Kind::nothing) at = std::max(at, rate_.next());
  if (at > now) return {Kind::wait, at, grows(endpoint)};
  if (asked != Kind::nothing) return {asked};
  return {endpoint.has_place ? Kind::connect : Kind::replace};
}

}  // namespace razor::pool
