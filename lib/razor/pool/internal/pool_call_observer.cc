#include "razor/pool/internal/pool_call_observer.h"

#include "razor/stream/call_outcome.h"

namespace razor::pool {

void PoolCallObserver::begin(PoolCall& call) {
  auto observed = std::make_unique<PoolCall::Observation>();
  observed->method = call.caller->describe();
  observed->request_bytes = call.message().size() + call.blob.size();
  observed->began_at = runtime_.clock().now();
  call.observation = std::move(observed);
  const PoolCall::Observation& seen = *call.observation;
  stream::run_hook(runtime_.log(), [&] { hook_->on_start({seen.method, seen.peer, seen.request_bytes, 0}); });
}

void PoolCallObserver::end(const PoolCall& call, const wire::ResponseFrame& response) {
  stream::with_outcome(response, [&](const stream::CallOutcome& outcome) { tell_end(call, outcome); });
}

void PoolCallObserver::end(const PoolCall& call, const base::CallError& error) { tell_end(call, stream::outcome_of(error)); }

void PoolCallObserver::end_cancelled(const PoolCall& call) {
  const bool may_have_run = call.ran != base::Ran::no || call.has_attempts();
  tell_end(call, stream::cancelled_outcome(may_have_run));
}

void PoolCallObserver::tell_end(const PoolCall& call, const stream::CallOutcome& outcome) {
  const PoolCall::Observation& seen = *call.observation;
  stream::CallTimings timings;
  timings.total = runtime_.clock().now() - seen.began_at;
  timings.waiting =
      call.stages.of(CallStage::connecting) + call.stages.of(CallStage::window) + call.stages.of(CallStage::back_off);
  timings.running = timings.total - timings.waiting;
  stream::run_hook(runtime_.log(),
                   [&] { hook_->on_end({seen.method, seen.peer, seen.request_bytes, seen.attempts}, outcome, timings); });
}

}  // namespace razor::pool
