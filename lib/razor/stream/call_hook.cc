#include "razor/stream/call_hook.h"

#include "razor/base/format.h"
#include "razor/stream/call_outcome.h"

namespace razor::stream {

std::string CallOutcome::to_string() const {
  switch (kind) {
    case Kind::success: return "success";
    case Kind::error: return "error";
    case Kind::failed:
      return base::format("{} (ran: {}){}{}", name_of(*errc), name_of(ran), detail.empty() ? "" : ": ", detail);
    case Kind::cancelled: return base::format("cancelled (ran: {})", name_of(ran));
  }
  return "?";
}

Refusal Refusal::with_number(std::uint32_t number) {
  Refusal refusal;
  refusal.number_ = number;
  return refusal;
}

Refusal Refusal::with_bytes(base::Bytes error) {
  Refusal refusal;
  refusal.bytes_ = std::move(error);
  return refusal;
}

Refusal Refusal::with_value(std::function<void(wire::Encoder&)> encode) {
  Refusal refusal;
  refusal.encode_ = std::move(encode);
  return refusal;
}

std::string response_text(const wire::ResponseFrame& response) {
  switch (static_cast<wire::ResponseFlag>(response.head.flag)) {
    case wire::ResponseFlag::success: return "ok";
    case wire::ResponseFlag::error_number: return base::format("error {}", response.head.msg_bytes_or_number);
    case wire::ResponseFlag::error_bytes:
    case wire::ResponseFlag::framework_error: break;
  }
  const std::optional<wire::AnsweredFailure> failure = wire::answered_failure(response);
  return failure ? std::string(name_of(failure->errc)) : "error";
}

CallOutcome outcome_of(const base::CallError& error) {
  CallOutcome outcome;
  outcome.kind = CallOutcome::Kind::failed;
  outcome.errc = error.errc();
  outcome.ran = error.ran();
  outcome.detail = error.detail();
  return outcome;
}

CallOutcome cancelled_outcome(bool was_sent) {
  CallOutcome outcome;
  outcome.kind = CallOutcome::Kind::cancelled;
  outcome.ran = was_sent ? base::Ran::maybe : base::Ran::no;
  return outcome;
}

CallTimings timings_of(const CallObservation& call, base::TimePoint ended_at) {
  CallTimings timings;
  timings.total = ended_at - call.began_at;
  timings.running = call.was_started ? ended_at - call.started_at : base::Duration::zero();
  timings.waiting = timings.total - timings.running;
  return timings;
}

}  // namespace razor::stream
