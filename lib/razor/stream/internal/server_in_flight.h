#pragma once
// ServerInFlight: the requests of one connection whose handlers run. Pure.
//
// Of a request that somebody looks at (call_hook.h, runtime/trace.h) its observation is kept, by its seq; of any other only
// that it is there. A peer may use a seq twice.

#include <cstdint>
#include <map>
#include <memory>

#include "razor/base/check.h"
#include "razor/stream/call_observation.h"
#include "razor/wire/frame.h"

namespace razor::stream {

class ServerInFlight {
 public:
  std::uint32_t count() const { return count_; }
  bool empty() const { return count_ == 0; }

  /// A request is dispatched. `observation` is null where nobody looks.
  void begin(wire::Seq seq, std::unique_ptr<CallObservation> observation = nullptr) {
    if (observation != nullptr) [[unlikely]]
      observed_.emplace(seq, std::move(observation));
    ++count_;
  }
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
  void end() {
    RAZOR_CHECK(count_ > 0, "a response without a request");
    --count_;
  }

 private:
  std::uint32_t count_ = 0;
  std::multimap<wire::Seq, std::unique_ptr<CallObservation>> observed_;
};

}  // namespace razor::stream
