#include "razor/pool/internal/endpoint.h"

#include <algorithm>

#include "razor/base/format.h"
#include "razor/base/out_of_memory.h"
#include "razor/base/time_text.h"

namespace razor::pool {

using base::TimePoint;

// How long an address is spoken to in plain version 1 that closed a connection on which nothing but a hello had been sent.
static constexpr base::Duration kPlainFor = std::chrono::minutes(10);
static constexpr base::Duration kPlainForAMoment = std::chrono::seconds(10);  // … and where it closed others, too

Endpoint::Endpoint(runtime::Runtime& runtime, EndpointOwner& owner, AddressId id, runtime::Address address,
                   const FailoverPoolConfig& config, PoolStats& stats)
    : runtime_(runtime),
      clock_(runtime.clock()),
      owner_(owner),
      id_(id),
      address_(std::move(address)),
      config_(config),
      stats_(stats),
      health_(config.health),
      // In braces: seeds are drawn from left to right.
      policy_{config.pool, runtime.random().seed_for("pool reconnect"), runtime.random().seed_for("pool growth")},
      scope_(runtime.executor()) {}

// --- Connections -----------------------------------------------------------------------------------------------------

void Endpoint::on_attempt_over(Connection& connection, bool answered) {
  --in_flight_;
  if (--connection.attempts == 0) {
    connection.idle_since = clock_.now();
    if (connection.is_leaving || !connection.stream.is_open()) owner_.on_endpoint_changed();
  }
  if (!answered) return;
  ++answers_;
  health_.on_answer();
  if (policy_.failures() > 0 && health_.is_healthy()) policy_.on_answer();
}

// An address that has answered another call since is slow, or gets more than it can do: it is not gone.
void Endpoint::on_timeout(std::uint64_t answers_before, TimePoint now) {
  if (answers_before != answers_ || !health_.on_timeout(now)) return;
  why_ = base::format("{} calls in a row had no answer in time", config_.health.timeouts_max);
  stop_waiting_to_grow();
  policy_.on_failed(now);
  connections_.leave_all();
  note_ejection();
}

void Endpoint::on_connection_over(Connection& connection) {
  if (connection.is_leaving) return owner_.on_endpoint_changed();
  stop_waiting_to_grow();  // what is wanted now is more than that
  misses_connection_ = connection.was_used;
  const TimePoint now = clock_.now();
  if (connection.stream.was_asked_to_leave()) return owner_.on_endpoint_changed();  // the address is well, and says so
  if (speaks_plain_next(connection.stream, now) && connection.attempts == 0) return owner_.on_endpoint_changed();
  // A server that accepts and closes at once cannot serve; one that closes an unused connection later can.
  const bool was_useless =
      connection.stream.stats().bytes_received == 0 && now - connection.idle_since < config_.pool.connect_timeout;
  if (connection.attempts > 0 || was_useless) {
    note_lost(connection, now);
  }
  owner_.on_endpoint_changed();
}

// The address may be that of a peer which closes on what it does not know: then the next connection begins without a hello. One
// that does, and fares no better, shows that the hello may not be to blame: then it is soon tried again.
bool Endpoint::speaks_plain_next(const stream::ClientStream& ended, TimePoint now) {
  if (config_.pool.stream.hello != stream::HelloMode::automatic) return false;
  if (ended.was_closed_on_hello()) {
    plain_until_ = base::saturating_add(now, plain_fares_no_better_ ? kPlainForAMoment : kPlainFor);
    return true;
  }
  if (ended.hello() == stream::HelloState::off && ended.stats().bytes_received == 0) {
    plain_until_ = TimePoint::min();
    plain_fares_no_better_ = true;
  } else if (ended.hello() == stream::HelloState::extended) {
    plain_fares_no_better_ = false;
  }
  return false;
}

void Endpoint::note_lost(const Connection& connection, TimePoint now) {
  why_ = connection.stream.end_reason();
  stop_waiting_to_grow();
  health_.on_connection_lost(now);
  note_ejection();
}

// A connection that was to end in peace is over already, as far as `on_connection_over` knows.
void Endpoint::on_calls_lost(const Connection& connection, TimePoint now) {
  if (connection.stream.was_asked_to_leave() && health_.is_healthy()) note_lost(connection, now);
}

// Its process may serve other connections in other threads: one that was heard of lately, and owes responses, speaks for it.
void Endpoint::on_connection_silent(const Connection& silent) {
  ++stats_.silences;
  const TimePoint now = clock_.now();
  const bool another_lives = std::ranges::any_of(connections_.open(), [&](const auto& one) {
    return one.get() != &silent && one->is_usable() && one->attempts > 0 && one->stream.is_open() &&
           now - one->stream.heard_at() < config_.pool.stream.ping_interval;
  });
  if (!another_lives && !silent.is_leaving && health_.is_healthy()) {
    why_ = "its machine is alive, and its process does not answer pings: it is busy or stopped";
    stop_waiting_to_grow();
    health_.on_silence(now);
    note_ejection();
  }
  owner_.on_endpoint_changed();
}

// Within the stream: only to be noted.
void Endpoint::on_connection_heard() {
  was_heard_ = true;
  owner_.on_endpoint_changed();
}

// A silent connection has spoken: whatever was concluded about the address meanwhile, it is there, and nothing was lost.
void Endpoint::use_again(TimePoint now) {
  was_heard_ = false;
  if (is_retired_) return;
  if (!health_.is_healthy()) {
    stop_work();
    if (health_.state() != HealthState::probing) health_.on_probe_started(now);
    on_probe_succeeded(now);
    policy_.on_heard();
  }
  while (Connection* alive = connections_.left_and_heard()) take_back(*alive);
}

void Endpoint::tidy(TimePoint now) {
  if (was_heard_) use_again(now);
  const base::Duration idle_max = idle_limit(config_.pool);
  // A connection that replaced another shortly before the calls stopped does not begin an idle time of its own.
  const auto is_idle = [&](const Connection& one) {
    return one.attempts == 0 && (now - one.idle_since >= idle_max || (!one.was_used && !owner_.is_active()));
  };
  connections_.tidy(
      [&](const Connection& one) { return is_retired_ || one.is_leaving || !one.can_be_asked() || is_idle(one); });
}

void Endpoint::retire() {
  is_retired_ = true;
  demanded_ = false;
  stop_work();
  if (health_.state() == HealthState::probing) health_.on_probe_failed(clock_.now());
}

// --- Connecting and probing ------------------------------------------------------------------------------------------

void Endpoint::demand() {
  demanded_ = true;
  start_work();
}

EndpointView Endpoint::view(TimePoint now) const {
  EndpointView view;
  view.health = health_.state();
  view.is_retired = is_retired_;
  view.is_demanded = demanded_;
  view.is_active = health_.is_healthy() || owner_.is_active();
  view.has_place = has_place();
  connections_.describe(view, now);
  return view;
}

void Endpoint::start_work() {
  if (working_ || !ConnectPolicy::wants_work(view(clock_.now()))) return;
  // Without memory the next reevaluation tries again.
  working_ = base::catching_bad_alloc([this] { scope_.spawn("Endpoint::work", work()); });
}

void Endpoint::stop_work() {
  scope_.cancel();
  working_ = false;
  waits_to_grow_ = false;
}

// The work that is needed now starts when the owner reevaluates.
void Endpoint::stop_waiting_to_grow() {
  if (waits_to_grow_) stop_work();
}

// One attempt at a time, as long as one is wanted.
runtime::Task<void> Endpoint::work() {
  while (true) {
    const TimePoint begun = clock_.now();
    const ConnectStep step = policy_.next(view(begun), begun);
    if (step.kind == ConnectStep::Kind::nothing) break;
    if (step.kind == ConnectStep::Kind::wait) {
      sleeps_until_ = step.until;
      waits_to_grow_ = step.grows;
      co_await clock_.sleep_until(step.until);
      waits_to_grow_ = false;
      continue;
    }
    if (step.kind == ConnectStep::Kind::give_up) {
      connections_.leave_silent(begun);
      owner_.on_endpoint_changed();
      continue;
    }
    bool has_memory = true;
    try {
      if (Connection* asked = connections_.to_ask(step.kind)) {
        co_await ask(*asked);
      } else {
        if (step.kind == ConnectStep::Kind::replace) connections_.end_forgotten();
        co_await connect();
      }
    } catch (const std::bad_alloc&) {
      has_memory = false;
    }
    if (!has_memory) on_work_failed(begun, "out of memory");
  }
  working_ = false;
}

runtime::Task<void> Endpoint::connect() {
  const TimePoint begun = clock_.now();
  policy_.on_connecting(begun);
  ++connects_;
  ++stats_.connects;
  if (!health_.is_healthy()) health_.on_probe_started(begun);
  stream::ClientStreamConfig config = config_.pool.stream;
  config.connect_timeout = config_.pool.connect_timeout;
  config.acquaint_interval = config_.pool.acquaint_interval;
  if (begun < plain_until_) config.hello = stream::HelloMode::off;
  auto connected = co_await stream::ClientStream::connect(runtime_, address_, config);
  if (!connected) {
    plain_until_ = TimePoint::min();  // whoever is there next may be another
    ++stats_.connects_failed;
    on_work_failed(begun, base::format("connect: {}", connected.message()));
    co_return;
  }
  stream::ClientStream stream = *std::move(connected);
  if (!health_.is_healthy()) {
    if (health_.state() != HealthState::probing) health_.on_probe_started(clock_.now());
    const bool answers = co_await answers_ping(clock_, stream, config_.pool.probe_timeout);
    if (!answers) {
      speaks_plain_next(stream, clock_.now());
      const std::string why = stream.is_open() ? base::format("connected, and no answer to a ping within {}",
                                                              base::span_text(config_.pool.probe_timeout))
                                               : stream.end_reason();
      on_work_failed(begun, why);
      co_return;
    }
    on_probe_succeeded(clock_.now());
  }
  connections_.add(std::make_unique<Connection>(*this, std::move(stream), clock_.now()));
  policy_.on_connected();
  demanded_ = false;  // calls that still wait demand anew
  owner_.on_endpoint_changed();
}

// Any byte that comes is a sign of life: a ping waits for room in the window, and that may be long in coming. So is any that
// goes, while the ping is still behind it: it says nothing before it has left.
runtime::Task<void> Endpoint::ask(Connection& connection) {
  struct Asking {
    explicit Asking(Connection& owner) : asked(owner) { asked.is_asked = true; }
    ~Asking() { asked.is_asked = false; }
    Connection& asked;
  };
  const TimePoint begun = clock_.now();
  if (!health_.is_healthy()) health_.on_probe_started(begun);
  bool is_alive = false;
  {
    const Asking asking(connection);
    const stream::ClientStats before = connection.stream.stats();
    const bool answers = co_await answers_ping(clock_, connection.stream, config_.pool.probe_timeout);
    const stream::ClientStats after = connection.stream.stats();
    const bool is_uploading =
        after.bytes_sent > before.bytes_sent && after.bytes_sent < before.bytes_sent + before.bytes_unsent;
    is_alive = connection.stream.is_open() && (answers || after.bytes_received > before.bytes_received || is_uploading);
  }
  if (!is_alive) {
    on_work_failed(begun, base::format("no answer to a ping within {}", base::span_text(config_.pool.probe_timeout)));
    co_return;
  }
  if (!health_.is_healthy()) {
    if (health_.state() != HealthState::probing) health_.on_probe_started(clock_.now());
    on_probe_succeeded(clock_.now());
  }
  if (connection.is_leaving) take_back(connection);
  owner_.on_endpoint_changed();
}

// It was given up, and has shown that it works.
void Endpoint::take_back(Connection& connection) {
  connection.idle_since = clock_.now();
  policy_.on_connected();
  demanded_ = false;
  connections_.take_back(connection);
}

// Calls that were sent before, and are too late now, say nothing of the address as it is.
void Endpoint::on_probe_succeeded(TimePoint now) {
  ++answers_;
  health_.on_probe_succeeded(now);
}

void Endpoint::on_work_failed(TimePoint begun, std::string why) {
  why_ = std::move(why);
  if (health_.state() != HealthState::probing && connections_.any_usable()) {
    policy_.on_growth_failed(begun);
    return owner_.on_endpoint_changed();
  }
  policy_.on_failed(begun);
  if (health_.state() == HealthState::probing) {
    health_.on_probe_failed(clock_.now());
  } else {
    health_.on_connect_failed(clock_.now());
  }
  // When the address is back, so may its machine be: earlier connections are not to be trusted.
  connections_.leave_all();
  note_ejection();
  owner_.on_endpoint_changed();
}

void Endpoint::note_ejection() {
  stats_.ejections += health_.ejections() - std::exchange(ejections_seen_, health_.ejections());
}

// --- Telling ---------------------------------------------------------------------------------------------------------

std::uint32_t Endpoint::plain_count() const {
  if (config_.pool.stream.hello == stream::HelloMode::off) return 0;
  return static_cast<std::uint32_t>(std::ranges::count_if(connections_.open(), [](const auto& one) {
    const stream::HelloState spoken = one->stream.hello();
    return spoken == stream::HelloState::plain || spoken == stream::HelloState::off;
  }));
}

AddressState Endpoint::state(TimePoint now) const {
  AddressState state;
  state.address = address_;
  state.health = health_.state();
  if (health_.since() != TimePoint::min()) state.health_for = now - health_.since();
  state.why = why_;
  state.share = health_.weight(now);
  state.connections = static_cast<std::uint32_t>(connections_.open().size());
  state.plain = plain_count();
  state.leaving = static_cast<std::uint32_t>(connections_.leaving().size());
  state.silent = connections_.silent_count();
  state.connecting = working_;
  state.in_flight = in_flight_;
  state.next_attempt_in = next_attempt_in(now);
  state.failures = policy_.failures();
  state.connects = connects_;
  state.attempts = attempts_;
  return state;
}

std::string Endpoint::unusable_text() const {
  std::string text =
      base::format("{} is {}", address_, health_.is_healthy() ? "being connected to" : name_of(health_.state()));
  if (!why_.empty()) text += base::format(": {}", why_);
  return text + attempts_text(policy_.failures(), next_attempt_in(clock_.now()));
}

}  // namespace razor::pool
