#pragma once
// Admission: what becomes of the next request of a connection, and whether more is read from it. Pure: it is shown the load.
//
// A connection whose own handlers are at their limit waits, and nothing behind that request is read: a peer that knows only
// the plain protocol would take a refusal for a broken response. A server whose handlers are at their limit refuses.

#include "razor/stream/server_config.h"

namespace razor::stream {

class Admission {
 public:
  /// `config` outlives it.
  explicit Admission(const ServerConfig& config) : config_(config) {}

  /// What a connection holds for a peer that does not take it.
  struct Backlog {
    base::ByteCount unwritten_bytes = 0;  ///< of responses
    std::size_t held_pongs = 0;  ///< that wait for the responses of earlier requests
    std::size_t prompt_pongs = 0;  ///< that wait to be written
  };
  /// Nothing more is read from the connection.
  bool must_pause(const Backlog& backlog) const {
    return backlog.unwritten_bytes >= config_.write_queue_max || has_too_many_pongs(backlog);
  }
  bool has_too_many_pongs(const Backlog& backlog) const {
    return backlog.held_pongs >= config_.control_responses_max || backlog.prompt_pongs >= config_.control_responses_max;
  }
  /// Reading goes on once half of it has gone: not for every byte that a peer takes.
  bool has_drained(base::ByteCount unwritten_bytes) const { return unwritten_bytes <= config_.write_queue_max / 2; }
  /// A peer that takes nothing, while handlers go on answering it, is cut off.
  bool is_beyond_bounds(base::ByteCount unwritten_bytes) const { return unwritten_bytes > config_.write_queue_hard_max; }

  struct Load {
    bool is_serving = true;  ///< the connection takes requests, and the server is there
    std::uint32_t own_handlers = 0;  ///< of this connection
    std::uint64_t all_handlers = 0;  ///< of the server
    bool group_has_room = true;  ///< more handlers may run in all servers of its group
  };
  enum class Verdict : std::uint8_t {
    dispatch,
    wait,  ///< for a handler of this connection to end
    draining,  ///< refuse: the server is closing
    overloaded,  ///< refuse: too many handlers run
  };
  Verdict admit(const Load& load) const {
    if (!load.is_serving) [[unlikely]]
      return Verdict::draining;
    if (load.own_handlers >= config_.handlers_per_connection_max) [[unlikely]]
      return Verdict::wait;
    if (load.all_handlers >= config_.handlers_max || !load.group_has_room) [[unlikely]]
      return Verdict::overloaded;
    return Verdict::dispatch;
  }

 private:
  const ServerConfig& config_;
};

}  // namespace razor::stream
