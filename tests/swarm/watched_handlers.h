#pragma once
// WatchedHandlers: the handlers of a cancellable method that run at one server. Once nobody waits for a handler any more, it is gone:
// its caller has cancelled the call, the time that the server was told of has passed, or the connection is lost.

#include <fmt/format.h>

#include <list>
#include <optional>
#include <string>

#include "razor/api/context.h"
#include "tests/swarm/scene.h"

namespace razor::swarm {

class WatchedHandlers {
 public:
  struct Handler {
    explicit Handler(const CallContext& its_context) : context(its_context), peer(its_context.peer().to_string()) {}
    CallContext context;
    std::string peer;
    std::optional<base::TimePoint> unwanted_since;  // in the world
  };

  /// In the frame of the handler's coroutine, which may be destroyed.
  class Watched {
   public:
    Watched(WatchedHandlers& all, const CallContext& context)
        : all_(all), here_(all.running_.emplace(all.running_.end(), context)) {}
    Watched(const Watched&) = delete;
    ~Watched() { all_.running_.erase(here_); }

   private:
    WatchedHandlers& all_;
    std::list<Handler>::iterator here_;
  };

  /// A handler for which nobody waited at the last look either, `kTurn` ago or longer; empty: none. `is_connected`: whether the
  /// server has a connection with this peer.
  template <class IsConnected>
  std::string wrong(const Scene& scene, const sim::Host& host, IsConnected is_connected) {
    // As context.h says it: a deadline has passed by 1/64 of the time that the caller had, and 50 ms; and what a timer may be late.
    const base::TimePoint latest_deadline = host.clock_now() - (scene.settings.timeout_max() / 64 + 50ms + 10ms);
    for (Handler& handler : running_) {
      const std::string_view why = why_unwanted(handler, latest_deadline, is_connected(handler.peer));
      if (why.empty()) {
        handler.unwanted_since.reset();
        continue;
      }
      if (!handler.unwanted_since) handler.unwanted_since = scene.world.now();
      const base::Duration late = scene.world.now() - *handler.unwanted_since;
      if (late >= kTurn && scene.ran_since(host, *handler.unwanted_since)) {
        return fmt::format("{} runs a cancellable handler for {}, {} ms ago {}", host.name(), handler.peer, late / 1ms, why);
      }
    }
    return {};
  }

 private:
  static constexpr base::Duration kTurn = 10ms;

  static std::string_view why_unwanted(const Handler& handler, base::TimePoint latest_deadline, bool is_connected) {
    if (!is_connected) return "its connection ended";
    const std::optional<base::TimePoint> deadline = handler.context.deadline();
    if (deadline && *deadline < latest_deadline) return "its time was over";
    if (handler.context.cancelled()) return "it was cancelled";
    return {};
  }

  std::list<Handler> running_;
};

}  // namespace razor::swarm
