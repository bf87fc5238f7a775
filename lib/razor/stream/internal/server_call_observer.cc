#include "razor/stream/internal/server_call_observer.h"

#include "razor/base/format.h"
#include "razor/stream/call_outcome.h"

namespace razor::stream {

std::unique_ptr<CallObservation> ServerCallObserver::on_request(const wire::RequestFrame& frame,
                                                                std::span<const wire::MetadataItem> metadata,
                                                                std::optional<Refusal>& refusal) {
  auto call = std::make_unique<CallObservation>();
  const wire::Action& action = frame.action;
  call->method = action.is_name() ? std::string(action.name()) : base::format("action {}", action.number());
  call->request_bytes = frame.msg.size() + frame.blob.size();
  call->began_at = call->started_at = runtime_.clock().now();
  call->was_started = true;
  if (runtime::TraceSink* trace = runtime_.trace()) {
    call->span = trace->begin_span({runtime::SpanStart::Side::answers, call->method, peer_, local_});
    if (call->span != runtime::kNoSpan) trace->number_span(call->span, frame.head.seq);
  }
  if (hook_ == nullptr) return call;
  call->is_hooked = true;
  refusal.emplace(base::Errc::internal);  // unless the hook says otherwise: one that throws has not let the request pass
  CallInfo info{call->method, peer_, call->request_bytes};
  info.metadata = metadata;
  run_hook(runtime_.log(), [&] { refusal = hook_->on_start(info); });
  if (refusal) call->was_started = false;
  return call;
}

void ServerCallObserver::on_end(const CallObservation& call, std::string_view outcome_text, CallOutcome outcome,
                                bool is_peer_there) {
  if (runtime::TraceSink* trace = runtime_.trace(); trace != nullptr && call.span != runtime::kNoSpan) {
    trace->end_span(call.span, {is_peer_there, outcome_text, is_peer_there ? "" : "nobody waits for the response any more"});
  }
  if (!call.is_hooked) return;
  outcome.is_peer_there = is_peer_there;
  if (!call.was_started) outcome.ran = base::Ran::no;
  const CallTimings timings = timings_of(call, runtime_.clock().now());
  run_hook(runtime_.log(), [&] { hook_->on_end({call.method, peer_, call.request_bytes}, outcome, timings); });
}

}  // namespace razor::stream
