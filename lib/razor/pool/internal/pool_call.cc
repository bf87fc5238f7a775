#include "razor/pool/internal/pool_call.h"

#include <algorithm>

#include "razor/pool/internal/call_driver.h"

namespace razor::pool {

void PoolCall::set_limits(base::TimePoint now, base::Duration timeout, base::Duration pool_hedge_after) {
  if (!options.timeout) options.timeout = timeout;
  deadline = std::min(options.deadline, base::saturating_add(now, *options.timeout));
  if (deadline == options.deadline && now < deadline) options.timeout = deadline - now;
  idempotent = options.idempotent;
  hedge_after = options.hedge_after.value_or(pool_hedge_after);
  stage_since = now;
}

void PoolCall::CallTimer::fire() { driver.on_timer(call); }

}  // namespace razor::pool
