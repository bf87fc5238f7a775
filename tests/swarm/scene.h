#pragma once
// Scene: what all parts of a swarm run share: the world, its faults, the ledger, and the settings that the seed drew.

#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "faults/exploration.h"
#include "faults/ledger.h"
#include "faults/network_oracle.h"
#include "razor/pool/failover_pool.h"
#include "razor/stream/server_config.h"
#include "tests/swarm/work.h"

namespace razor::swarm {

struct Settings {
  int servers = 1;
  int callers = 1;
  ServerConfig server{};
  int server_threads = 1;  ///< of each server
  bool acceptor_serves = true;
  FailoverPoolConfig pool{};
  /// Calls that one caller makes at a time, most often and at most; and how long it waits in between.
  std::int64_t burst = 1;
  base::Duration pause{};
  std::int64_t idempotent = 5;  ///< of ten calls
  std::int64_t led = 0;         ///< likewise; only the leader does them
  std::int64_t payload_max = 0;
  base::Duration handler_max{};
  bool victim = false;          ///< a caller that also knows an impostor
  bool attacker = false;
  bool stream_caller = false;   ///< a caller without a pool
  /// Of each way between two hosts; 0: as many as come. Where links are slow, now and then a call carries so much that it is
  /// under way for seconds, up or down or both: longer than any time after which silence means something.
  std::int64_t bytes_per_second = 0;
  bool small_sockets = false;  ///< buffers of the systems, and so what is under way at a time
  std::uint32_t large_bytes = 0;  ///< 0: no call is that large
  bool reference_server = false;  ///< a peer of the reference implementation is one of the addresses
  bool reference_caller = false;  ///< and one of those that call

  /// Where nothing is wrong, each call has an answer before a deadline of some seconds: also the last of a burst on a single
  /// connection, and none meets a server that just then closes what nobody used.
  bool has_ample_room() const {
    const auto turns = (reference_server ? burst * callers : burst / pool.pool.stream.window) + 1;
    return turns * handler_max < 2s && server.handlers_max > 1000 && server.idle_timeout > pool.pool.idle_timeout + 2s;
  }
  /// Some calls take long though nothing is wrong, and all that come behind them: callers have patience.
  bool is_patient() const { return bytes_per_second > 0 || reference_server; }
  bool has_small_frames() const { return server.limits.msg_bytes_max < base::kMiB; }
  /// Of a call.
  base::Duration timeout_max() const { return is_patient() ? 60s : 10s; }
  /// The largest answer.
  std::int64_t answer_max() const { return std::max<std::int64_t>(payload_max, large_bytes); }
  /// Handlers that one call may enter: every attempt of a pool, hedges included.
  std::uint32_t runs_max() const { return 1 + pool.pool.retry.limit; }
};

Settings draw_settings(faults::Exploration& run);

struct Scene {
  sim::World& world;
  faults::Exploration& run;
  faults::Ledger& ledger;
  faults::NetworkOracle& network;
  const Settings& settings;
  std::string leader{};
  /// The others tell who leads.
  bool leader_is_known = true;
  std::uint64_t calls_made = 0;
  /// When all was well again, the first call that was made then; before, none.
  std::uint64_t first_calm_call = std::numeric_limits<std::uint64_t>::max();
  /// Calls of Work.often that ended with the handler's own error.
  std::uint64_t often_errors = 0;
  /// When a host last was paused, or went on; by its number.
  std::map<std::uint64_t, base::TimePoint> stood_still{};

  bool is_calm() const { return calls_made >= first_calm_call; }
  /// It ran all the time since then.
  bool ran_since(const sim::Host& host, base::TimePoint since) const {
    const auto found = stood_still.find(host.number());
    return !host.is_paused() && (found == stood_still.end() || found->second < since);
  }

  /// One of our callers, which keep to their window, not one of the peers that are hostile or have another.
  static bool is_own_caller(std::string_view host) {
    return host.starts_with("caller") || host == "streamer" || host == "victim";
  }

  static Address address_of(std::string_view host) { return Address::tcp(std::string(host), kPort); }
};

}  // namespace razor::swarm
