#pragma once
// PoolCallObserver: tells the hook of a pool what happens to its calls. Private to pool. Off the usual path: a pool asks it only
// where a hook is set.

#include "razor/pool/internal/pool_call.h"
#include "razor/runtime/runtime.h"
#include "razor/stream/call_hook.h"

namespace razor::pool {

class PoolCallObserver {
 public:
  /// `runtime` and `hook`, which may be null, outlive it.
  PoolCallObserver(runtime::Runtime& runtime, stream::ClientCallHook* hook) : runtime_(runtime), hook_(hook) {}

  void on_submitted(PoolCall& call) {
    if (hook_ != nullptr) [[unlikely]]
      begin(call);
  }
  /// An attempt is made at `address`.
  static void on_attempt(PoolCall& call, const runtime::Address& address) {
    if (call.observation == nullptr) [[likely]]
      return;
    call.observation->peer = address;
    ++call.observation->attempts;
  }
  void on_response(const PoolCall& call, const wire::ResponseFrame& response) {
    if (call.observation != nullptr) [[unlikely]]
      end(call, response);
  }
  void on_failed(const PoolCall& call, const base::CallError& error) {
    if (call.observation != nullptr) [[unlikely]]
      end(call, error);
  }
  void on_cancelled(const PoolCall& call) {
    if (call.observation != nullptr) [[unlikely]]
      end_cancelled(call);
  }

 private:
  [[gnu::cold]] void begin(PoolCall& call);
  [[gnu::cold]] void end(const PoolCall& call, const wire::ResponseFrame& response);
  [[gnu::cold]] void end(const PoolCall& call, const base::CallError& error);
  [[gnu::cold]] void end_cancelled(const PoolCall& call);
  void tell_end(const PoolCall& call, const stream::CallOutcome& outcome);

  runtime::Runtime& runtime_;
  stream::ClientCallHook* hook_;
};

}  // namespace razor::pool
