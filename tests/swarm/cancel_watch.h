#pragma once
// CancelWatch: once a cancel frame has arrived, the handler that it names ends, where its method is cancellable. It reads the
// frames off the wire, and knows of handlers by their spans: what the library believes is not asked.

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "razor/wire/frame.h"
#include "tests/swarm/scene.h"

namespace razor::swarm {

class CancelWatch final : public sim::Observer {
 public:
  explicit CancelWatch(Scene& scene) : scene_(scene) { scene.world.watch(*this); }
  CancelWatch(const CancelWatch&) = delete;
  ~CancelWatch() override { scene_.world.unwatch(*this); }

  /// A handler that runs on at a server though a cancel has come, for longer than the server's next turn; empty: none.
  /// `may_lie_unread`: whether frames of this peer may.
  template <class MayLieUnread>
  std::string wrong_at(const std::string& server, MayLieUnread may_lie_unread) const {
    // The fault holds requests back, and not a handler.
    if (scene_.run.injector().touched_by("handler_delay", server, kHeldBack)) return {};
    for (const auto& [span, handler] : handlers_) {
      if (handler.server != server || !handler.cancelled_at) continue;
      if (scene_.world.now() - *handler.cancelled_at < kTurn || may_lie_unread(handler.call.first)) continue;
      if (!scene_.ran_since(scene_.world.host(server), *handler.cancelled_at)) continue;
      return fmt::format("{} still runs #{} of {}, whose cancel came {} ms ago", server, handler.call.second,
                         handler.call.first, (scene_.world.now() - *handler.cancelled_at) / 1ms);
    }
    return {};
  }
  /// How many handlers were cancelled by a frame.
  std::uint64_t cancelled() const { return cancelled_; }

 private:
  // A frame that has come is handled in the turns that follow at once, of which one has its fill after some frames.
  static constexpr base::Duration kTurn = 50ms;
  static constexpr base::Duration kHeldBack = 90s;
  using CallName = std::pair<std::string, wire::Seq>;  // whose, and which of its

  struct Handler {
    std::uint64_t host;
    std::string server;
    CallName call;
    std::optional<base::TimePoint> cancelled_at;
  };
  // Of one connection, what its client sends.
  struct Requests {
    base::Bytes head;  // as much of it as has come
    std::uint64_t body_left = 0;
    bool is_first = true;
    bool is_extended = false;
    bool is_broken = false;  // from here on there are no frames
  };

  void on_occurrence(const sim::Occurrence& occurrence) override {
    if (occurrence.kind != sim::EventKind::crashed) return;
    std::erase_if(handlers_, [&](const auto& handler) { return handler.second.host == occurrence.where; });
  }
  void on_arrived(const sim::Packet& packet) override;
  void on_span_begin(const sim::Host& host, runtime::SpanId id, const runtime::SpanStart& start) override;
  void on_span_number(const sim::Host& host, runtime::SpanId id, std::uint64_t number) override;
  void on_span_end(const sim::Host& host, runtime::SpanId id, const runtime::SpanEnd& end) override;
  void take_head(Requests& requests, const std::string& client);

  Scene& scene_;
  std::map<std::uint64_t, Requests> connections_;  // by direction
  std::map<runtime::SpanId, Handler> handlers_;  // of cancellable methods, while they run
  std::uint64_t cancelled_ = 0;
};

}  // namespace razor::swarm
