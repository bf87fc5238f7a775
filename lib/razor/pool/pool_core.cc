#include "razor/pool/pool_core.h"

#include <algorithm>

#include "razor/base/format.h"
#include "razor/runtime/with_deadline.h"
#include "razor/wire/wire_error.h"

namespace razor::pool {

using base::CallError;
using base::Duration;
using base::Errc;
using base::Ran;
using base::Ref;
using base::TimePoint;
using runtime::Address;
using stream::DeadlineEntry;
using stream::DeadlineWheel;
using stream::Failover;
using stream::Exchange;

namespace {

// How long an address that is listed no more is remembered: as long as its attempts to connect are counted.
constexpr Duration kRememberedFor = std::chrono::minutes(1);
// How soon at least a hedge that nobody could take is tried again.
constexpr Duration kHedgeAgainLeast = std::chrono::milliseconds(10);

}  // namespace

PoolCore::PoolCore(runtime::Runtime& runtime, std::vector<Address> addresses, const FailoverPoolConfig& config)
    : Channel(runtime),
      RuntimeObject(runtime.spawner()),
      config_(config),
      clock_(runtime.clock()),
      retry_policy_(config.pool.retry.limit),
      budget_(config.pool.retry.budget_percent, config.pool.retry.budget_burst),
      selector_(config.balance, runtime.random().seed_for("pool selector")),
      jitter_(runtime.random().seed_for("pool retry")),
      deadlines_(config.pool.stream.tick),
      has_connection_since_(clock_.now()),
      looking_(*this),
      delivering_(*this),
      tick_(runtime.clock(), *this),
      drained_(runtime.spawner()) {
  const ClientPoolConfig& pool = config.pool;
  RAZOR_CHECK(pool.connections_max > 0 && pool.queue_calls_max > 0, "a pool of {} connections and {} calls",
              pool.connections_max, pool.queue_calls_max);
  RAZOR_CHECK(pool.retry.backoff_least > Duration::zero() && pool.retry.backoff_least <= pool.retry.backoff_most,
              "a retry back-off from {} ns to {} ns", pool.retry.backoff_least.count(), pool.retry.backoff_most.count());
  update_addresses(std::move(addresses));
}

// --- Submitted calls -------------------------------------------------------------------------------------------------

wire::ByteSink& PoolCore::begin(Exchange& user, const wire::Action& action, const stream::CallOptions& options) {
  check_use();
  begun_ = new PoolCall(user, action, options);
  attach(user, begun_);
  return begun_->sink();
}

void PoolCore::refuse(Exchange&, CallError why) {
  PoolCall& call = *std::exchange(begun_, nullptr);
  ++stats_.calls_submitted;
  all_.push_back(call);
  fail_later(call, std::move(why));
}

void PoolCore::commit(Exchange&, base::Blob&& blob) {
  PoolCall& call = *std::exchange(begun_, nullptr);
  const TimePoint now = clock_.now();
  ++stats_.calls_submitted;
  budget_.on_call();
  all_.push_back(call);
  call.stage_since = last_submitted_ = now;
  stream::CallOptions& options = call.options;
  if (!options.timeout) options.timeout = config_.pool.stream.call_timeout;
  if (!options.hedge_after) options.hedge_after = config_.hedge_after;
  call.deadline = std::min(options.deadline, base::saturating_add(now, *options.timeout));
  if (call.deadline == options.deadline && now < call.deadline) options.timeout = call.deadline - now;
  accept(call, std::move(blob), now);
  if (!needs_token_.empty()) schedule_look();
}

void PoolCore::accept(PoolCall& call, base::Blob&& blob, TimePoint now) {
  call.blob = std::move(blob);
  const ClientPoolConfig& limits = config_.pool;
  const wire::Action action = call.action();
  const wire::FrameSizes sizes{action.name().size(), call.message().size(), call.blob.size()};
  if (call.memory_refused) return fail_later(call, base::out_of_memory(Ran::no));
  if (state_ != State::open) return fail_later(call, CallError(Errc::closed, Ran::no, "the pool is closed"));
  if (!action.is_name() && (action.number() == 0 || action.number() > wire::Action::kNumberMax)) {
    return fail_later(call, CallError(Errc::encode, Ran::no,
                                      base::format("{:#x} is not the number of an action", action.number())));
  }
  if (!sizes.fit(limits.stream.limits)) {
    return fail_later(call, CallError(Errc::too_large, Ran::no,
                                      base::format("{}; the limits are `stream.limits` of the pool's config and `limits` of the "
                                                   "server's",
                                                   sizes.compared_to(limits.stream.limits))));
  }
  if (now >= call.deadline) return fail_expired(call);
  if (bytes_ > 0 && bytes_ + call.bytes() > limits.bytes_max) {
    return fail_later(call, CallError(Errc::overloaded, Ran::no,
                                      base::format("calls of {} bytes are under way already (limit {})", bytes_,
                                                  limits.bytes_max)));
  }
  bytes_ += call.bytes_counted = call.bytes();
  // Who waits already comes first: also before a caller that calls again as soon as it has an answer.
  if (queue_.empty() && particular_.empty() && try_start(call, now)) return demand_connections(true);
  if (limits.fail_fast && !any_healthy()) {
    demand_connections(true);
    return fail_later(call, CallError(Errc::unreachable, Ran::no, "no address is healthy"));
  }
  if (!may_wait()) {
    return fail_later(call, CallError(Errc::overloaded, Ran::no,
                                      base::format("{} calls wait already (limit {})", waiting_, limits.queue_calls_max)));
  }
  wait_for_room(call, queue_);
  if (&queue_.front() == &call) pump();  // those before it may have wished for an address of their own
  demand_connections(true);
}

void PoolCore::cancel(Exchange& user) {
  auto& call = *static_cast<PoolCall*>(delegate_state(user));
  ++stats_.calls_abandoned;
  detach(user);
  forget(call);
}

void PoolCore::relocated(Exchange& to) { static_cast<PoolCall*>(delegate_state(to))->user = &to; }

// --- Waiting ---------------------------------------------------------------------------------------------------------

void PoolCore::wait_for_room(PoolCall& call, WaitingCalls& list) {
  const TimePoint now = clock_.now();
  if (!call.waits()) {
    ++waiting_;
    deadlines_.insert(call, call.deadline, now);
  }
  call.state = PoolCall::State::queued;
  if (call.ran == Ran::no) attach(*call.user, &call);  // as if it had never been sent
  call.stage_since = now;
  call.without_connection = without_connection(now);
  list.push_back(call);
  arm_tick();
}

// Out of all lists of those that wait; its stage is over.
void PoolCore::stop_waiting(PoolCall& call, TimePoint now) {
  if (!call.waits()) return;
  const Duration waited = now - call.stage_since;
  if (call.state == PoolCall::State::queued) {
    const Duration connecting = std::min(waited, without_connection(now) - call.without_connection);
    call.stages.add(CallStage::connecting, connecting);
    call.stages.add(CallStage::window, waited - connecting);
  } else {
    call.stages.add(CallStage::back_off, waited);
  }
  if (call.trouble) call.trouble->timer.disarm();
  static_cast<base::ListLink<WaitingTag>&>(call).unlink();
  DeadlineWheel::remove(call);
  --waiting_;
  call.state = PoolCall::State::begun;
}

void PoolCore::pump() {
  if (waiting_ == 0 || state_ == State::ended) return;
  const TimePoint now = clock_.now();
  particular_.for_each([&](PoolCall& call) {
    if (!expired(call, now)) try_start(call, now);
  });
  while (!queue_.empty()) {
    PoolCall& call = queue_.front();
    if (!expired(call, now) && !try_start(call, now)) break;
  }
}

bool PoolCore::expired(PoolCall& call, TimePoint now) {
  if (now < call.deadline) return false;
  fail_expired(call);
  return true;
}

// False when it has to wait.
bool PoolCore::try_start(PoolCall& call, TimePoint now) {
  Endpoint* endpoint = choose(call, now);
  Connection* connection = endpoint == nullptr ? nullptr : endpoint->connection_with_room();
  if (connection == nullptr) return false;
  start_attempt(call, *connection, false, now);
  return true;
}

// Every address that calls may go to is connected, when they come; those that have no room for calls that wait get another
// connection. A lost one is replaced at once, unless nobody had used it: servers close those, again and again.
void PoolCore::demand_connections(bool for_call) {
  for (const Known& known : endpoints_) {
    Endpoint& endpoint = *known.endpoint;
    if (!endpoint.health().is_healthy()) {
      endpoint.look();
    } else if (!takes_calls(known)) {
      endpoint.no_more_demand();
    } else if ((!endpoint.has_connections() && (for_call || endpoint.misses_connection())) ||
               (waiting_ > 0 && endpoint.connection_with_room() == nullptr)) {
      endpoint.demand();
    } else {
      endpoint.no_more_demand();
    }
  }
  particular_.for_each([this](PoolCall& call) { demand_for(call); });
}

// A call with wishes of its own may wait for one that others do not go to.
void PoolCore::demand_for(const PoolCall& call) {
  Endpoint* endpoint = nullptr;
  if (call.target != kNoAddress) {
    endpoint = find(call.target);
  } else if (config_.balance == Balance::leader && call.avoid != kNoAddress) {
    look_at_candidates(clock_.now());
    const auto index = selector_.wanted(candidates_, call.avoid);
    if (index) endpoint = endpoints_[*index].endpoint.get();
  }
  if (endpoint != nullptr && endpoint->id() != call.avoid) endpoint->demand();
}

// --- Choosing --------------------------------------------------------------------------------------------------------

// Calls go there without being sent there by an error.
bool PoolCore::takes_calls(const Known& known) const {
  if (config_.balance != Balance::leader) return !known.is_temporary;
  return find(selector_.leader()) == nullptr ? &known == &endpoints_.front()
                                             : known.endpoint->id() == selector_.leader();
}

bool PoolCore::any_healthy() const {
  return std::ranges::any_of(endpoints_, [](const Known& known) { return known.endpoint->health().is_healthy(); });
}

Endpoint* PoolCore::find(AddressId id) const {
  const auto found = std::ranges::find_if(endpoints_, [id](const Known& known) { return known.endpoint->id() == id; });
  return found == endpoints_.end() ? nullptr : found->endpoint.get();
}

PoolCore::Known* PoolCore::find(const Address& address) {
  const auto found =
      std::ranges::find_if(endpoints_, [&](const Known& known) { return known.endpoint->address() == address; });
  return found == endpoints_.end() ? nullptr : &*found;
}

void PoolCore::look_at_candidates(TimePoint now) {
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    Endpoint& endpoint = *endpoints_[i].endpoint;
    Candidate& candidate = candidates_[i];
    // One that only an error has named is there for the calls that are sent to it, and to lead.
    candidate.healthy = endpoint.health().is_healthy() &&
                        (!endpoints_[i].is_temporary || endpoint.id() == selector_.leader());
    candidate.has_room = candidate.healthy && endpoint.connection_with_room() != nullptr;
    candidate.weight = endpoint.health().weight(now);
    candidate.in_flight = endpoint.in_flight();
  }
}

