#include "razor/pool/pool_call.h"

#include <algorithm>

#include "razor/pool/call_driver.h"

namespace razor::pool {

PoolCall::PoolCall(stream::PendingCall& its_caller, const wire::Action& action, const stream::CallOptions& call_options)
    : caller(&its_caller), options(call_options), is_name_(action.is_name()), number_(action.number()) {
  memory_refused = !base::with_memory([&] {
    name_and_message_.put(base::as_bytes(action.name()));
    name_bytes_ = action.name().size();
  });
}

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
