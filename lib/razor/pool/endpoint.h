#pragma once
// Endpoint: one address of a pool, and its connections. Connects when calls need it, one attempt at a time; probes an
// address that is not healthy; closes what is idle. Which call goes where is its owner's business (pool_core.cc).
// Private to pool.
//
// A connection that takes no more calls still has its socket until what it carries has ended, and so counts against the
// cap. At the cap it is not cut, which would leave its calls `maybe`: one for which nobody waits is ended, and any other is
// asked for a sign of life and, with that, used again. What shows none ends by its keepalive, or with its calls' deadlines.
//
// A connection may be silent: the machine is alive, and the process answers no pings, since it is stopped or computes. Its
// calls stay until their own deadlines, and it takes no new ones. When none of the others shows life, the address is suspect,
// as after a lost connection, and is probed; as soon as bytes come on any connection that was silent it is healthy again.

#include <memory>
#include <string>
#include <vector>

#include "razor/pool/backoff.h"
#include "razor/pool/connect_rate.h"
#include "razor/pool/failover_pool_config.h"
#include "razor/pool/pool_state.h"
#include "razor/runtime/task_scope.h"
#include "razor/stream/client_stream.h"

namespace razor::pool {

class Endpoint;

/// A connection to an endpoint's address. Stays where it is while attempts refer to it.
struct Connection final : stream::ClientStreamWatcher {
  Connection(Endpoint& owner, stream::ClientStream connected, base::TimePoint now)
      : endpoint(owner), idle_since(now), stream(std::move(connected)) {
    stream.watch(this);
  }
  ~Connection() { stream.watch(nullptr); }

  void on_room() override;
  void on_not_open() override;
  void on_silent() override;
  void on_heard() override;
  /// Takes calls, if it has room.
  bool is_usable() const { return !is_leaving && !stream.is_silent(); }

  Endpoint& endpoint;
  bool is_leaving = false;  // takes no more calls
  bool is_asked = false;    // for a sign of life: it stays until that is over
  bool was_used = false;
  std::uint32_t attempts = 0;
  std::uint32_t awaited = 0;  // of them: those whose callers still wait
  base::TimePoint idle_since;  // while `attempts` is 0
  stream::ClientStream stream;
};

/// What an Endpoint tells its owner. Threads: the runtime's.
class EndpointOwner {
 public:
  /// There may be room for calls that wait.
  virtual void on_room() = 0;
  /// Its health or its connections have changed: look at it in a turn of its own.
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
  bool has_connections() const { return !connections_.empty(); }
  /// One of its connections is silent, and may carry calls that could be tried elsewhere.
  bool has_silent_connection() const;
  /// A connection will be of use: there was none yet, or the last that was lost had carried calls.
  bool misses_connection() const { return misses_connection_; }
  /// It is what a call may be waiting for.
  bool is_in_trouble() const { return !health_.is_healthy() || (connections_.empty() && working_); }

  /// The first connection with room; null when there is none. The first, so that those that are not needed become idle.
  Connection* connection_with_room();

  /// Calls need it: a connection, or another one.
  void demand();
  void no_more_demand() { demanded_ = false; }
  /// Goes on probing, if there is something to probe for.
  void look() { start_work(); }

  void on_attempt(Connection& connection) {
    ++attempts_;
    ++connection.attempts;
    ++connection.awaited;
    connection.was_used = true;
    ++in_flight_;
  }
  /// Nobody waits for one of its attempts any more, which goes on, or is over.
  static void on_forgotten(Connection& connection) { --connection.awaited; }
  /// An attempt is over, and forgotten; `answered` by the peer, with whatever.
  void on_attempt_over(Connection& connection, bool answered);
  /// Goes up with every answer, and every probe that succeeds.
  std::uint64_t answers() const { return answers_; }
  /// A call passed its deadline that was sent here when there had been `answers_before` answers.
  void on_timeout(std::uint64_t answers_before, base::TimePoint now);

  /// Closes what is idle or over, and forgets it.
  void tidy(base::TimePoint now);
  /// Nothing new goes here: its connections end when what they carry has.
  void retire();
  /// It is listed again: what is known of it still counts.
  void revive() {
    is_retired_ = false;
    misses_connection_ = true;
  }
  bool is_unused() const { return connections_.empty() && leaving_.empty(); }

  AddressState state(base::TimePoint now) const;
  /// "10.0.0.2:8082 is down: connect: connection refused (3 attempts in a row)"; only while it is in trouble.
  std::string trouble() const;

 private:
  friend struct Connection;

  void on_connection_over(Connection& connection);
  void on_connection_silent(const Connection& connection);
  void on_connection_heard();
  void use_again(base::TimePoint now);
  bool has_open_connection() const;
  bool has_free_place() const { return connections_.size() + leaving_.size() < config_.pool.connections_max; }
  Connection* forgotten_connection() const;
  Connection* connection_to_ask() const;
  bool grows() const { return health_.is_healthy() && has_open_connection(); }
  bool wants_work() const;
  void start_work();
  void stop_work();
  void stop_waiting_to_grow();
  runtime::Task<void> work();
  runtime::Task<void> connect();
  void make_place();
  void add(stream::ClientStream stream);
  runtime::Task<bool> answers_ping(stream::ClientStream& stream);
  runtime::Task<void> ask(Connection& connection);
  void take_back(Connection& connection);
  void on_probe_succeeded(base::TimePoint now);
  void failed(base::TimePoint begun, std::string why);
  void note_ejection();
  void leave_connections();

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
  Backoff backoff_;
  Backoff growth_backoff_;  // of connections beside those that work
  ConnectRate rate_;
  base::TimePoint not_before_ = base::TimePoint::min();
  base::TimePoint growth_not_before_ = base::TimePoint::min();
  base::TimePoint sleeps_until_ = base::TimePoint::min();  // the back-off that it waits for
  std::string why_;
  bool demanded_ = false;
  bool misses_connection_ = true;
  bool working_ = false;
  bool waits_to_grow_ = false;
  std::uint64_t answers_ = 0;
  bool is_retired_ = false;
  bool was_heard_ = false;  // one that was silent is not any more, and nobody has looked since
  std::uint64_t ejections_seen_ = 0;
  std::uint64_t connects_ = 0;
  std::uint64_t attempts_ = 0;
  std::uint32_t in_flight_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;  // that may take calls, oldest first
  std::vector<std::unique_ptr<Connection>> leaving_;      // that take none, until what they carry has ended, oldest first
  runtime::TaskScope scope_;
};

}  // namespace razor::pool
