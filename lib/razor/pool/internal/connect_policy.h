#pragma once
// ConnectPolicy: when an endpoint connects, asks a connection for a sign of life, or waits. Pure: it is shown the endpoint's
// connections and told the time.
//
// A connection that takes no more calls still has its socket until what it carries has ended, and so counts against the
// cap. At the cap it is not cut, which would leave its calls `maybe`: one for which nobody waits is ended, and any other is
// asked for a sign of life and, with that, used again. What shows none ends by its keepalive, or with its calls' deadlines. The
// policy gives up a silent connection, whose peer's machine still acknowledges, after kSilenceMax: else that connection would
// keep its address out of use for ever, where something between the two ends has forgotten it.
//
// After a failure the next attempt waits for a back-off, and any attempt to connect for the rate. A connection beside others
// that work has a back-off of its own: that there cannot be more of them says nothing of the address.

#include "razor/pool/client_pool_config.h"
#include "razor/pool/health.h"
#include "razor/pool/internal/backoff.h"
#include "razor/pool/internal/connect_rate.h"

namespace razor::pool {

/// What an endpoint is, for its ConnectPolicy.
struct EndpointView {
  HealthState health = HealthState::healthy;
  bool is_retired = false;  ///< listed no more
  bool is_demanded = false;  ///< calls need a connection, or another one
  bool is_active = false;  ///< calls wait, or came lately: worth probing for
  bool has_place = false;  ///< fewer connections than the cap
  bool has_open = false;  ///< a connection that takes calls, if it has room
  bool has_room = false;  ///< one of those has
  bool has_forgotten = false;  ///< a connection that takes no more calls, and whose callers all wait no more
  bool can_ask_open = false;  ///< one that takes calls could be asked for a sign of life
  bool can_ask_left = false;  ///< one that was given up, but not by the peer, could be
  bool has_long_silent = false;  ///< one has been silent for kSilenceMax, and was not given up yet
};

/// How long a connection may be silent that no other can be made beside. Longer than most processes stand still: the pool
/// uses a process that goes on again at once, over the connection to it.
inline constexpr base::Duration kSilenceMax = std::chrono::seconds(15);

struct ConnectStep {
  enum class Kind : std::uint8_t {
    nothing,
    wait,  ///< until `until`, then decide anew
    ask_open,  ///< a connection that takes calls: another one to the same address was lost
    ask_left,  ///< a connection that was given up
    connect,
    replace,  ///< end a forgotten connection, then connect
    give_up,  ///< a connection that has been silent for too long takes no more calls
  };

  Kind kind = Kind::nothing;
  base::TimePoint until{};
  bool grows = false;  ///< of `wait`: for one more connection beside others that work
};

class ConnectPolicy {
 public:
  ConnectPolicy(const ClientPoolConfig& config, std::uint64_t reconnect_seed, std::uint64_t growth_seed)
      : backoff_(config.reconnect_min, config.reconnect_max, reconnect_seed),
        growth_backoff_(config.reconnect_min, config.reconnect_max, growth_seed),
        rate_(config.connects_per_minute_max) {}

  /// There is something to do, now or later.
  static bool wants_work(const EndpointView& endpoint);
  /// What is next.
  ConnectStep next(const EndpointView& endpoint, base::TimePoint now) const;

  /// A connection is attempted.
  void on_connecting(base::TimePoint now) { rate_.spend(now); }
  /// What began at `begun` failed, or calls have timed out in a row. The next attempt is counted from there: it has waited
  /// long enough already, if it hung.
  void on_failed(base::TimePoint begun) { not_before_ = base::saturating_add(begun, backoff_.next()); }
  /// The same, beside connections that work.
  void on_growth_failed(base::TimePoint begun) { growth_not_before_ = base::saturating_add(begun, growth_backoff_.next()); }
  /// There is one more connection that takes calls.
  void on_connected() { growth_backoff_.reset(); }
  /// A healthy address has answered a call.
  void on_answer() { backoff_.reset(); }
  /// A connection that was silent has spoken: nothing was lost.
  void on_heard() {
    backoff_.reset();
    not_before_ = base::TimePoint::min();
  }

  /// Failures in a row, those of growing aside.
  std::uint32_t failures() const { return backoff_.failures(); }

 private:
  static ConnectStep::Kind to_ask(const EndpointView& endpoint);
  static bool can_do_something(const EndpointView& endpoint) {
    return endpoint.has_place || endpoint.has_forgotten || to_ask(endpoint) != ConnectStep::Kind::nothing;
  }
  static bool grows(const EndpointView& endpoint) { return endpoint.health == HealthState::healthy && endpoint.has_open; }

  Backoff backoff_;
  Backoff growth_backoff_;
  ConnectRate rate_;
  base::TimePoint not_before_ = base::TimePoint::min();
  base::TimePoint growth_not_before_ = base::TimePoint::min();
};

}  // namespace razor::pool