// Null when the call has to wait.
Endpoint* PoolCore::choose(PoolCall& call, TimePoint now) {
  if (call.target != kNoAddress) {
    Endpoint* target = find(call.target);
    if (target != nullptr && target->health().is_healthy()) {
      return target->connection_with_room() != nullptr ? target : nullptr;
    }
    call.target = kNoAddress;  // where it was sent is of no use: any other may know better
  }
  if (endpoints_.size() == 1) {
    Endpoint& only = *endpoints_.front().endpoint;
    return only.health().is_healthy() ? &only : nullptr;
  }
  look_at_candidates(now);
  const AddressId leader = selector_.leader();
  const auto index = selector_.pick(candidates_, call.avoid);
  if (selector_.leader() != leader) schedule_look();  // it may have no connection yet
  return index ? endpoints_[*index].endpoint.get() : nullptr;
}

// --- Addresses -------------------------------------------------------------------------------------------------------

// One that was there a moment ago is taken back: how often it may be connected to does not begin anew.
// Memory is taken before anything changes, also what retiring it will need.
Endpoint& PoolCore::add_endpoint(const Address& address, bool is_temporary) {
  endpoints_.reserve(endpoints_.size() + 1);
  candidates_.reserve(endpoints_.size() + 1);
  retired_.reserve(retired_.size() + endpoints_.size() + 1);
  Known known;
  const auto is_it = [&address](const Retired& retired) { return retired.endpoint->address() == address; };
  if (const auto found = std::ranges::find_if(retired_, is_it); found != retired_.end()) {
    known.endpoint = std::move(found->endpoint);
    retired_.erase(found);
    known.endpoint->revive();
  } else {
    EndpointOwner& owner = *this;
    known.endpoint = std::make_unique<Endpoint>(runtime(), owner, ++last_id_, address, config_, stats_);
  }
  known.is_temporary = is_temporary;
  known.used_at = clock_.now();
  Candidate candidate;
  candidate.id = known.endpoint->id();
  candidates_.push_back(candidate);
  endpoints_.push_back(std::move(known));
  return *endpoints_.back().endpoint;
}

