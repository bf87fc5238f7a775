#include "razor/pool/internal/attempt.h"

#include "razor/pool/internal/call_driver.h"
#include "razor/pool/internal/pool_call_observer.h"

namespace razor::pool {

using base::Duration;
using base::TimePoint;

bool Attempt::send(TimePoint now) {
  PoolCall& call = *call_;
  stream::CallOptions options;
  options.deadline = call.deadline;
  options.timeout = call.deadline == TimePoint::max() ? Duration::max() : call.deadline - now;
  options.format = call.options.format;
  options.idempotent = call.idempotent;
  options.criticality = call.options.criticality;
  options.metadata = call.options.metadata;
  options.trace = call.options.trace;
  options.is_hedge = is_hedge_;
  options.attempt = static_cast<std::uint8_t>(std::min<std::uint32_t>(call.attempts - 1, 255));
  PoolCallObserver::on_attempt(call, connection_.endpoint.address());
  stream::RequestDraft draft = connection_.stream.channel().draft(*this, call.action(), options);
  if (!base::catching_bad_alloc([&] { draft.sink().put(call.message()); })) {
    draft.refuse(base::out_of_memory(base::Ran::no));
    return false;
  }
  draft.commit(base::Blob(call.blob));
  return true;
}

stream::Failover Attempt::failover_of(const wire::ResponseFrame& response) const {
  const stream::FailoverRule rule = call_->caller->failover_rule();
  return rule == nullptr ? stream::Failover::stop() : rule(response);
}

void Attempt::on_response(const wire::ResponseFrame& response) { driver_.on_answered(*this, response); }
void Attempt::on_failed(base::CallError error) { driver_.on_failed(*this, std::move(error)); }
std::string Attempt::describe() const {
  return call_ == nullptr ? "an attempt that nobody waits for" : call_->caller->describe();
}

}  // namespace razor::pool
