#pragma once
// ClientCallObserver: tells the hook and the trace of a ClientStream what happens to its calls. Private to stream.
//
// Everything here is off the usual path: a connection asks only while somebody looks, or did when the call began.

#include <string_view>

#include "razor/runtime/runtime.h"
#include "razor/stream/call_hook.h"
#include "razor/stream/exchange.h"

namespace razor::stream {

class ClientCallObserver {
 public:
  /// All outlive the observer. `hook` may be null.
  ClientCallObserver(runtime::Runtime& runtime, ClientCallHook* hook, const runtime::Address& local,
                     const runtime::Address& peer)
      : runtime_(runtime), hook_(hook), local_(local), peer_(peer) {}

  /// Somebody looks at calls that begin now.
  bool looks() const { return hook_ != nullptr || runtime_.trace() != nullptr; }

  [[gnu::cold]] void on_submitted(Exchange& exchange, base::ByteCount request_bytes, bool is_ping);

  // --- Only of a call that has an observation.
  [[gnu::cold]] void on_queued(Exchange& exchange);
  [[gnu::cold]] void on_sent(Exchange& exchange);
  [[gnu::cold]] void on_response(Exchange& exchange, const wire::ResponseFrame& response);
  [[gnu::cold]] void on_failed(Exchange& exchange, const base::CallError& error);
  /// Its caller stopped waiting. `is_in_flight`: its response may still come, and is told then to the trace.
  [[gnu::cold]] void on_cancelled(Exchange& exchange, bool is_in_flight);

  /// A ping that nobody called goes out.
  [[gnu::cold]] void on_ping();

 private:
  void end_hook(CallObservation& call, const CallOutcome& outcome);
  void end_span(CallObservation& call, const runtime::SpanEnd& end);

  runtime::Runtime& runtime_;
  ClientCallHook* hook_;
  const runtime::Address& local_;
  const runtime::Address& peer_;
};

}  // namespace razor::stream
