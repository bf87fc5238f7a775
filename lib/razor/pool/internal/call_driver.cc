#include "razor/pool/internal/call_driver.h"

#include <algorithm>

#include "razor/base/format.h"
#include "razor/pool/internal/attempt.h"
#include "razor/pool/internal/call_limits.h"
#include "razor/pool/internal/pool_core.h"
#include "razor/wire/wire_error.h"

namespace razor::pool {

using base::CallError;
using base::Duration;
using base::Errc;
using base::Ran;
using base::Ref;
using base::TimePoint;
using stream::Failover;

CallDriver::CallDriver(PoolCore& core, runtime::Runtime& runtime, const FailoverPoolConfig& config,
                       AddressBook<Endpoint>& book, PoolStats& stats)
    : core_(core),
      clock_(runtime.clock()),
      config_(config),
      book_(book),
      stats_(stats),
      queue_({config.pool.queue_calls_max, config.pool.bytes_max, config.pool.stream.tick}, clock_.now()),
      policy_(config, runtime.random().seed_for("pool retry")),
      endings_(core, runtime, queue_, book, stats) {}

PoolView CallDriver::view() const { return {core_.is_ended(), queue_.may_come_back(), book_.size()}; }

// --- Submitted calls -------------------------------------------------------------------------------------------------

void CallDriver::refuse(PoolCall& call, CallError why) {
  queue_.add(call);
  endings_.fail(call, Reason::refused, std::move(why));
}

std::optional<CallError> CallDriver::refusal(const PoolCall& call) const {
  if (call.memory_refused) return base::out_of_memory(Ran::no);
  if (!core_.is_open()) return CallError(Errc::closed, Ran::no, "the pool is closed");
  if (!call.options.metadata.empty()) {
    if (auto refusal = refusal_of(call.options.metadata)) return refusal;
  }
  const wire::Action action = call.action();
  return refusal_of(action, {action.name().size(), call.message().size(), call.blob.size()}, limits().stream.limits);
}

void CallDriver::submit(PoolCall& call, TimePoint now) {
  policy_.on_call();
  queue_.add(call);
  if (auto why = refusal(call)) return endings_.fail(call, Reason::refused, *std::move(why));
  if (endings_.expired(call, now)) return;
  if (!queue_.may_keep(call.bytes())) {
    return fail_unsent(
        call, Errc::overloaded,
        base::format("calls of {} bytes are under way already (limit {})", queue_.bytes(), limits().bytes_max));
  }
  queue_.count_bytes(call, call.bytes());
  if (!queue_.has_queued() && try_start(call, now)) return demand_connections(true);
  if (limits().fail_fast && !book_.any_healthy()) {
    demand_connections(true);
    return fail_unsent(call, Errc::unreachable, "no address is healthy");
  }
  if (!queue_.may_wait()) {
    return fail_unsent(call, Errc::overloaded,
                       base::format("{} calls wait already (limit {})", queue_.waiting(), limits().queue_calls_max));
  }
  queue_.transition(call, CallState::queued, Reason::no_room, now);
  core_.arm_tick();
  if (queue_.is_first_submitted(call)) start_queued();  // requeued calls may have waited for addresses of their own
  demand_connections(true);
}

void CallDriver::fail_unsent(PoolCall& call, Errc errc, std::string why) {
  endings_.fail(call, Reason::refused, CallError(errc, Ran::no, std::move(why)));
}

// --- Waiting ---------------------------------------------------------------------------------------------------------

void CallDriver::start_queued() {
  if (queue_.waiting() == 0 || core_.is_ended()) return;
  const TimePoint now = clock_.now();
  queue_.start_queued([&](QueuedCall& queued) {
    PoolCall& call = pool_call(queued);
    return endings_.expired(call, now) || try_start(call, now);
  });
}

// False when it has to wait.
bool CallDriver::try_start(PoolCall& call, TimePoint now) {
  const AddressId leader = book_.leader();
  Endpoint* endpoint = book_.choose(call.target, call.avoid, now);
  if (book_.leader() != leader) core_.schedule_reevaluation();  // the new leader may have no connection yet
  Connection* connection = endpoint == nullptr ? nullptr : endpoint->connection_with_room();
  if (connection == nullptr) return false;
  queue_.transition(call, CallState::in_flight, Reason::sent, now);
  start_attempt(call, *connection, false, now);
  return true;
}

void CallDriver::demand_connections(bool for_call) {
  book_.demand(for_call, queue_.waiting() > 0);
  if (!queue_.has_requeued()) return;
  const TimePoint now = clock_.now();
  queue_.for_each_requeued([&](QueuedCall& call) { book_.demand_for(call.target, call.avoid, now); });
}

void CallDriver::reevaluate(TimePoint now) {
  queue_.set_connected(book_.is_connected(), now);
  spend_budget(now);
  start_queued();
  leave_silent_connections(now);
  if (limits().fail_fast && !book_.any_healthy()) endings_.fail_queued();
}

void CallDriver::spend_budget(TimePoint now) {
  while (QueuedCall* first = queue_.first_awaiting_budget()) {
    PoolCall& call = pool_call(*first);
    if (endings_.expired(call, now)) continue;
    if (!take_token(call, now)) break;
    back_off_over(call, now);
  }
}

void CallDriver::expire(TimePoint now) {
  queue_.expire(now, [this](QueuedCall& call) { endings_.fail_expired(pool_call(call)); });
}

// --- Attempts --------------------------------------------------------------------------------------------------------

void CallDriver::start_attempt(PoolCall& call, Connection& connection, bool is_hedge, TimePoint now) {
  auto* attempt = new Attempt(*this, call, connection, is_hedge);  // owns itself from here on
  (is_hedge ? call.hedge : call.first) = attempt;
  CallPolicy::on_sent(call);
  ++stats_.attempts;
  connection.endpoint.on_attempt(connection);
  core_.mark_sent(call);
  if (attempt->send(now) && !is_hedge && CallPolicy::wants_hedge(call, book_.size())) {
    endings_.retry_state(call).timer.arm(base::saturating_add(now, call.hedge_after));
  }
}

void CallDriver::on_answered(Attempt& attempt, const wire::ResponseFrame& response) {
  const Ref self(&core_);
  const std::unique_ptr<Attempt> over(&attempt);
  attempt.leave_connection(true);
  if (attempt.call() == nullptr) return;
  PoolCall& call = *attempt.call();
  const bool is_error = static_cast<wire::ResponseFlag>(response.head.flag) != wire::ResponseFlag::success;
  if (is_error) {
    const auto failure = wire::answered_failure(response);
    if (goes_on(attempt, response, failure)) return;
    if (failure) return end_failed_by_server(attempt, *failure);
  }
  call.drop(attempt);
  if (attempt.is_hedge()) ++stats_.hedges_won;
  endings_.answer(call, response);
}

void CallDriver::end_failed_by_server(Attempt& attempt, const wire::AnsweredFailure& failure) {
  PoolCall& call = *attempt.call();
  call.drop(attempt);
  if (attempt.is_hedge()) ++stats_.hedges_won;
  call.stages.add(CallStage::waiting, clock_.now() - call.stage_since);
  endings_.fail_answered(call, attempt.connection().endpoint.address(), failure);
}

// Another attempt follows, or is in flight: the caller does not get this response.
bool CallDriver::goes_on(Attempt& attempt, const wire::ResponseFrame& response,
                         const std::optional<wire::AnsweredFailure>& failure) {
  const TimePoint now = clock_.now();
  if (redirected(attempt, response, now)) return true;
  return failure && retried(attempt, *failure, now);
}

bool CallDriver::redirected(Attempt& attempt, const wire::ResponseFrame& response, TimePoint now) {
  PoolCall& call = *attempt.call();
  if (!policy_.may_redirect(call, view(), now)) return false;
  const Failover wish = attempt.failover_of(response);
  if (wish.kind() == Failover::Kind::stop) return false;
  const Endpoint& endpoint = attempt.connection().endpoint;
  const Endpoint* target = core_.named_by(wish, endpoint.address(), now);
  const AttemptOutcome outcome{
      .kind = AttemptOutcome::Kind::redirect, .from = endpoint.id(), .named = target == nullptr ? kNoAddress : target->id()};
  const Decision decision = policy_.decide(call, outcome, view(), now);
  if (decision.kind == Decision::Kind::answer) return false;
  ++stats_.redirects;
  call.drop(attempt);
  endings_.note_tried(call, endpoint.address(), target == nullptr ? "asked for the next address" : base::text_or_empty([&] {
                        return base::format("named {}", target->address());
                      }));
  book_.on_redirected(endpoint.id(), call.target, now);
  if (call.has_attempts()) return true;
  call.disarm();
  call.stages.add(CallStage::waiting, now - call.stage_since);
  start_again(call, decision, now);
  return true;
}

namespace {

Refusal refusal_of(Errc errc) {
  switch (errc) {
    case Errc::overloaded: return Refusal::overloaded;
    case Errc::draining: return Refusal::draining;
    case Errc::deadline_exceeded:
      return Refusal::expired;  // its clock, or its guess of when the request was sent, may be wrong
    default: return Refusal::none;
  }
}

}  // namespace

bool CallDriver::retried(Attempt& attempt, const wire::AnsweredFailure& failure, TimePoint now) {
  PoolCall& call = *attempt.call();
  const Endpoint& endpoint = attempt.connection().endpoint;
  const AttemptOutcome outcome{.kind = AttemptOutcome::Kind::server_failure,
                               .from = endpoint.id(),
                               .ran = failure.ran,
                               .other_in_flight = call.first != nullptr && call.hedge != nullptr,
                               .refusal = refusal_of(failure.errc),
                               .no_retry = failure.no_retry,
                               .retry_after = failure.retry_after};
  const Decision decision = policy_.decide(call, outcome, view(), now);
  if (decision.kind == Decision::Kind::answer) return false;
  call.drop(attempt);
  if (decision.kind == Decision::Kind::wait) return true;
  call.stages.add(CallStage::waiting, now - call.stage_since);
  if (decision.kind == Decision::Kind::retry) ++stats_.retries;
  start_again(call, decision, now);
  endings_.note_tried(call, endpoint.address(), base::format("{}: answered by the server", name_of(failure.errc)));
  return true;
}

void CallDriver::on_failed(Attempt& attempt, CallError error) {
  const Ref self(&core_);
  const std::unique_ptr<Attempt> over(&attempt);
  Endpoint& endpoint = attempt.connection().endpoint;
  const TimePoint now = clock_.now();
  const bool was_cut_off = attempt.was_cut_off();
  const bool was_sent = error.ran() != Ran::no || was_cut_off;
  if (!was_sent) --stats_.attempts;
  attempt.leave_connection(false);
  if (was_sent && error.errc() == Errc::deadline_exceeded) endpoint.on_timeout(attempt.answers_before(), now);
  if (was_sent && error.errc() == Errc::connection_lost) endpoint.on_calls_lost(attempt.connection(), now);
  core_.schedule_reevaluation();
  if (attempt.call() == nullptr) return;
  PoolCall& call = *attempt.call();
  call.drop(attempt);
  call.stages.add(error.ran() != Ran::no ? CallStage::waiting : CallStage::sending, now - call.stage_since);
  call.stage_since = now;
  const std::string cause = cause_text(call.caller->describe(), error, *call.options.timeout);
  endings_.note_tried(call, endpoint.address(), base::format("{}: {}", name_of(error.errc()), cause));
  const AttemptOutcome outcome{.kind = AttemptOutcome::Kind::failure,
                               .from = endpoint.id(),
                               .ran = error.ran(),
                               .out_of_memory = error.errc() == Errc::overloaded,
                               .is_unsupported = error.errc() == Errc::unsupported && attempt.connection().stream.is_open(),
                               .was_cut_off = was_cut_off,
                               .other_in_flight = call.has_attempts()};
  const Decision decision = policy_.decide(call, outcome, view(), now);
  if (decision.kind == Decision::Kind::wait) return;
  call.disarm();
  if (decision.kind == Decision::Kind::fail) {
    return endings_.fail(call, Reason::attempt_failed, CallError(error.errc(), call.ran, cause));
  }
  if (decision.kind == Decision::Kind::move && !decision.delay) ++stats_.moves;
  start_again(call, decision, now);
}

// --- Between attempts ------------------------------------------------------------------------------------------------

void CallDriver::start_again(PoolCall& call, const Decision& decision, TimePoint now) {
  if (decision.delay) return back_off(call, *decision.delay, now);
  requeue(call, decision.kind == Decision::Kind::redirect ? Reason::redirected : Reason::moved, now);
}

void CallDriver::requeue(PoolCall& call, Reason why, TimePoint now) {
  queue_.transition(call, CallState::queued, why, now);
  if (call.ran == Ran::no) core_.attach(call);  // as if it had never been sent
  core_.arm_tick();
  core_.schedule_reevaluation();
}

void CallDriver::back_off(PoolCall& call, Duration delay, TimePoint now) {
  queue_.transition(call, CallState::backing_off, Reason::delayed, now);
  endings_.retry_state(call).timer.arm(now + delay);
  core_.arm_tick();
}

void CallDriver::on_timer(PoolCall& call) {
  const TimePoint now = clock_.now();
  if (call.state() == CallState::in_flight) return hedge(call, now);
  if (endings_.expired(call, now)) return;
  if (!CallPolicy::needs_token(call)) return back_off_over(call, now);
  queue_.transition(call, CallState::awaiting_budget, Reason::budget_spent, now);
  core_.reevaluate();
}

void CallDriver::back_off_over(PoolCall& call, TimePoint now) {
  CallPolicy::on_requeued(call);
  requeue(call, Reason::may_go_on, now);
}

bool CallDriver::take_token(PoolCall& call, TimePoint now) {
  if (!policy_.take_token(call, now)) return false;
  ++(call.was_cut_off ? stats_.moves : stats_.retries);
  return true;
}

// --- Hedges ----------------------------------------------------------------------------------------------------------

// Null when no other address can take a second attempt now.
Connection* CallDriver::connection_other_than(AddressId asked, TimePoint now) {
  const Endpoint* other = book_.other_than(asked, now);
  return other == nullptr ? nullptr : other->connection_with_room();
}

bool CallDriver::start_hedge(PoolCall& call, Connection& connection, TimePoint now) {
  if (!policy_.take_hedge_token(now)) return false;
  ++stats_.hedges;
  start_attempt(call, connection, true, now);
  return true;
}

void CallDriver::hedge(PoolCall& call, TimePoint now) {
  if (call.hedge != nullptr || call.first == nullptr || !policy_.may_hedge(call, now)) return;
  const AddressId asked = call.first->connection().endpoint.id();
  if (Connection* connection = connection_other_than(asked, now)) {
    start_hedge(call, *connection, now);
    return;
  }
  // No address has room, or the one that would take it has no connection yet.
  call.avoid = asked;
  book_.demand_for(call.target, call.avoid, now);
  call.retry_state->timer.arm(CallPolicy::hedge_again_at(call, now));
}

// Idempotent calls on silent connections are hedged; those that no address can take now are at the next reevaluation.
void CallDriver::leave_silent_connections(TimePoint now) {
  if (book_.size() < 2 || !book_.any_silent_connection()) return;
  queue_.for_each_in(CallState::in_flight, [&](QueuedCall& queued) {
    PoolCall& call = pool_call(queued);
    if (call.first == nullptr || call.hedge != nullptr || !policy_.may_leave_silence(call, now)) return;
    if (!call.first->connection().stream.is_silent()) return;
    Connection* connection = connection_other_than(call.first->connection().endpoint.id(), now);
    if (connection == nullptr) return;
    call.left_silence = start_hedge(call, *connection, now);
  });
}

}  // namespace razor::pool
