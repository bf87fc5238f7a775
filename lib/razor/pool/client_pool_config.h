#pragma once
// Settings of a ClientPool, and of each address of a FailoverPool. Each says its unit, what happens at the limit, and which
// file enforces it.

#include <algorithm>
#include <chrono>
#include <type_traits>

#include "razor/stream/client_stream_config.h"

namespace razor::pool {

/// What is done with calls that may have run: only idempotent ones are sent again. Back-off and budget are also those of calls
/// whose connection ended while they were being sent: they did not run, and are sent again until their deadline. (call_policy.cc)
struct RetryConfig {
  /// A call that may have run is sent once, and up to so many times more. What was not sent whole does not
  /// count.
  std::uint32_t limit = 3;
  /// Before the first retry, and before the later ones, with equal jitter. (backoff.h)
  base::Duration backoff_min = std::chrono::milliseconds(10);
  base::Duration backoff_max = std::chrono::seconds(1);
  /// Retries and hedges, within any 10 s: at most `budget_percent` of the calls, and `budget_burst` more; with a burst of 0
  /// there are none. Above it a call whose attempt was lost waits for others to pay in, one that was answered with an error
  /// of the framework ends with that, and a hedge is not made. (retry_budget.h)
  std::uint32_t budget_percent = 10;
  std::uint32_t budget_burst = 100;
};

struct ClientPoolConfig {
  /// Of each connection: window, sizes, pings; also the tick and the default `call_timeout` of the pool's calls. Its queue
  /// is not used: what waits, waits in the pool. Its `connect_timeout` and `acquaint_interval` are the pool's.
  stream::ClientStreamConfig stream{};

  /// Connections to an address, those included that take no more calls and still carry some. Another one is made while
  /// calls wait and the windows of all are full. (connect_policy.cc)
  std::uint32_t connections_max = 8;
  /// A connection that carried nothing for so long is closed; also for how long after the last call an address that is not
  /// healthy goes on being probed. (endpoint.cc, pool_core.cc)
  base::Duration idle_timeout = std::chrono::seconds(60);
  /// How long one attempt to connect may take. Shorter than a single stream's: a system that lost the first packet sends it
  /// again after 1, 3, 7 s, and an attempt that waits for that notices late that the server is back. (endpoint.cc)
  base::Duration connect_timeout = std::chrono::seconds(1);
  /// How long an address that is probed has to answer a ping. (endpoint.cc)
  base::Duration probe_timeout = std::chrono::seconds(1);
  /// The `acquaint_interval` of its connections. With max, an address whose process is stopped is noticed by the deadlines of
  /// its calls only. (stream/client_stream.cc)
  base::Duration acquaint_interval = std::chrono::seconds(1);
  /// From one attempt to connect to the next, while they fail, with equal jitter. (backoff.h)
  base::Duration reconnect_min = std::chrono::milliseconds(50);
  base::Duration reconnect_max = std::chrono::seconds(1);
  /// Attempts to connect to one address within a minute, whatever their outcome. (connect_rate.h)
  std::uint32_t connects_per_minute_max = 90;

  /// Calls that wait: for a connection, for room in a window, for their next attempt. Above it a call fails: overloaded,
  /// ran: no. Those that were under way, and wait for another attempt, come on top, up to as many again. (call_queue.h)
  std::uint32_t queue_calls_max = 1024;
  /// Bytes of all calls that have not ended, whose messages are kept for another attempt. Above it a call fails likewise,
  /// unless it is the only one. (call_queue.h)
  base::ByteCount bytes_max = 64 * base::kMiB;

  RetryConfig retry{};
  /// While no address is healthy, calls fail at once (unreachable, ran: no) instead of waiting for one. (call_driver.cc)
  bool fail_fast = false;

  /// Is told of every call once, however many attempts are made for it; null: nobody is. (stream/call_hook.h) The hook of
  /// `stream` is told of each attempt.
  stream::ClientCallHook* hook = nullptr;
};
static_assert(std::is_trivially_copyable_v<ClientPoolConfig>);

/// After which an idle connection is closed when it is looked at, which is once a tick: in the last one before its time is
/// over, not in the first after it.
inline base::Duration idle_limit(const ClientPoolConfig& config) {
  return config.idle_timeout - std::min(stream::tick_of(base::Duration::max(), config.stream.tick), config.idle_timeout);
}

}  // namespace razor::pool

namespace razor {
using pool::ClientPoolConfig;
using pool::RetryConfig;
}  // namespace razor
