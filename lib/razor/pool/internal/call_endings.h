#pragma once
// CallEndings: how calls of a pool end: with a response, with an error that its report explains, told in a turn of its own, or
// because the caller waits no more. Each ends once. Private to pool.

#include <string>
#include <string_view>

#include "razor/pool/internal/address_book.h"
#include "razor/pool/internal/endpoint.h"
#include "razor/pool/internal/pool_call.h"
#include "razor/runtime/runnable.h"
#include "razor/wire/wire_error.h"

namespace razor::pool {

class PoolCore;

class CallEndings {
 public:
  /// All outlive it.
  CallEndings(PoolCore& core, runtime::Runtime& runtime, CallQueue& queue, const AddressBook<Endpoint>& book,
              PoolStats& stats);

  // --- At once
  /// The caller gets the response.
  void answer(PoolCall& call, const wire::ResponseFrame& response);
  /// The caller gets the failure that the server at `address` answered.
  void fail_answered(PoolCall& call, const runtime::Address& address, const wire::AnsweredFailure& failure);
  /// The caller waits no more.
  void cancel(PoolCall& call) { forget(call, Reason::cancelled); }

  // --- In the next turn. No attempt of the call is in flight
  void fail(PoolCall& call, Reason why, base::CallError error);
  /// True when the deadline of `call`, which was not sent or waits for another attempt, has passed, so that it fails.
  bool expired(PoolCall& call, base::TimePoint now) {
    if (now < call.deadline) return false;
    fail_expired(call);
    return true;
  }
  void fail_expired(PoolCall& call);
  /// Calls that are queued fail: unreachable.
  void fail_queued();
  /// All calls that wait fail: closed.
  void fail_waiting(std::string_view why);
  bool has_failures() const { return queue_.has_failures(); }
  /// Tells callers of failures. As with a stream: calls that fail because of a completion that runs here are told in another
  /// turn.
  void tell_failures();

  // --- For reports
  PoolCall::RetryState& retry_state(PoolCall& call);
  void note_tried(PoolCall& call, const runtime::Address& address, std::string said);

 private:
  stream::Exchange& end(PoolCall& call, Reason why);
  void forget(PoolCall& call, Reason why);
  std::string report(const PoolCall& call, std::string_view what, bool with_addresses) const;

  struct TellFailures final : runtime::Runnable {
    explicit TellFailures(CallEndings& owner)
        : Runnable([](Runnable& ready) { static_cast<TellFailures&>(ready).endings.tell_failures(); }), endings(owner) {}
    CallEndings& endings;
  };

  PoolCore& core_;
  runtime::Clock& clock_;
  runtime::Executor& executor_;
  CallQueue& queue_;
  const AddressBook<Endpoint>& book_;
  PoolStats& stats_;
  TellFailures telling_;
};

}  // namespace razor::pool
