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
#include "razor/stream/internal/in_flight.h"
#include "razor/stream/internal/server_call.h"
#include "razor/wire/frame.h"

namespace razor::stream {

class ServerInFlight {
 public:
  ServerInFlight() = default;
  ServerInFlight(const ServerInFlight&) = delete;
  ~ServerInFlight() {
    for_each_call([](ServerCall& call) { delete &call; });
  }

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
  void begin_call(wire::Seq seq, std::unique_ptr<ServerCall> call) {
    calls_->insert(seq, *call);
    (void)call.release();
  }
  /// It is not dispatched after all.
  void forget_call(wire::Seq seq) {
    if (calls_ != nullptr) delete calls_->take(seq);
  }
  /// Null: its handler does not run, or the connection did not begin with a hello.
  ServerCall* find(wire::Seq seq) const { return calls_ == nullptr ? nullptr : calls_->find(seq); }

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

  /// Is told that the connection is closed, where the request has no ServerCall.
  CancelListeners& listeners_of_connection() { return listeners_; }
  /// Nobody waits for any of them any more.
  void cancel_all() {
    for_each_call([](ServerCall& call) {
      call.is_cancelled = true;
      tell_cancelled(call.listeners);
    });
    tell_cancelled(listeners_);
  }

 private:
  static constexpr std::uint32_t kCallsExpected = 1024;

  template <class Visit>
  void for_each_call(Visit&& visit) {
    if (calls_ != nullptr) calls_->for_each(visit);
  }

  std::uint32_t count_ = 0;
  std::unique_ptr<SeqTable<ServerCall>> calls_;  // null: the connection did not begin with a hello
  CancelListeners listeners_;
  std::multimap<wire::Seq, std::unique_ptr<CallObservation>> observed_;
};

}  // namespace razor::stream
