#include "razor/pool/internal/pool_core.h"

#include <algorithm>
#include <utility>

#include "razor/base/format.h"
#include "razor/runtime/with_deadline.h"

namespace razor::pool {

using base::CallError;
using base::Duration;
using base::Ref;
using base::TimePoint;
using runtime::Address;
using stream::Exchange;
using stream::Failover;

PoolCore::PoolCore(runtime::Runtime& runtime, std::vector<Address> addresses, const FailoverPoolConfig& config)
    : Channel(runtime),
      RuntimeObject(runtime.executor()),
      config_(config),
      clock_(runtime.clock()),
      book_(config.balance, runtime.random().seed_for("pool selector"),
            {config.redirect_addresses_max, config.redirect_address_timeout}),
      observer_(runtime, config_.pool.hook),
      driver_(*this, runtime, config_, book_, stats_),
      reevaluating_(*this),
      tick_(runtime.clock(), *this),
      drained_(runtime.executor()) {
  const ClientPoolConfig& pool = config.pool;
  RAZOR_CHECK(pool.connections_max > 0 && pool.queue_calls_max > 0, "a pool of {} connections and {} calls",
              pool.connections_max, pool.queue_calls_max);
  update_addresses(std::move(addresses));
}

// --- Submitted calls -------------------------------------------------------------------------------------------------

wire::ByteSink& PoolCore::begin(Exchange& caller, const wire::Action& action, const stream::CallOptions& options) {
  check_use();
  draft_ = new PoolCall(caller, action, options);
  attach(*draft_);
  return draft_->sink();
}

void PoolCore::refuse(Exchange&, CallError why) {
  PoolCall& call = *std::exchange(draft_, nullptr);
  ++stats_.calls_submitted;
  observer_.on_submitted(call);
  driver_.refuse(call, std::move(why));
}

void PoolCore::commit(Exchange&, base::Blob&& blob) {
  PoolCall& call = *std::exchange(draft_, nullptr);
  const TimePoint now = clock_.now();
  ++stats_.calls_submitted;
  last_submitted_ = now;
  call.blob = std::move(blob);
  call.set_limits(now, config_.pool.stream.call_timeout, config_.hedge_after);
  observer_.on_submitted(call);
  driver_.submit(call, now);
  if (driver_.awaits_budget()) schedule_reevaluation();  // the call has paid in
}

void PoolCore::cancel(Exchange& caller) {
  auto& call = *static_cast<PoolCall*>(delegate_state(caller));
  ++stats_.calls_abandoned;
  observer_.on_cancelled(call);
  detach(caller);
  driver_.endings().cancel(call);
}

void PoolCore::relocated(Exchange& to) { static_cast<PoolCall*>(delegate_state(to))->caller = &to; }

// --- Addresses -------------------------------------------------------------------------------------------------------

std::unique_ptr<Endpoint> PoolCore::make_endpoint(AddressId id, const Address& address) {
  EndpointOwner& owner = *this;
  return std::make_unique<Endpoint>(runtime(), owner, id, address, config_, stats_);
}

void PoolCore::update_addresses(std::vector<Address> addresses) {
  check_use();
  if (is_ended()) return;
  book_.update(addresses, clock_.now(), [this](AddressId id, const Address& address) { return make_endpoint(id, address); });
  schedule_reevaluation();
}

Endpoint* PoolCore::named_by(const Failover& wish, const Address& asked, TimePoint now) {
  Endpoint* named = nullptr;
  const bool had_memory = base::catching_bad_alloc([&] {
    const auto address = Address::parse(wish.address());
    if (wish.kind() != Failover::Kind::to_address || !address.ok() || *address == asked) return;
    named = book_.named(*address, now, [this](AddressId id, const Address& its) { return make_endpoint(id, its); });
  });
  return had_memory ? named : nullptr;
}

// --- The end ---------------------------------------------------------------------------------------------------------

void PoolCore::terminate(std::string_view why) {
  if (is_ended()) return;
  const Ref self(this);
  phase_ = Phase::ended;
  tick_.disarm();
  reevaluating_.unlink();
  driver_.endings().fail_waiting(why);
  book_.clear();  // each attempt fails with its connection, and says whether it may have run
}

void PoolCore::shut_down() {
  const Ref self(this);
  terminate("the pool was destroyed");
  while (driver_.endings().has_failures()) driver_.endings().tell_failures();
}

runtime::Task<void> PoolCore::close(Ref<PoolCore> self, Duration limit) {
  self->check_use();
  if (self->is_open()) self->phase_ = Phase::draining;
  self->driver_.empty() ? self->drained_.set() : self->drained_.reset();
  const TimePoint until = base::saturating_add(self->clock_.now(), limit);
  const auto drained = co_await runtime::with_deadline(self->clock_, until, runtime::until_set(self->drained_));
  self->terminate(drained ? "the pool is closed" : "the pool was closed before it was answered");
  // All calls that were in flight, and those that their completions submitted: a caller that goes on calling does not keep
  // this from returning.
  for (int round = 0; round < 2; ++round) self->driver_.endings().tell_failures();
}

std::string PoolCore::object_name() const {
  std::string name = book_.size() == 0 ? "a pool without addresses" : "the pool of ";
  const auto& entries = book_.entries();
  for (const auto& entry : entries) {
    name += base::format("{}{}", &entry == &entries.front() ? "" : ", ", entry.endpoint->address());
  }
  return name;
}

// --- Turns and ticks -------------------------------------------------------------------------------------------------

bool PoolCore::is_active() const {
  if (is_ended()) return false;
  return driver_.waiting() > 0 ||
         (last_submitted_ != TimePoint::min() && clock_.now() - last_submitted_ < idle_limit(config_.pool));
}

void PoolCore::reevaluate() {
  if (is_ended()) return;
  reevaluating_.unlink();
  const TimePoint now = clock_.now();
  for (const auto& entry : book_.entries()) entry.endpoint->tidy(now);
  for (const auto& draining : book_.draining()) draining.endpoint->tidy(now);
  book_.forget_drained(now);
  driver_.reevaluate(now);
  if (driver_.waiting() > 0 || is_active()) driver_.demand_connections(driver_.waiting() > 0);
  arm_tick();
}

void PoolCore::arm_tick() {
  if (is_ended()) return;
  const TimePoint now = clock_.now();
  TimePoint next = driver_.next_tick(now);
  if (!tick_.armed() && (driver_.waiting() > 0 || book_.needs_ticks())) {
    const Duration tick = stream::tick_of(Duration::max(), config_.pool.stream.tick);
    next = std::min(next, TimePoint(tick * (now.time_since_epoch() / tick + 1)));
  }
  if (next != TimePoint::max() && (!tick_.armed() || next < tick_.at())) tick_.arm(next);
}

void PoolCore::on_tick() {
  const Ref self(this);
  const TimePoint now = clock_.now();
  driver_.expire(now);
  book_.expire_temporaries(now);
  reevaluate();
}

PoolState PoolCore::state() const {
  const TimePoint now = clock_.now();
  PoolState state;
  for (const auto& entry : book_.entries()) {
    AddressState address = entry.endpoint->state(now);
    address.from_redirect = entry.is_temporary;
    address.leads = book_.leads(*entry.endpoint);
    state.addresses.push_back(std::move(address));
  }
  state.in_flight = driver_.in_flight();
  state.waiting = driver_.waiting();
  state.bytes = driver_.bytes();
  state.retry_tokens = driver_.retry_tokens(now);
  state.stats = stats_;
  return state;
}

}  // namespace razor::pool