// What it carries goes on; nothing new goes there.
void PoolCore::retire(std::size_t index) {
  endpoints_[index].endpoint->retire();
  retired_.push_back({std::move(endpoints_[index].endpoint), clock_.now()});
  endpoints_.erase(endpoints_.begin() + static_cast<std::ptrdiff_t>(index));
  candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(index));
}

// Those that stay keep their connections; their order is the new one. What takes memory comes first: where that is refused,
// the old addresses are still there.
void PoolCore::update_addresses(std::vector<Address> addresses) {
  check_use();
  if (state_ == State::ended) return;
  for (const Address& address : addresses) {
    if (find(address) == nullptr) add_endpoint(address, false);  // else it is known, or named twice
  }
  for (std::size_t i = endpoints_.size(); i-- > 0;) {
    Known& known = endpoints_[i];
    const bool is_listed = std::ranges::find(addresses, known.endpoint->address()) != addresses.end();
    if (is_listed) {
      known.is_temporary = false;
    } else if (!known.is_temporary) {
      retire(i);
    }
  }
  const auto rank = [&](const Known& known) {
    return std::ranges::find(addresses, known.endpoint->address()) - addresses.begin();
  };
  std::ranges::sort(endpoints_, {}, rank);
  for (std::size_t i = 0; i < endpoints_.size(); ++i) candidates_[i] = Candidate{.id = endpoints_[i].endpoint->id()};
  schedule_look();
}

// --- Attempts --------------------------------------------------------------------------------------------------------

