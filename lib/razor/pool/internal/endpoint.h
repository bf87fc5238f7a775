#pragma once
// Endpoint: one address of a pool, and its connections. Connects when calls need it, one attempt at a time; probes an
// address that is not healthy; closes idle connections. When to do so is decided in connect_policy.h, and which call goes where
// in address_book.h. Private to pool.
//
// A connection may be silent: the machine is alive, and the process answers no pings, since it is stopped or computes. Its
// calls stay until their own deadlines, and it takes no new ones. When none of the others shows life, the address is suspect,
// as after a lost connection, and is probed; as soon as bytes come on any connection that was silent it is healthy again.

#include <memory>
#include <string>

#include "razor/pool/failover_pool_config.h"
#include "razor/pool/internal/connect_policy.h"
#include "razor/pool/internal/connection.h"
#include "razor/pool/pool_state.h"
#include "razor/runtime/task_scope.h"

namespace razor::pool {

/// What an Endpoint tells its owner. Threads: the runtime's.
class EndpointOwner {
 public:
  /// There may be room for calls that wait.
  virtual void on_room() = 0;
  /// Its health or its connections have changed: to be reevaluated in a turn of its own.
  virtual void on_endpoint_changed() = 0;
  /// Calls wait, or came lately: worth probing for.
  virtual bool is_active() const = 0;

 protected:
  ~EndpointOwner() = default;
};

class Endpoint {
 public:
  /// `owner`, `config` and `stats` outlive the endpoint.
  Endpoint(runtime::Runtime& runtime, EndpointOwner& owner, AddressId id, runtime::Address address,
           const FailoverPoolConfig& config, PoolStats& stats);
  Endpoint(const Endpoint&) = delete;
  /// Ends its connections at once: the attempts on them fail.
  ~Endpoint() = default;

  AddressId id() const { return id_; }
  const runtime::Address& address() const { return address_; }
  const Health& health() const { return health_; }
  std::uint32_t in_flight() const { return in_flight_; }
  bool has_connections() const { return !connections_.open().empty(); }
  /// One of its connections is silent, and may carry calls that could be tried elsewhere.
  bool has_silent_connection() const { return connections_.any_silent_with_calls(); }
  /// A connection will be of use: there was none yet, or the last that was lost had carried calls.
  bool misses_connection() const { return misses_connection_; }
  /// Calls may be waiting for it: it is not healthy, or being connected to.
  bool is_unusable() const { return !health_.is_healthy() || (!has_connections() && working_); }

  /// Null when there is none.
  Connection* connection_with_room() const { return connections_.with_room(); }
  bool has_room() const { return connection_with_room() != nullptr; }

  /// Calls need it: a connection, or another one.
  void demand();
  void no_more_demand() { demanded_ = false; }
  /// It is not healthy: it is probed, if calls wait or came lately.
  void probe() { start_work(); }

  void on_attempt(Connection& connection) {
    ++attempts_;
    ++connection.attempts;
    ++connection.awaited;
    connection.was_used = true;
    ++in_flight_;
  }
  /// The caller of one of its attempts waits no more; the attempt goes on, or is over.
  static void on_forgotten(Connection& connection) { --connection.awaited; }
  /// An attempt is over, and forgotten. `answered`: there was a response, whatever it says.
  void on_attempt_over(Connection& connection, bool answered);
  /// Goes up with every answer, and every probe that succeeds.
  std::uint64_t answers() const { return answers_; }
  /// A call passed its deadline that was sent here when there had been `answers_before` answers.
  void on_timeout(std::uint64_t answers_before, base::TimePoint now);

  /// Calls that had been sent on it were lost.
  void on_calls_lost(const Connection& connection, base::TimePoint now);
  /// Closes connections that are idle or over, and forgets them.
  void tidy(base::TimePoint now);
  /// Nothing new goes here: its connections end when what they carry has.
  void retire();
  /// It is listed again: what is known of it still counts.
  void revive() {
    is_retired_ = false;
    misses_connection_ = true;
  }
  bool is_unused() const { return connections_.size() == 0; }

  AddressState state(base::TimePoint now) const;
  /// "10.0.0.2:8082 is down: connect: connection refused (3 attempts in a row)"; only while it is unusable.
  std::string unusable_text() const;

 private:
  friend struct Connection;

  // Told by its connections.
  void on_room() { owner_.on_room(); }
  void on_connection_over(Connection& connection);
  bool speaks_plain_next(const stream::ClientStream& ended, base::TimePoint now);
  void note_lost(const Connection& connection, base::TimePoint now);
  std::uint32_t plain_count() const;
  void on_connection_silent(const Connection& connection);
  void on_connection_heard();
  void use_again(base::TimePoint now);
  bool has_place() const { return connections_.size() < config_.pool.connections_max; }
  EndpointView view(base::TimePoint now) const;
  void start_work();
  void stop_work();
  void stop_waiting_to_grow();
  runtime::Task<void> work();
  runtime::Task<void> connect();
  runtime::Task<void> ask(Connection& connection);
  void take_back(Connection& connection);
  void on_probe_succeeded(base::TimePoint now);
  void on_work_failed(base::TimePoint begun, std::string why);
  void note_ejection();

  base::Duration next_attempt_in(base::TimePoint now) const {
    return working_ && sleeps_until_ > now ? sleeps_until_ - now : base::Duration::zero();
  }

  runtime::Runtime& runtime_;
  runtime::Clock& clock_;
  EndpointOwner& owner_;
  AddressId id_;
  runtime::Address address_;
  const FailoverPoolConfig& config_;
  PoolStats& stats_;
  Health health_;
  ConnectPolicy policy_;
  base::TimePoint plain_until_ = base::TimePoint::min();  // connections to it send no hello
  bool plain_fares_no_better_ = false;
  base::TimePoint sleeps_until_ = base::TimePoint::min();  // the back-off that it waits for
  std::string why_;
  bool demanded_ = false;
  bool misses_connection_ = true;
  bool working_ = false;
  bool waits_to_grow_ = false;
  std::uint64_t answers_ = 0;
  bool is_retired_ = false;
  bool was_heard_ = false;  // a connection that was silent has spoken since the last `tidy`
  std::uint64_t ejections_seen_ = 0;
  std::uint64_t connects_ = 0;
  std::uint64_t attempts_ = 0;
  std::uint32_t in_flight_ = 0;
  ConnectionList connections_;
  runtime::TaskScope scope_;
};

}  // namespace razor::pool
