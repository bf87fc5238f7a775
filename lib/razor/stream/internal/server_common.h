#pragma once
// ServerCommon: what the connections of one server share, as far as it does no I/O. Private to stream.

#include <algorithm>
#include <memory>
#include <vector>

#include "razor/base/log.h"
#include "razor/stream/group_member.h"
#include "razor/stream/internal/handler_log.h"
#include "razor/stream/server_config.h"
#include "razor/stream/server_stats.h"
#include "razor/wire/wire_format.h"

namespace razor::stream {

struct ServerCommon {
  ServerCommon(const ServerConfig& server_config, base::LogSink& server_log)
      : config(server_config), log(server_log), handler_log(server_log, stats, server_config.handler_slow_after) {}
  ServerCommon(const ServerCommon&) = delete;

  const ServerConfig config;
  base::LogSink& log;
  ServerStats stats;
  HandlerLog handler_log;
  bool takes_requests = true;  // false once the server is gone
  std::shared_ptr<GroupMember> member;  // null: the server is in no group
  std::vector<const wire::WireFormat*> formats;  // that requests may be written in, beside msgpack

  void on_handler_begun() {
    stats.handlers_peak = std::max(stats.handlers_peak, ++stats.handlers);
    if (member != nullptr) member->on_begun();
  }
  void on_handler_ended() {
    --stats.handlers;
    if (member != nullptr) member->on_ended();
  }

  /// Null: none of this id.
  const wire::WireFormat* find_format(std::uint8_t id) const {
    const auto found = std::ranges::find(formats, id, &wire::WireFormat::id);
    return found == formats.end() ? nullptr : *found;
  }
};

}  // namespace razor::stream