void PoolCore::start_attempt(PoolCall& call, Connection& connection, bool is_hedge, TimePoint now) {
  stop_waiting(call, now);
  if (!is_hedge) {
    call.state = PoolCall::State::under_way;
    call.stage_since = now;
    ++under_way_;
  }
  auto* attempt = new Attempt(*this, call, connection, connection.endpoint.answers(), is_hedge);  // owns itself from here on
  (is_hedge ? call.hedge : call.first) = attempt;
  ++call.attempts;
  ++stats_.attempts;
  connection.endpoint.on_attempt(connection);
  mark_sent(*call.user);
  stream::CallOptions options;
  options.deadline = call.deadline;
  options.timeout = call.deadline == TimePoint::max() ? Duration::max() : call.deadline - now;
  options.format = call.options.format;
  stream::RequestDraft draft = connection.stream.channel().draft(*attempt, call.action(), options);
  if (!base::with_memory([&] { draft.sink().put(call.message()); })) return draft.refuse(base::out_of_memory(Ran::no));
  draft.commit(base::Blob(call.blob));
  if (!is_hedge && call.options.idempotent && *call.options.hedge_after > Duration::zero() && endpoints_.size() > 1) {
    trouble_of(call).timer.arm(base::saturating_add(now, *call.options.hedge_after));
  }
}

void Attempt::detach() {
  call_ = nullptr;
  Endpoint::on_forgotten(connection_);
}

void Attempt::on_response(const wire::ResponseFrame& answer) { core_.on_answered(*this, answer); }
void Attempt::on_failed(CallError error) { core_.on_failed(*this, std::move(error)); }
std::string Attempt::describe() const {
  return call_ == nullptr ? "an attempt that nobody waits for" : call_->user->describe();
}

void PoolCore::on_attempt_over(const Attempt& attempt, bool answered) {
  Connection& connection = attempt.connection();
  if (attempt.call() != nullptr) Endpoint::on_forgotten(connection);
  connection.endpoint.on_attempt_over(connection, answered);
}

void PoolCore::on_answered(Attempt& attempt, const wire::ResponseFrame& answer) {
  const Ref self(this);
  const std::unique_ptr<Attempt> over(&attempt);
  on_attempt_over(attempt, true);
  if (attempt.call() == nullptr) return;
  PoolCall& call = *attempt.call();
  const bool is_error = static_cast<wire::ResponseFlag>(answer.head.flag) != wire::ResponseFlag::success;
  if (is_error && (redirected(attempt, answer) || retried(attempt, answer))) return;
  call.drop(attempt);
  if (attempt.is_hedge()) ++stats_.hedges_won;
  if (const auto failure = wire::answered_failure(answer)) {
    const Address& address = attempt.connection().endpoint.address();
    note_tried(call, address, base::format("{}: answered by the server", name_of(failure->errc)));
    call.stages.add(CallStage::waiting, clock_.now() - call.stage_since);
    const Ran ran = std::max({call.ran, failure->ran, call.has_attempts() ? Ran::maybe : Ran::no});
    const std::string detail = failure->detail.empty() ? "" : ": " + failure->detail;
    const std::string said = base::format("{} answered {}{}", address, name_of(failure->errc), detail);
    CallError error(failure->errc, ran, report(call, said, false));
    ++stats_.calls_failed[failure->errc];
    return end(call).on_failed(std::move(error));
  }
  ++stats_.calls_answered;
  end(call).on_response(answer);
}

void PoolCore::on_failed(Attempt& attempt, CallError error) {
  const Ref self(this);
  const std::unique_ptr<Attempt> over(&attempt);
  Endpoint& endpoint = attempt.connection().endpoint;
  const TimePoint now = clock_.now();
  const bool was_cut_off = attempt.was_cut_off();
  const bool was_sent = error.ran() != Ran::no || was_cut_off;
  if (!was_sent) --stats_.attempts;
  on_attempt_over(attempt, false);
  if (was_sent && error.errc() == Errc::deadline_exceeded) endpoint.on_timeout(attempt.answers_before(), now);
  schedule_look();
  if (attempt.call() == nullptr) return;
  PoolCall& call = *attempt.call();
  call.drop(attempt);
  if (error.ran() == Ran::no) --call.attempts;  // the retry limit is for what may have run
  call.stages.add(error.ran() != Ran::no ? CallStage::waiting : CallStage::sending, now - call.stage_since);
  call.stage_since = now;
  note_tried(call, endpoint.address(), base::format("{}: {}", name_of(error.errc()), cause(call, error)));
  if (call.has_attempts()) {
    call.ran = std::max(call.ran, error.ran());
    return;  // the hedge, or what it was to help, may still be answered
  }
  go_on_or_fail(call, endpoint.id(), std::move(error), was_cut_off);
}

