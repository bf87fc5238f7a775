#pragma once
// What `razor_node load` counts while it runs.

#include <cstdint>
#include <map>
#include <string>

#include "bench/latency_histogram.h"
#include "razor/runtime/runtime.h"

namespace razor::node {

/// The time, read once for all that happens in one turn of the runtime: a look at the clock for each call would cost a
/// tenth of what is measured.
class TurnClock final : public runtime::Ready {
 public:
  explicit TurnClock(runtime::Runtime& runtime)
      : Ready([](Ready& ready) { static_cast<TurnClock&>(ready).is_fresh_ = false; }), runtime_(runtime) {}

  base::TimePoint now() {
    if (!is_fresh_) {
      is_fresh_ = true;
      now_ = runtime_.clock().now();
      runtime_.spawner().make_ready(*this);
    }
    return now_;
  }

 private:
  runtime::Runtime& runtime_;
  base::TimePoint now_{};
  bool is_fresh_ = false;
};

struct LoadCounters {
  std::uint64_t submitted = 0;
  std::uint64_t calls = 0;                               // that ended with a result
  std::map<std::string, std::uint64_t> errors;           // the other calls, by kind
  std::map<std::string, std::uint64_t> connects_failed;  // no calls: attempts to connect
  bench::LatencyHistogram latencies;

  std::uint64_t failed() const {
    std::uint64_t total = 0;
    for (const auto& [kind, count] : errors) total += count;
    return total;
  }
  std::uint64_t ended() const { return calls + failed(); }
};

}  // namespace razor::node
