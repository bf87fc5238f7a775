#include "razor/stream/internal/client_call_observer.h"

#include "razor/base/format.h"
#include "razor/stream/call_outcome.h"

namespace razor::stream {

void ClientCallObserver::on_submitted(Exchange& exchange, base::ByteCount request_bytes, bool is_ping) {
  auto call = std::make_unique<CallObservation>();
  call->method = exchange.describe();
  call->request_bytes = request_bytes;
  call->began_at = call->started_at = runtime_.clock().now();
  if (runtime::TraceSink* trace = runtime_.trace()) {
    call->span = trace->begin_span({runtime::SpanStart::Side::asks, call->method, local_, peer_});
  }
  if (hook_ != nullptr && !is_ping) {
    call->is_hooked = true;
    run_hook(runtime_.log(), [&] { hook_->on_start({call->method, peer_, request_bytes}); });
  }
  exchange.observation_ = std::move(call);
}

void ClientCallObserver::on_queued(Exchange& exchange) {
  const runtime::SpanId span = exchange.observation_->span;
  if (runtime::TraceSink* trace = runtime_.trace(); trace != nullptr && span != runtime::kNoSpan) {
    trace->event(span, "waits for room");
  }
}

void ClientCallObserver::on_sent(Exchange& exchange) {
  CallObservation& call = *exchange.observation_;
  call.started_at = runtime_.clock().now();
  call.was_started = true;
  if (runtime::TraceSink* trace = runtime_.trace(); trace != nullptr && call.span != runtime::kNoSpan) {
    trace->number_span(call.span, exchange.seq_);
  }
}

void ClientCallObserver::on_response(Exchange& exchange, const wire::ResponseFrame& response) {
  const std::unique_ptr<CallObservation> call = std::move(exchange.observation_);
  end_span(*call, {true, response_text(response), {}});
  if (call->is_hooked) with_outcome(response, [&](const CallOutcome& outcome) { end_hook(*call, outcome); });
}

void ClientCallObserver::on_failed(Exchange& exchange, const base::CallError& error) {
  const std::unique_ptr<CallObservation> call = std::move(exchange.observation_);
  end_span(*call, {false, base::format("{} (ran: {})", name_of(error.errc()), name_of(error.ran())), error.detail()});
  if (call->is_hooked) end_hook(*call, outcome_of(error));
}

void ClientCallObserver::on_cancelled(Exchange& exchange, bool is_in_flight) {
  CallObservation& call = *exchange.observation_;
  if (std::exchange(call.is_hooked, false)) end_hook(call, cancelled_outcome(is_in_flight));
  if (is_in_flight) {
    if (runtime::TraceSink* trace = runtime_.trace(); trace != nullptr && call.span != runtime::kNoSpan) {
      trace->event(call.span, "abandoned");
    }
    return;
  }
  end_span(call, {false, "abandoned", {}});
  exchange.observation_.reset();
}

void ClientCallObserver::on_ping() {
  if (runtime::TraceSink* trace = runtime_.trace()) trace->event(runtime::kNoSpan, "ping");
}

void ClientCallObserver::end_hook(CallObservation& call, const CallOutcome& outcome) {
  const CallTimings timings = timings_of(call, runtime_.clock().now());
  run_hook(runtime_.log(), [&] { hook_->on_end({call.method, peer_, call.request_bytes}, outcome, timings); });
}

void ClientCallObserver::end_span(CallObservation& call, const runtime::SpanEnd& end) {
  if (call.span == runtime::kNoSpan) return;
  if (runtime::TraceSink* trace = runtime_.trace()) trace->end_span(call.span, end);
}

}  // namespace razor::stream