// None of its attempts is under way any more.
void PoolCore::go_on_or_fail(PoolCall& call, AddressId failed_at, CallError error, bool was_cut_off) {
  call.ran = std::max(call.ran, error.ran());
  if (call.trouble) call.trouble->timer.disarm();
  --under_way_;
  call.state = PoolCall::State::begun;
  // Who finds no memory does not try again until there is some: that would keep everybody busy.
  const bool had_memory = error.errc() != Errc::overloaded;
  const bool may_go_on = had_memory && state_ != State::ended && clock_.now() < call.deadline;
  switch (may_go_on ? retry_policy_.after(error.ran(), call.options.idempotent, call.attempts)
                    : RetryPolicy::Verdict::give_up) {
    case RetryPolicy::Verdict::move:
      if (!may_come_back()) break;
      // Whoever breaks off large messages is not sent them again and again: with back-off and budget, and elsewhere first.
      if (was_cut_off) {
        call.avoid = failed_at;
        const Duration delay = next_delay(call);
        if (may_wait_for(call, delay, clock_.now())) {
          call.was_cut_off = true;
          return back_off(call, delay);
        }
      }
      ++stats_.moves;
      wait_for_room(call, particular_);
      return schedule_look();
    case RetryPolicy::Verdict::retry: {
      const Duration delay = next_delay(call);
      if (!may_wait_for(call, delay, clock_.now())) break;
      call.avoid = failed_at;
      return back_off(call, delay);
    }
    case RetryPolicy::Verdict::give_up: break;
  }
  fail_later(call, CallError(error.errc(), call.ran, cause(call, error)));
}

Duration PoolCore::next_delay(const PoolCall& call) {
  const RetryConfig& config = config_.pool.retry;
  return Backoff::delay(call.retries + call.redirects, config.backoff_least, config.backoff_most, jitter_);
}

bool PoolCore::may_wait_for(const PoolCall& call, Duration delay, TimePoint now) const {
  return may_come_back() && base::saturating_add(now, delay) < call.deadline;
}

// Only when it may.
void PoolCore::back_off(PoolCall& call, Duration delay) {
  const TimePoint now = clock_.now();
  ++waiting_;
  deadlines_.insert(call, call.deadline, now);
  call.state = PoolCall::State::backing_off;
  call.stage_since = now;
  trouble_of(call).timer.arm(now + delay);
  arm_tick();
}

void PoolCall::CallTimer::fire() { core.on_timer(call); }

void PoolCore::on_timer(PoolCall& call) {
  if (call.state == PoolCall::State::under_way) return hedge(call);
  if (expired(call, clock_.now())) return;
  // Where an error sent it elsewhere it is no retry.
  if (call.has_token || (call.attempts == 0 && !call.was_cut_off)) return go_on(call);
  call.state = PoolCall::State::needs_token;
  needs_token_.push_back(call);
  look();
}

bool PoolCore::take_token(PoolCall& call, TimePoint now) {
  if (!budget_.take(now)) return false;
  ++(call.was_cut_off ? stats_.moves : stats_.retries);
  ++call.retries;
  return call.has_token = true;
}

// Its back-off is over, it has its token, or needs none: it waits for room now.
void PoolCore::go_on(PoolCall& call) {
  const TimePoint now = clock_.now();
  call.has_token = call.was_cut_off = false;
  call.stages.add(CallStage::back_off, now - call.stage_since);
  static_cast<base::ListLink<WaitingTag>&>(call).unlink();
  wait_for_room(call, particular_);
  schedule_look();
}

PoolCall::Trouble& PoolCore::trouble_of(PoolCall& call) {
  if (!call.trouble) call.trouble = std::make_unique<PoolCall::Trouble>(clock_, *this, call);
  return *call.trouble;
}

void PoolCore::note_tried(PoolCall& call, const Address& address, std::string said) {
  std::vector<PoolCall::Tried>& tried = trouble_of(call).tried;
  auto found = std::ranges::find(tried, address, &PoolCall::Tried::address);
  if (found == tried.end()) {
    if (!base::with_memory([&] { tried.push_back({address, 0, {}}); })) return;
    found = tried.end() - 1;
  }
  ++found->times;
  found->last_said = std::move(said);
}

// An error of the framework that the server answers: the call may have run.
bool PoolCore::retried(Attempt& attempt, const wire::ResponseFrame& answer) {
  PoolCall& call = *attempt.call();
  const auto failure = wire::answered_failure(answer);
  if (!failure || !call.options.idempotent) return false;
  if (call.first != nullptr && call.hedge != nullptr) {
    call.drop(attempt);
    call.ran = std::max(call.ran, failure->ran);
    return true;  // the other one may do better
  }
  if (!retry_policy_.may_attempt(call.attempts)) return false;
  const TimePoint now = clock_.now();
  const Duration delay = next_delay(call);
  // Otherwise its caller gets the answer: who has one does not wait for the budget.
  if (state_ == State::ended || !may_wait_for(call, delay, now) || !take_token(call, now)) return false;
  call.avoid = attempt.connection().endpoint.id();
  --under_way_;
  call.drop(attempt);
  call.ran = std::max(call.ran, failure->ran);
  call.stages.add(CallStage::waiting, now - call.stage_since);
  back_off(call, delay);
  note_tried(call, attempt.connection().endpoint.address(), base::format("{}: answered by the server", name_of(failure->errc)));
  return true;
}

