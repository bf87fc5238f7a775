#include "razor/pool/internal/call_endings.h"

#include <algorithm>

#include "razor/base/format.h"
#include "razor/pool/internal/attempt.h"
#include "razor/pool/internal/pool_core.h"

namespace razor::pool {

using base::CallError;
using base::Errc;
using base::Ran;
using base::Ref;

CallEndings::CallEndings(PoolCore& core, runtime::Runtime& runtime, CallQueue& queue, const AddressBook<Endpoint>& book,
                         PoolStats& stats)
    : core_(core),
      clock_(runtime.clock()),
      executor_(runtime.executor()),
      queue_(queue),
      book_(book),
      stats_(stats),
      telling_(*this) {}

void CallEndings::answer(PoolCall& call, const wire::ResponseFrame& response) {
  ++stats_.calls_answered;
  core_.observer().on_response(call, response);
  end(call, Reason::answered).on_response(response);
}

void CallEndings::fail_answered(PoolCall& call, const runtime::Address& address, const wire::AnsweredFailure& failure) {
  note_tried(call, address, base::format("{}: answered by the server", name_of(failure.errc)));
  const Ran ran = std::max({call.ran, failure.ran, call.has_attempts() ? Ran::maybe : Ran::no});
  const std::string detail = failure.detail.empty() ? "" : ": " + failure.detail;
  const std::string said = base::format("{} answered {}{}", address, name_of(failure.errc), detail);
  CallError error(failure.errc, ran, report(call, said, false));
  ++stats_.calls_failed[failure.errc];
  core_.observer().on_failed(call, error);
  end(call, Reason::answered).on_failed(std::move(error));
}

// Gives the caller's call, which is to be told; the pool knows it no more.
stream::Exchange& CallEndings::end(PoolCall& call, Reason why) {
  stream::Exchange& caller = *call.caller;
  core_.detach(caller);
  forget(call, why);
  return caller;
}

void CallEndings::forget(PoolCall& call, Reason why) {
  for (Attempt* attempt : {call.first, call.hedge}) {
    if (attempt != nullptr) attempt->detach();
  }
  queue_.transition(call, CallState::ended, why);
  delete &call;
  core_.on_call_ended();
}

// What takes memory comes first: where that is refused, nothing has changed.
void CallEndings::fail(PoolCall& call, Reason why, CallError error) {
  PoolCall::RetryState& state = retry_state(call);
  const bool waited = call.waits();
  queue_.transition(call, CallState::failing, why, clock_.now());
  call.disarm();
  state.error.emplace(error.errc(), error.ran(), report(call, error.detail(), waited || call.ran == Ran::no));
  if (!telling_.is_linked()) executor_.schedule(telling_);
}

void CallEndings::fail_expired(PoolCall& call) {
  fail(call, Reason::expired,
       CallError(Errc::deadline_exceeded, call.ran,
                 expired_text(call.state(), *call.options.timeout, book_.any_healthy(), queue_.is_connected())));
}

void CallEndings::fail_queued() {
  queue_.for_each_queued([this](QueuedCall& call) {
    fail(pool_call(call), Reason::cannot_be_sent, CallError(Errc::unreachable, call.ran, "no address is healthy"));
  });
}

void CallEndings::fail_waiting(std::string_view why) {
  queue_.for_each_waiting([&](QueuedCall& call) {
    fail(pool_call(call), Reason::cannot_be_sent, CallError(Errc::closed, call.ran, std::string(why)));
  });
}

void CallEndings::tell_failures() {
  const Ref self(&core_);
  queue_.begin_batch();
  while (QueuedCall* next = queue_.next_failure()) {
    PoolCall& call = pool_call(*next);
    const std::unique_ptr<PoolCall::RetryState> state = std::move(call.retry_state);
    ++stats_.calls_failed[state->error->errc()];
    core_.observer().on_failed(call, *state->error);
    end(call, Reason::told).on_failed(*std::move(state->error));
  }
}

PoolCall::RetryState& CallEndings::retry_state(PoolCall& call) {
  if (!call.retry_state) call.retry_state = std::make_unique<PoolCall::RetryState>(clock_, core_.driver(), call);
  return *call.retry_state;
}

void CallEndings::note_tried(PoolCall& call, const runtime::Address& address, std::string said) {
  retry_state(call).tried.note(address, std::move(said));
}

std::string CallEndings::report(const PoolCall& call, std::string_view what, bool with_addresses) const {
  return base::text_or_empty([&] {
    const bool tells_addresses = with_addresses && !core_.is_ended();
    return report_text(call.caller->describe(), what, call.retry_state ? &call.retry_state->tried : nullptr,
                       tells_addresses ? addresses_text(book_.entries()) : std::string(), call.stages);
  });
}

}  // namespace razor::pool
