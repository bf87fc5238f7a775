#pragma once
// ServerCallObserver: tells the hook and the trace of a server what happens to the requests of one connection. Private to
// stream. Everything here is off the usual path.

#include <memory>
#include <optional>

#include "razor/runtime/runtime.h"
#include "razor/stream/call_hook.h"
#include "razor/stream/call_observation.h"

namespace razor::stream {

class ServerCallObserver {
 public:
  /// All outlive the observer. `hook` may be null.
  ServerCallObserver(runtime::Runtime& runtime, ServerCallHook* hook, const runtime::Address& local,
                     const runtime::Address& peer)
      : runtime_(runtime), hook_(hook), local_(local), peer_(peer) {}

  /// Somebody looks at requests that come now.
  bool looks() const { return hook_ != nullptr || runtime_.trace() != nullptr; }

  /// A request has come that would be dispatched. `refusal` is set where the hook refuses it.
  [[gnu::cold]] std::unique_ptr<CallObservation> on_request(const wire::RequestFrame& frame,
                                                            std::span<const wire::MetadataItem> metadata,
                                                            std::optional<Refusal>& refusal);
  /// Its response is queued; or, where the connection is gone, dropped. `outcome_text`: for the trace, a word or two.
  [[gnu::cold]] void on_end(const CallObservation& call, std::string_view outcome_text, CallOutcome outcome,
                            bool is_peer_there);

 private:
  runtime::Runtime& runtime_;
  ServerCallHook* hook_;
  const runtime::Address& local_;
  const runtime::Address& peer_;
};

}  // namespace razor::stream