// The address to which an error of `from` sends a call; null: no particular one.
Endpoint* PoolCore::named_by(const Failover& wish, const Endpoint& from, TimePoint now) {
  const auto address = Address::parse(wish.address());
  if (wish.kind() != Failover::Kind::to_address || !address.ok() || *address == from.address()) return nullptr;
  if (Known* known = find(*address)) {
    known->used_at = now;
    return known->endpoint.get();
  }
  const auto temporaries = std::ranges::count_if(endpoints_, &Known::is_temporary);
  if (temporaries >= static_cast<std::ptrdiff_t>(config_.redirect_addresses_max)) return nullptr;
  return &add_endpoint(*address, true);
}

// An error of the handler that says where to go instead; it promises that nothing was done.
bool PoolCore::redirected(Attempt& attempt, const wire::ResponseFrame& answer) {
  PoolCall& call = *attempt.call();
  const TimePoint now = clock_.now();
  Endpoint& endpoint = attempt.connection().endpoint;
  if (state_ == State::ended || call.redirects >= config_.redirects_max || now >= call.deadline) return false;
  const stream::FailoverRule rule = call.user->failover_rule();
  if (rule == nullptr) return false;
  const Failover wish = rule(answer);
  if (wish.kind() == Failover::Kind::stop) return false;
  Endpoint* target = nullptr;
  if (!base::with_memory([&] { target = named_by(wish, endpoint, now); })) target = nullptr;
  if (target == nullptr && endpoints_.size() < 2) return false;  // there is no other address
  // Once around at once; then nobody seems to know, and asking faster does not help.
  const Duration delay = call.redirects + 1 < endpoints_.size() ? Duration::zero() : next_delay(call);
  if (!may_wait_for(call, delay, now)) return false;

  ++stats_.redirects;
  ++call.redirects;
  --call.attempts;
  call.drop(attempt);
  note_tried(call, endpoint.address(), target == nullptr ? "asked for the next address" : base::text_with_memory([&] {
    return base::format("named {}", target->address());
  }));
  call.avoid = endpoint.id();
  call.target = target == nullptr ? kNoAddress : target->id();
  if (config_.balance == Balance::leader) {
    if (target != nullptr) {
      selector_.set_leader(target->id());
    } else if (selector_.leader() == endpoint.id()) {
      look_at_candidates(now);
      selector_.next_leader(candidates_);
    }
  }
  if (call.has_attempts()) return true;
  if (call.trouble) call.trouble->timer.disarm();
  --under_way_;
  call.state = PoolCall::State::begun;
  call.stages.add(CallStage::waiting, now - call.stage_since);
  if (delay > Duration::zero()) {
    back_off(call, delay);
  } else {
    wait_for_room(call, particular_);
    schedule_look();
  }
  return true;
}

// A healthy address for another attempt; null when there is none.
Endpoint* PoolCore::other_than(AddressId asked, TimePoint now) {
  look_at_candidates(now);
  const auto index = selector_.pick(candidates_, asked);
  Endpoint* other = index ? endpoints_[*index].endpoint.get() : nullptr;
  return other == nullptr || other->id() == asked ? nullptr : other;
}

void PoolCore::hedge(PoolCall& call) {
  const TimePoint now = clock_.now();
  if (now >= call.deadline) return;  // its time was over while its host stood still
  if (call.hedge != nullptr || call.first == nullptr || !retry_policy_.may_attempt(call.attempts)) return;
  const AddressId asked = call.first->connection().endpoint.id();
  Endpoint* other = other_than(asked, now);
  Connection* connection = other == nullptr ? nullptr : other->connection_with_room();
  if (connection == nullptr) {
    // Nobody has room, or who would take it has no connection yet: once more, later.
    call.avoid = asked;
    demand_for(call);
    call.trouble->timer.arm(base::saturating_add(now, std::max(*call.options.hedge_after, kHedgeAgainLeast)));
    return;
  }
  if (!budget_.take(now)) return;
  ++stats_.hedges;
  start_attempt(call, *connection, true, now);
}

// Idempotent calls on connections that are silent: the first answer wins. What nobody can take now is looked at again.
void PoolCore::try_elsewhere() {
  if (endpoints_.size() < 2) return;
  const auto has_silent = [](const auto& one) { return one.endpoint->has_silent_connection(); };
  if (!std::ranges::any_of(endpoints_, has_silent) && !std::ranges::any_of(retired_, has_silent)) return;
  const TimePoint now = clock_.now();
  all_.for_each([&](PoolCall& call) {
    if (call.state != PoolCall::State::under_way || !call.options.idempotent || call.left_silence) return;
    if (call.first == nullptr || call.hedge != nullptr || !call.first->connection().stream.is_silent()) return;
    if (now >= call.deadline || !retry_policy_.may_attempt(call.attempts)) return;
    Endpoint* other = other_than(call.first->connection().endpoint.id(), now);
    Connection* connection = other == nullptr ? nullptr : other->connection_with_room();
    if (connection == nullptr || !budget_.take(now)) return;
    call.left_silence = true;
    ++stats_.hedges;
    start_attempt(call, *connection, true, now);
  });
}

// --- Ends of calls ---------------------------------------------------------------------------------------------------

// Gives the caller's call, which is to be told; the pool knows it no more.
Exchange& PoolCore::end(PoolCall& call) {
  Exchange& user = *call.user;
  detach(user);
  forget(call);
  return user;
}

