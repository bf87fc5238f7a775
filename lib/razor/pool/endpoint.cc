#include "razor/pool/endpoint.h"

#include <algorithm>

#include "razor/base/format.h"
#include "razor/base/out_of_memory.h"
#include "razor/pool/call_stages.h"
#include "razor/runtime/with_deadline.h"

namespace razor::pool {

using base::TimePoint;

void Connection::on_room() { endpoint.owner_.on_room(); }
void Connection::on_not_open() { endpoint.on_connection_over(*this); }
void Connection::on_silent() { endpoint.on_connection_silent(*this); }
void Connection::on_heard() { endpoint.on_connection_heard(); }

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
      backoff_(config.pool.reconnect_least, config.pool.reconnect_most, runtime.random().seed_for("pool reconnect")),
      growth_backoff_(config.pool.reconnect_least, config.pool.reconnect_most, runtime.random().seed_for("pool growth")),
      rate_(config.pool.connects_per_minute_max),
      scope_(runtime.spawner()) {}

// --- Connections -----------------------------------------------------------------------------------------------------

Connection* Endpoint::connection_with_room() {
  for (const auto& connection : connections_) {
    if (connection->is_usable() && connection->stream.has_room()) return connection.get();
  }
  return nullptr;
}

bool Endpoint::has_silent_connection() const {
  const auto is_silent = [](const auto& one) { return one->attempts > 0 && one->stream.is_silent(); };
  return std::ranges::any_of(connections_, is_silent) || std::ranges::any_of(leaving_, is_silent);
}

void Endpoint::on_attempt_over(Connection& connection, bool answered) {
  --in_flight_;
  if (--connection.attempts == 0) {
    connection.idle_since = clock_.now();
    if (connection.is_leaving || !connection.stream.is_open()) owner_.on_endpoint_changed();
  }
  if (!answered) return;
  ++answers_;
  health_.on_answer();
  if (backoff_.failures() > 0 && health_.is_healthy()) backoff_.reset();
}

// An address that has answered another call since is slow, or gets more than it can do: it is not gone.
void Endpoint::on_timeout(std::uint64_t answers_before, TimePoint now) {
  if (answers_before != answers_ || !health_.on_timeout(now)) return;
  why_ = base::format("{} calls in a row had no answer in time", config_.health.timeouts_max);
  stop_waiting_to_grow();
  not_before_ = base::saturating_add(now, backoff_.next());
  leave_connections();
  note_ejection();
}

void Endpoint::on_connection_over(Connection& connection) {
  if (connection.is_leaving) return owner_.on_endpoint_changed();
  stop_waiting_to_grow();  // what is wanted now is more than that
  misses_connection_ = connection.was_used;
  const TimePoint now = clock_.now();
  // A server that accepts and closes at once is in trouble; one that closes later what nobody has used is not.
  const bool was_useless = connection.stream.stats().bytes_received == 0 &&
                           now - connection.idle_since < config_.pool.connect_timeout;
  if (connection.attempts > 0 || was_useless) {
    why_ = connection.stream.end_reason();
    health_.on_connection_lost(now);
    note_ejection();
  }
  owner_.on_endpoint_changed();
}

// Its process may serve other connections in other threads: one that was heard of lately, and owes, speaks for it.
void Endpoint::on_connection_silent(const Connection& silent) {
  ++stats_.silences;
  const TimePoint now = clock_.now();
  const bool another_lives = std::ranges::any_of(connections_, [&](const auto& one) {
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

// What was silent has spoken: whatever was thought of the address meanwhile, it is there, and nothing was lost.
void Endpoint::use_again(TimePoint now) {
  was_heard_ = false;
  if (is_retired_) return;
  if (!health_.is_healthy()) {
    stop_work();
    if (health_.state() != HealthState::probing) health_.on_probe_started(now);
    on_probe_succeeded(now);
    backoff_.reset();
    not_before_ = TimePoint::min();
  }
  const auto lives = [](const std::unique_ptr<Connection>& one) {
    return one->is_leaving && one->stream.is_open() && one->stream.has_seqs() && !one->stream.is_silent();
  };
  for (const auto& one : connections_) {
    if (lives(one)) take_back(*one);  // it stays where it is
  }
  for (auto one = std::ranges::find_if(leaving_, lives); one != leaving_.end(); one = std::ranges::find_if(leaving_, lives)) {
    take_back(**one);
  }
}

void Endpoint::tidy(TimePoint now) {
  if (was_heard_) use_again(now);
  const base::Duration idle_most = idle_limit(config_.pool);
  // A connection that replaced another shortly before the calls stopped does not begin an idle time of its own.
  const auto is_idle = [&](const Connection& one) {
    return one.attempts == 0 && (now - one.idle_since >= idle_most || (!one.was_used && !owner_.is_active()));
  };
  const auto is_over = [&](const std::unique_ptr<Connection>& one) {
    return is_retired_ || one->is_leaving || !one->stream.is_open() || !one->stream.has_seqs() || is_idle(*one);
  };
  for (auto& connection : connections_) {
    if (!is_over(connection)) continue;
    connection->is_leaving = true;
    leaving_.push_back(std::move(connection));
  }
  std::erase(connections_, nullptr);
  std::erase_if(leaving_, [](const std::unique_ptr<Connection>& one) { return one->attempts == 0 && !one->is_asked; });
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

bool Endpoint::has_open_connection() const {
  return std::ranges::any_of(connections_, [](const auto& one) { return one->is_usable() && one->stream.is_open(); });
}

// One that takes no more calls, and whose callers all wait no more.
Connection* Endpoint::forgotten_connection() const {
  const auto found =
      std::ranges::find_if(leaving_, [](const auto& one) { return one->awaited == 0 && !one->is_asked; });
  return found == leaving_.end() ? nullptr : found->get();
}

// Null when another connection tells more, and there is a place for it. What is open is asked: when another one to the same
// address was lost; and at the cap, when it was given up, but not by the peer.
Connection* Endpoint::connection_to_ask() const {
  const auto can_tell = [](const Connection& one) { return one.stream.is_open() && one.stream.has_seqs(); };
  if (health_.state() == HealthState::suspect) {
    Connection* open = nullptr;
    for (const auto& one : connections_) {
      if (!one->is_usable() || !can_tell(*one)) continue;
      if (one->stream.has_room()) return one.get();
      open = open == nullptr ? one.get() : open;
    }
    if (open != nullptr) return open;
  }
  if (has_free_place() || forgotten_connection() != nullptr) return nullptr;
  for (const auto* list : {&leaving_, &connections_}) {
    for (const auto& one : *list) {
      if (one->is_leaving && can_tell(*one)) return one.get();
    }
  }
  return nullptr;
}

bool Endpoint::wants_work() const {
  if (is_retired_) return false;
  if (health_.is_healthy()) {
    const bool has_room = std::ranges::any_of(
        connections_, [](const auto& one) { return one->is_usable() && one->stream.has_room(); });
    if (!demanded_ || has_room) return false;
  } else if (!owner_.is_active()) {
    return false;
  }
  return has_free_place() || forgotten_connection() != nullptr || connection_to_ask() != nullptr;
}

void Endpoint::start_work() {
  if (working_ || !wants_work()) return;
  // Without memory the next look tries again.
  working_ = base::with_memory([this] { scope_.spawn("Endpoint::work", work()); });
}

void Endpoint::stop_work() {
  scope_.cancel();
  working_ = false;
  waits_to_grow_ = false;
}

// The work that is needed now starts when the owner looks.
void Endpoint::stop_waiting_to_grow() {
  if (waits_to_grow_) stop_work();
}

// One attempt at a time, as long as one is wanted.
runtime::Task<void> Endpoint::work() {
  while (wants_work()) {
    Connection* open = connection_to_ask();
    TimePoint at = grows() ? growth_not_before_ : not_before_;
    if (open == nullptr) at = std::max(at, rate_.next());
    if (at > clock_.now()) {
      sleeps_until_ = at;
      waits_to_grow_ = grows();
      co_await clock_.sleep_until(at);
      waits_to_grow_ = false;
      continue;
    }
    const TimePoint begun = clock_.now();
    bool has_memory = true;
    try {
      if (open != nullptr) {
        co_await ask(*open);
      } else {
        make_place();
        co_await connect();
      }
    } catch (const std::bad_alloc&) {
      has_memory = false;
    }
    if (!has_memory) failed(begun, "out of memory");
  }
  working_ = false;
}

void Endpoint::make_place() {
  if (has_free_place()) return;
  const Connection* forgotten = forgotten_connection();
  const auto found = std::ranges::find(leaving_, forgotten, &std::unique_ptr<Connection>::get);
  const std::unique_ptr<Connection> ended = std::move(*found);
  leaving_.erase(found);
}

runtime::Task<void> Endpoint::connect() {
  const TimePoint begun = clock_.now();
  rate_.spend(begun);
  ++connects_;
  ++stats_.connects;
  if (!health_.is_healthy()) health_.on_probe_started(begun);
  stream::ClientStreamConfig config = config_.pool.stream;
  config.connect_timeout = config_.pool.connect_timeout;
  config.acquaint_interval = config_.pool.acquaint_interval;
  auto connected = co_await stream::ClientStream::connect(runtime_, address_, config);
  if (!connected) {
    ++stats_.connects_failed;
    failed(begun, base::format("connect: {}", connected.message()));
    co_return;
  }
  stream::ClientStream stream = *std::move(connected);
  if (!health_.is_healthy()) {
    if (health_.state() != HealthState::probing) health_.on_probe_started(clock_.now());
    const bool answers = co_await answers_ping(stream);
    if (!answers) {
      const std::string why = stream.is_open() ? base::format("connected, and no answer to a ping within {}",
                                                             span_text(config_.pool.probe_timeout))
                                               : stream.end_reason();
      failed(begun, why);
      co_return;
    }
    on_probe_succeeded(clock_.now());
  }
  add(std::move(stream));
  growth_backoff_.reset();
  demanded_ = false;  // who still waits asks anew
  owner_.on_endpoint_changed();
}

// What leaving will need is taken now: it cannot fail.
void Endpoint::add(stream::ClientStream stream) {
  const std::size_t count = connections_.size() + leaving_.size() + 1;
  connections_.reserve(count);
  leaving_.reserve(count);
  connections_.push_back(std::make_unique<Connection>(*this, std::move(stream), clock_.now()));
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
    const bool answers = co_await answers_ping(connection.stream);
    const stream::ClientStats after = connection.stream.stats();
    const bool is_uploading =
        after.bytes_sent > before.bytes_sent && after.bytes_sent < before.bytes_sent + before.bytes_unsent;
    is_alive = connection.stream.is_open() &&
               (answers || after.bytes_received > before.bytes_received || is_uploading);
  }
  if (!is_alive) {
    failed(begun, base::format("no answer to a ping within {}", span_text(config_.pool.probe_timeout)));
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
  connection.is_leaving = false;
  connection.idle_since = clock_.now();
  growth_backoff_.reset();
  demanded_ = false;
  const auto found = std::ranges::find(leaving_, &connection, &std::unique_ptr<Connection>::get);
  if (found == leaving_.end()) return;  // nobody has looked since it was given up
  connections_.push_back(std::move(*found));
  leaving_.erase(found);
}

// Calls that were sent before, and are too late now, say nothing of the address as it is.
void Endpoint::on_probe_succeeded(TimePoint now) {
  ++answers_;
  health_.on_probe_succeeded(now);
}

// Destroying the ping stops waiting; the stream may be gone by the time it ends.
runtime::Task<bool> Endpoint::answers_ping(stream::ClientStream& stream) {
  struct Ping {
    static runtime::Task<bool> of(stream::StreamCall call) {
      const stream::OwnedAnswer answer = co_await std::move(call);
      co_return answer->ok();
    }
  };
  stream::CallOptions options;
  options.timeout = config_.pool.probe_timeout;
  const TimePoint until = base::saturating_add(clock_.now(), config_.pool.probe_timeout);
  const auto answered = co_await runtime::with_deadline(clock_, until, Ping::of(stream.ping(options)));
  co_return answered.ok() && *answered;
}

// The next attempt is counted from the beginning of this one: it has waited long enough already, if it hung.
void Endpoint::failed(TimePoint begun, std::string why) {
  why_ = std::move(why);
  // What works goes on: that there cannot be more of it says nothing of the address.
  if (health_.state() != HealthState::probing && has_open_connection()) {
    growth_not_before_ = base::saturating_add(begun, growth_backoff_.next());
    return owner_.on_endpoint_changed();
  }
  not_before_ = base::saturating_add(begun, backoff_.next());
  if (health_.state() == HealthState::probing) {
    health_.on_probe_failed(clock_.now());
  } else {
    health_.on_connect_failed(clock_.now());
  }
  leave_connections();
  note_ejection();
  owner_.on_endpoint_changed();
}

// When the address is back, so may its machine be: what was connected before is not to be trusted.
void Endpoint::leave_connections() {
  for (const auto& connection : connections_) connection->is_leaving = true;
}

void Endpoint::note_ejection() {
  stats_.ejections += health_.ejections() - std::exchange(ejections_seen_, health_.ejections());
}

// --- Telling ---------------------------------------------------------------------------------------------------------

AddressState Endpoint::state(TimePoint now) const {
  AddressState state;
  state.address = address_;
  state.health = health_.state();
  if (health_.since() != TimePoint::min()) state.health_for = now - health_.since();
  state.why = why_;
  state.share = health_.weight(now);
  state.connections = static_cast<std::uint32_t>(connections_.size());
  state.leaving = static_cast<std::uint32_t>(leaving_.size());
  const auto is_silent = [](const auto& one) { return one->stream.is_silent(); };
  state.silent = static_cast<std::uint32_t>(std::ranges::count_if(connections_, is_silent) +
                                            std::ranges::count_if(leaving_, is_silent));
  state.connecting = working_;
  state.in_flight = in_flight_;
  state.next_attempt_in = next_attempt_in(now);
  state.failures = backoff_.failures();
  state.connects = connects_;
  state.attempts = attempts_;
  return state;
}

std::string Endpoint::trouble() const {
  std::string text = base::format("{} is {}", address_, health_.is_healthy() ? "being connected to" : name_of(health_.state()));
  if (!why_.empty()) text += base::format(": {}", why_);
  return text + attempts_text(backoff_.failures(), next_attempt_in(clock_.now()));
}

}  // namespace razor::pool
