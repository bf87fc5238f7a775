#pragma once
// How a call ended, in the words of hooks and traces: for layers that tell them.

#include "razor/base/user_code.h"
#include "razor/stream/call_hook.h"
#include "razor/stream/call_observation.h"
#include "razor/wire/wire_error.h"

namespace razor::stream {

/// For traces: what a response says, in a word or two.
std::string response_text(const wire::ResponseFrame& response);

/// `error` outlives what is returned.
CallOutcome outcome_of(const base::CallError& error);
CallOutcome cancelled_outcome(bool was_sent);
/// Time up to `ended_at`.
CallTimings timings_of(const CallObservation& call, base::TimePoint ended_at);

/// Runs a hook: what escapes it is logged.
template <class Code>
void run_hook(base::LogSink& log, Code&& code) {
  base::run_user_code(&log, [] { return "a call hook"; }, std::forward<Code>(code));
}

/// Calls `use(const CallOutcome&)` with what a response says.
template <class Use>
void with_outcome(const wire::ResponseFrame& response, Use&& use) {
  CallOutcome outcome;
  outcome.response_bytes = response.msg.size() + response.blob.size();
  std::optional<wire::AnsweredFailure> failure = wire::answered_failure(response);
  if (failure) {
    outcome.kind = CallOutcome::Kind::failed;
    outcome.errc = failure->errc;
    outcome.ran = failure->ran;
    outcome.detail = failure->detail;
  } else if (static_cast<wire::ResponseFlag>(response.head.flag) != wire::ResponseFlag::success) {
    outcome.kind = CallOutcome::Kind::error;
  }
  use(outcome);
}

}  // namespace razor::stream
