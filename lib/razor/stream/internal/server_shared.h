#pragma once
// ServerShared: what the connections of one server share. Private to stream.

#include <optional>

#include "razor/base/intrusive_list.h"
#include "razor/base/random_stream.h"
#include "razor/base/ref.h"
#include "razor/runtime/event.h"
#include "razor/runtime/task_scope.h"
#include "razor/stream/dispatch.h"
#include "razor/stream/internal/server_common.h"
#include "razor/stream/internal/stall_watch.h"

namespace razor::stream {

class ConnectionTaker;
class ServerStream;

/// Outlives the server while a Responder is kept.
struct ServerShared final : base::RefCounted {
  ServerShared(runtime::Runtime& server_runtime, const ServerConfig& server_config)
      : runtime(server_runtime),
        common(server_config, server_runtime.log()),
        handlers(server_runtime.executor()),
        connection_closed(server_runtime.executor()),
        stall_timer(server_runtime.clock(), *this) {}

  runtime::Runtime& runtime;
  ServerCommon common;
  Dispatch* dispatch = nullptr;  // null once the server is gone
  base::IntrusiveList<ServerStream> connections;
  runtime::TaskScope handlers;
  runtime::Event connection_closed;
  std::uint32_t connections_max = ~std::uint32_t{0};  // as known once the server listens
  bool crowded = false;
  std::shared_ptr<ConnectionTaker> taker;  // of what is accepted; null: this server
  bool is_closing = false;  // since `RpcServer::close` was called

  StallWatch stall;
  /// Something was read from a connection.
  void note_activity(base::TimePoint now) {
    if (stall.on_activity(now)) stall_timer.arm(stall.next_tick());
  }
  /// When a connection that was accepted `now` is to end, 10 % more or less; max: never.
  base::TimePoint oldest_age(base::TimePoint now);

  struct StallTimer final : runtime::Timer {
    StallTimer(runtime::Clock& clock, ServerShared& owner)
        : Timer(clock, [](Timer& timer) { static_cast<StallTimer&>(timer).shared.on_stall_timer(); }), shared(owner) {}
    ServerShared& shared;
  };
  void on_stall_timer();
  std::optional<base::RandomStream> ages;  // drawn once one is needed
  StallTimer stall_timer;

  /// A connection was added or has gone: tells all of them when connections become short, or are not any more.
  void note_connections();
};

}  // namespace razor::stream