void PoolCore::forget(PoolCall& call) {
  if (call.waits()) stop_waiting(call, clock_.now());
  if (call.state == PoolCall::State::under_way) --under_way_;
  for (Attempt* attempt : {call.first, call.hedge}) {
    if (attempt != nullptr) attempt->detach();
  }
  uncount_bytes(call);
  delete &call;
  if (state_ != State::open && all_.empty()) drained_.set();
}

// The call is out of all lists but that of all, and none of its attempts is under way.
void PoolCore::fail_later(PoolCall& call, CallError error) {
  const bool waited = call.waits();
  stop_waiting(call, clock_.now());
  uncount_bytes(call);
  trouble_of(call).error.emplace(error.errc(), error.ran(), report(call, error.detail(), waited || call.ran == Ran::no));
  call.state = PoolCall::State::failing;
  failing_.push_back(call);
  if (!delivering_.is_linked()) spawner().make_ready(delivering_);
}

void PoolCore::fail_expired(PoolCall& call) {
  std::string_view why = "its deadline had passed when it was submitted";
  switch (call.state) {
    case PoolCall::State::queued:
      why = !any_healthy()    ? "no address was healthy"
            : has_connection_ ? "it waited for room on a connection"
                              : "it waited for a connection";
      break;
    case PoolCall::State::backing_off: why = "its next attempt was still to come"; break;
    case PoolCall::State::needs_token: why = "the retry budget was spent"; break;
    case PoolCall::State::begun:
    case PoolCall::State::under_way:
    case PoolCall::State::failing: break;
  }
  fail_later(call, CallError(Errc::deadline_exceeded, call.ran,
                             call.has_no_time() ? "its time was over when it was submitted"
                                                : base::format("no answer within {}: {}",
                                                               span_text(*call.options.timeout), why)));
}

// A stream's errors begin with the name of the call, which the pool's say once.
std::string PoolCore::cause(const PoolCall& call, const CallError& error) {
  if (error.errc() == Errc::deadline_exceeded) return "no answer within " + span_text(*call.options.timeout);
  const std::string name = "call " + call.user->describe();
  std::string_view detail = error.detail();
  if (detail.starts_with(name)) {
    detail.remove_prefix(name.size());
    if (const std::size_t colon = detail.find(": "); colon != detail.npos) detail.remove_prefix(colon + 2);
  }
  return std::string(detail);
}

// What a person needs to find the cause: who was asked, what they said, and where the time went.
std::string PoolCore::report(const PoolCall& call, std::string_view what, bool waited) const {
  return base::text_with_memory([&] { return report_text(call, what, waited); });
}

std::string PoolCore::report_text(const PoolCall& call, std::string_view what, bool waited) const {
  std::string text = base::format("call {}: {}", call.user->describe(), what);
  if (call.trouble) {
    for (const PoolCall::Tried& tried : call.trouble->tried) {
      text += base::format("; tried {} {} time{}: {}", tried.address, tried.times, tried.times == 1 ? "" : "s",
                          tried.last_said);
    }
  }
  if (waited && state_ != State::ended) {
    for (const Known& known : endpoints_) {
      if (known.endpoint->is_in_trouble()) text += "; " + known.endpoint->trouble();
    }
    if (endpoints_.empty()) text += "; the pool has no addresses";
  }
  return text + "; time: " + call.stages.to_string();
}

// As with a stream: those that fail because of what is run here wait for another turn.
void PoolCore::deliver_failures() {
  const Ref self(this);
  failing_now_.splice_back(failing_);
  while (PoolCall* call = failing_now_.pop_front()) {
    const std::unique_ptr<PoolCall::Trouble> trouble = std::move(call->trouble);
    ++stats_.calls_failed[trouble->error->errc()];
    end(*call).on_failed(*std::move(trouble->error));
  }
}

void PoolCore::end_all(std::string_view why) {
  if (state_ == State::ended) return;
  const Ref self(this);
  state_ = State::ended;
  tick_.disarm();
  looking_.unlink();
  for (WaitingCalls* list : {&queue_, &particular_, &needs_token_}) {
    while (!list->empty()) {
      PoolCall& call = list->front();
      fail_later(call, CallError(Errc::closed, call.ran, std::string(why)));
    }
  }
  all_.for_each([&](PoolCall& call) {
    if (call.state == PoolCall::State::backing_off) {
      fail_later(call, CallError(Errc::closed, call.ran, std::string(why)));
    }
  });
  // Each attempt fails with its connection, and says whether it may have run.
  candidates_.clear();
  const std::vector<Known> endpoints = std::move(endpoints_);
  const std::vector<Retired> retired = std::move(retired_);
}

std::string PoolCore::object_name() const {
  std::string name = endpoints_.empty() ? "a pool without addresses" : "the pool of ";
  for (const Known& known : endpoints_) {
    name += base::format("{}{}", &known == &endpoints_.front() ? "" : ", ", known.endpoint->address());
  }
  return name;
}

void PoolCore::shut_down() {
  const Ref self(this);
  end_all("the pool was destroyed");
  while (!failing_.empty() || !failing_now_.empty()) deliver_failures();
}

