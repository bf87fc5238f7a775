#pragma once
// Settings of an RpcServer. Each says its unit, what happens at the limit, and which file enforces it.

#include <chrono>
#include <type_traits>

#include "razor/base/bytes.h"
#include "razor/base/time.h"
#include "razor/runtime/transport.h"
#include "razor/stream/call_hook.h"
#include "razor/stream/hello_mode.h"
#include "razor/wire/frame.h"

namespace razor::stream {

struct ServerConfig {
  /// Requests of one connection whose handlers run. The next request waits, and nothing behind it is read, until a handler
  /// ends: a peer that knows only the plain protocol would take a refusal for a broken answer. Pings behind that request
  /// are not answered meanwhile. (admission.h)
  std::uint32_t handlers_per_connection_max = 1024;
  /// Likewise of all connections. Above it a request is answered rpc_overloaded, and reading goes on. (admission.h)
  std::uint32_t handlers_max = 65'536;
  /// Pongs of one connection that wait: for the answers of the requests before their pings, or, of prompt pings, to be
  /// written. At this number nothing more is read from it until some are gone. (admission.h)
  std::uint32_t control_responses_max = 1000;
  /// A handler that holds the server's thread for longer, without suspending, delays everybody else. It is logged as a
  /// warning, once for each method; max: never. Measured over the turn in which requests are dispatched.
  /// (handler_log.h)
  base::Duration handler_slow_after = std::chrono::milliseconds(200);

  /// Answers that one peer has not taken. At this amount nothing more is read from it until half has gone; one more
  /// frame may be on top of it. (admission.h)
  base::ByteCount write_queue_max = 4 * base::kMiB;
  /// Handlers that run already may add answers to a queue that is full. At this amount the connection is closed.
  /// (admission.h)
  base::ByteCount write_queue_hard_max = 128 * base::kMiB;

  /// Connections at a time; 0: the smaller of 10,000 and the descriptor limit less 64. Above it, new ones wait to be
  /// accepted. (rpc_server.cc)
  std::uint32_t connections_max = 0;
  /// Connections that wait to be accepted, for each address.
  int backlog = 1024;
  /// After an accept failed (no descriptors left …), the time before the next. (rpc_server.cc)
  base::Duration accept_pause = std::chrono::milliseconds(100);

  /// A connection is closed that sends no byte for this long after it was accepted, while connections are short: from
  /// when three quarters of `connections_max` are taken until less than half are. At other times a connection may be
  /// silent for as long as an idle one, since there are clients that connect early and send late. (server_timeouts.h)
  base::Duration first_byte_timeout = std::chrono::seconds(10);
  /// … or none for this long between requests, or before the first, while nothing is owed to it,
  base::Duration idle_timeout = std::chrono::seconds(120);
  /// … or does not complete a request's head within this time of its first byte,
  base::Duration head_timeout = std::chrono::seconds(5);
  /// … or sends less than `body_progress_bytes` of a request's body in this time,
  base::Duration body_progress_timeout = std::chrono::seconds(5);
  base::ByteCount body_progress_bytes = 1 * base::kKiB;
  /// … or takes no byte of the answers for this long: none went to the transport, and the peer's machine acknowledged
  /// none. So a slow link is no stall, however large an answer is. Holds also for answers that the transport has taken
  /// when the server wants to close.
  base::Duration write_stall_timeout = std::chrono::seconds(5);
  /// Once its machine has acknowledged its last answer, a peer has this long to close. (drain.h)
  base::Duration linger_timeout = std::chrono::seconds(1);

  /// What is spoken with clients that begin with a hello; `off`: plain version 1, as with all others. `required`: requests of
  /// others are refused, rpc_invalid_ver. (server_connection.cc)
  HelloMode hello = HelloMode::automatic;
  /// A connection that began with a hello is asked to end when it is so old, 10 % more or less, so that clients spread anew over
  /// servers; max: never. The client then sends no new calls on it, and connects anew. (server_connection.cc)
  base::Duration max_connection_age = base::Duration::max();
  /// … and so long a client that was asked to send no new calls may take to say that it does, before later requests are refused;
  /// one of which a part has come by then is still taken. A server that closes waits for less, a quarter of its limit.
  /// (server_connection.cc, drain.h)
  base::Duration drain_notice = std::chrono::seconds(1);

  /// Sizes of what is accepted (larger is answered rpc_too_large and closed) and answered (a larger answer fails alone).
  wire::FrameLimits limits{};

  /// How the server listens; null: over the Runtime's network. Outlives the server.
  runtime::Transport* transport = nullptr;

  /// Is told of every request that would be dispatched, and may refuse it; null: nobody is. (call_hook.h)
  ServerCallHook* hook = nullptr;
};
static_assert(std::is_trivially_copyable_v<ServerConfig>);

}  // namespace razor::stream

namespace razor {
using stream::ServerConfig;
}  // namespace razor
