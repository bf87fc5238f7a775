#pragma once
// ServerInFlight: the requests of one connection whose handlers run. Pure.
//
// On a connection that began with a hello, each has a ServerCall, found by its seq. On any other a peer may use a seq twice, so
// it is only known that one is there. Of a request that somebody looks at (call_hook.h, runtime/trace.h) its observation is kept.

#include <cstdint>
#include <map>
#include <memory>

#include "razor/base/check.h"
#include "razor/stream/call_observation.h"
#include "razor/stream/internal/seq_table.h"
#include "razor/stream/internal/server_call.h"
#include "razor/wire/frame.h"

namespace razor::stream {

class ServerInFlight {
 public:
  ServerInFlight() = default;
  ServerInFlight(const ServerInFlight&) = delete;

  /// The connection began with a hello.
  /// Errors: throws std::bad_alloc.
  void extend() { calls_ = std::make_unique<SeqTable<ServerCall>>(kCallsExpected); }

  std::uint32_t count() const { return count_; }
  bool empty() const { return count_ == 0; }

  /// A request is dispatched. `observation` is null where nobody looks.
  /// Errors: throws std::bad_alloc; nothing has begun then.
  void begin(wire::Seq seq, std::unique_ptr<CallObservation> observation) {
    if (observation != nullptr) [[unlikely]]
      observed_.emplace(seq, std::move(observation));
    ++count_;
  }
  void begin() { ++count_; }
  /// Before that, on a connection that began with a hello. `seq` is above all before.
  /// Errors: throws std::bad_alloc.
  void begin_call(wire::Seq seq, base::TimePoint deadline, base::TimePoint stop_at,
                  std::unique_ptr<const wire::OwnedExtension> extension = nullptr) {
    std::unique_ptr<ServerCall::More> more;
    if (extension != nullptr) [[unlikely]] {
      more = std::make_unique<ServerCall::More>();
      more->extension = std::move(extension);
    }
    ServerCall& call = calls_->insert(seq);
    call.is_running = true;
    call.deadline = deadline;
    call.stop_at = stop_at;
    if (more != nullptr) [[unlikely]]
      call.more = std::move(more);
  }
  /// It is not dispatched after all.
  void forget_call(wire::Seq seq) {
    if (calls_ != nullptr) calls_->take(seq);
  }
  /// Null: its handler does not run, or the connection did not begin with a hello. Until the next begins.
  ServerCall* find(wire::Seq seq) { return calls_ == nullptr ? nullptr : calls_->find(seq); }
  const ServerCall* find(wire::Seq seq) const { return calls_ == nullptr ? nullptr : calls_->find(seq); }

  /// The observation of a request that runs; null where there is none. It is kept here no more.
  std::unique_ptr<CallObservation> take_observation(wire::Seq seq) {
    if (observed_.empty()) [[likely]]
      return nullptr;
    const auto found = observed_.find(seq);
    if (found == observed_.end()) return nullptr;
    std::unique_ptr<CallObservation> observation = std::move(found->second);
    observed_.erase(found);
    return observation;
  }
  bool has_observations() const { return !observed_.empty(); }
  /// One of those that were dispatched has been answered.
  void end(wire::Seq seq) {
    RAZOR_CHECK(count_ > 0, "a response without a request");
    --count_;
    forget_call(seq);
  }

  /// `listener` is told when nobody waits for the request any more; where it has no ServerCall, or there is no memory, when the
  /// connection is closed.
  void listen(wire::Seq seq, CancelListener& listener) {
    ServerCall* call = find(seq);
    const bool is_noted =
        call != nullptr && base::catching_bad_alloc([&] { call->with_more().listeners.push_back(listener); });
    if (!is_noted) listeners_.push_back(listener);
  }
  /// Nobody waits for any of them any more.
  void cancel_all() {
    if (calls_ != nullptr) calls_->for_each([](ServerCall& call) { call.cancel(); });
    tell_cancelled(listeners_);
  }

 private:
  static constexpr std::uint32_t kCallsExpected = 1024;

  std::uint32_t count_ = 0;
  std::unique_ptr<SeqTable<ServerCall>> calls_;  // null: the connection did not begin with a hello
  CancelListeners listeners_;
  std::multimap<wire::Seq, std::unique_ptr<CallObservation>> observed_;
};

}  // namespace razor::stream