runtime::Task<void> PoolCore::close(Ref<PoolCore> self, Duration limit) {
  self->check_use();
  if (self->state_ == State::open) self->state_ = State::draining;
  self->all_.empty() ? self->drained_.set() : self->drained_.reset();
  struct Drained {
    static runtime::Task<void> wait(runtime::Event& drained) { co_await drained.wait(); }
  };
  const TimePoint until = base::saturating_add(self->clock_.now(), limit);
  const auto drained = co_await runtime::with_deadline(self->clock_, until, Drained::wait(self->drained_));
  self->end_all(drained ? "the pool is closed" : "the pool was closed before it was answered");
  // All that was under way, and what its completions submitted; who goes on calling does not keep this from returning.
  for (int round = 0; round < 2; ++round) self->deliver_failures();
}

// --- Turns and ticks -------------------------------------------------------------------------------------------------

void PoolCore::on_room() {
  if (waiting_ > 0) pump();
}

bool PoolCore::is_active() const {
  return state_ != State::ended && (waiting_ > 0 || (last_submitted_ != TimePoint::min() &&
                                    clock_.now() - last_submitted_ < idle_limit(config_.pool)));
}

Duration PoolCore::without_connection(TimePoint now) const {
  return has_connection_ ? without_connection_ : without_connection_ + (now - has_connection_since_);
}

// After anything that may let calls go on.
void PoolCore::look() {
  if (state_ == State::ended) return;
  looking_.unlink();
  const TimePoint now = clock_.now();
  for (const Known& known : endpoints_) known.endpoint->tidy(now);
  for (const Retired& retired : retired_) retired.endpoint->tidy(now);
  std::erase_if(retired_, [now](const Retired& retired) {
    return retired.endpoint->is_unused() && now - retired.at >= kRememberedFor;
  });
  const bool has_connection = std::ranges::any_of(endpoints_, [this](const Known& known) {
    return known.endpoint->health().is_healthy() && known.endpoint->has_connections() && takes_calls(known);
  });
  if (has_connection != has_connection_) {
    without_connection_ = without_connection(now);
    has_connection_since_ = now;
    has_connection_ = has_connection;
  }
  while (!needs_token_.empty()) {
    PoolCall& call = needs_token_.front();
    if (expired(call, now)) continue;
    if (!take_token(call, now)) break;
    go_on(call);
  }
  pump();
  try_elsewhere();
  if (config_.pool.fail_fast && !any_healthy()) {
    for (WaitingCalls* list : {&queue_, &particular_}) {
      while (!list->empty()) {
        PoolCall& call = list->front();
        fail_later(call, CallError(Errc::unreachable, call.ran, "no address is healthy"));
      }
    }
  }
  if (waiting_ > 0 || is_active()) demand_connections(waiting_ > 0);
  arm_tick();
}

// For the deadlines of calls that wait, and at least once a tick while there is anything to look after.
void PoolCore::arm_tick() {
  if (state_ == State::ended) return;
  const TimePoint now = clock_.now();
  TimePoint next = waiting_ > 0 ? deadlines_.next_tick(now) : TimePoint::max();
  if (!tick_.armed()) {
    const bool has_temporary = std::ranges::any_of(endpoints_, &Known::is_temporary);
    const bool has_connections = std::ranges::any_of(
        endpoints_, [](const Known& known) { return !known.endpoint->is_unused(); });
    if (waiting_ > 0 || has_temporary || has_connections || !retired_.empty()) {
      const Duration tick = stream::tick_of(Duration::max(), config_.pool.stream.tick);
      next = std::min(next, TimePoint(tick * (now.time_since_epoch() / tick + 1)));
    }
  }
  if (next != TimePoint::max() && (!tick_.armed() || next < tick_.at())) tick_.arm(next);
}

void PoolCore::on_tick() {
  const Ref self(this);
  const TimePoint now = clock_.now();
  stream::DeadlineList due;
  deadlines_.expire(now, due);
  while (DeadlineEntry* entry = due.pop_front()) fail_expired(static_cast<PoolCall&>(*entry));
  for (std::size_t i = endpoints_.size(); i-- > 0;) {
    Known& known = endpoints_[i];
    if (known.endpoint->in_flight() > 0 || known.endpoint->id() == selector_.leader()) known.used_at = now;
    if (known.is_temporary && now - known.used_at >= config_.redirect_address_timeout) retire(i);
  }
  look();
}

PoolState PoolCore::state() const {
  const TimePoint now = clock_.now();
  PoolState state;
  for (const Known& known : endpoints_) {
    AddressState address = known.endpoint->state(now);
    address.from_redirect = known.is_temporary;
    address.leads = config_.balance == Balance::leader && known.endpoint->id() == selector_.leader();
    state.addresses.push_back(std::move(address));
  }
  state.in_flight = under_way_;
  state.waiting = waiting_;
  state.bytes = bytes_;
  state.retry_tokens = budget_.tokens(now);
  state.stats = stats_;
  return state;
}

}  // namespace razor::pool
