#pragma once
// What `razor_node load` shares: the settings, the counters, and the way to count a call from its beginning to its end.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "bench/latency_histogram.h"
#include "razor/history/history_recorder.h"
#include "razor/razor.h"
#include "tests/node/commands.h"

namespace razor::node {

inline double seconds_of(base::Duration span) { return std::chrono::duration<double>(span).count(); }

/// The time, read once for all that happens in one turn of the runtime: a look at the clock for each call would cost a
/// tenth of what is measured.
class TurnClock final : public runtime::Runnable {
 public:
  explicit TurnClock(runtime::Runtime& runtime)
      : Runnable([](Runnable& ready) { static_cast<TurnClock&>(ready).is_fresh_ = false; }), runtime_(runtime) {}

  base::TimePoint now() {
    if (!is_fresh_) {
      is_fresh_ = true;
      now_ = runtime_.clock().now();
      runtime_.executor().schedule(*this);
    }
    return now_;
  }

 private:
  runtime::Runtime& runtime_;
  base::TimePoint now_{};
  bool is_fresh_ = false;
};

/// Hands out when calls begin: at even distances, to all callers in turn. A caller that comes late begins at once, and counts
/// its call from when it should have begun: else nobody would see how long those waited who could not call.
class Pace {
 public:
  Pace(base::TimePoint start, double calls_per_second) : next_(start), distance_(duration_of(1 / calls_per_second)) {}
  base::TimePoint next() { return std::exchange(next_, next_ + distance_); }

 private:
  base::TimePoint next_;
  base::Duration distance_;
};

/// How long calls took that ended with `deadline_exceeded`.
struct ExpiredCalls {
  bench::LatencyHistogram latencies;
  base::Duration least = base::Duration::max();
  base::Duration most{};

  void record(base::Duration latency) {
    latencies.record(static_cast<std::uint64_t>(latency.count()), 1);
    least = std::min(least, latency);
    most = std::max(most, latency);
  }
};

struct LoadCounters {
  std::uint64_t submitted = 0;
  std::uint64_t calls = 0;  // that ended with a result
  std::map<std::string, std::uint64_t> errors;  // the other calls, by kind
  std::map<std::string, std::uint64_t> connects_failed;  // no calls: attempts to connect
  bench::LatencyHistogram latencies;
  base::Duration slowest{};  // however it ended
  ExpiredCalls expired;

  std::uint64_t failed() const {
    std::uint64_t total = 0;
    for (const auto& [kind, count] : errors) total += count;
    return total;
  }
  std::uint64_t ended() const { return calls + failed(); }
};

struct Load {
  /// All outlive it; `load_history` may be null.
  Load(AsioRuntime& load_runtime, const LoadOptions& load_options, HistoryRecorder* load_history)
      : runtime(load_runtime),
        options(load_options),
        history(load_history),
        clock(load_runtime),
        stop(load_runtime.executor()),
        idle(load_runtime.executor()) {
    call_options.timeout = duration_of(options.timeout_seconds);
    call_options.idempotent = options.idempotent;
    if (options.interface == "api") payload.assign(options.payload, 'x');
    if (options.interface == "stream" && options.direction == "up") blob.assign(options.payload, std::byte{'x'});
    if (options.rate) pace.emplace(load_runtime.clock().now(), *options.rate);
  }

  AsioRuntime& runtime;
  const LoadOptions& options;
  HistoryRecorder* history;
  TurnClock clock;
  CallOptions call_options;
  std::string payload;
  Bytes blob;
  LoadCounters counters;
  std::optional<Pace> pace;
  Event stop;  // a signal has come, or all calls have ended
  bool stopping = false;
  unsigned connecting = 0;
  std::uint64_t under_way = 0;
  Event idle;  // nothing is under way any more

  std::uint32_t window() const { return options.window > 0 ? options.window : options.in_flight; }
  /// With head, name of the method and the other parameters.
  base::ByteCount bytes_in_flight() const { return options.in_flight * (options.payload + 256); }

  bool goes_on() const { return !stopping && !all_begun(); }
  bool all_begun() const { return options.calls && counters.submitted >= *options.calls; }

  /// When the caller's next call is to begin; nullopt: at once.
  std::optional<base::TimePoint> next_turn() { return pace ? std::optional<base::TimePoint>(pace->next()) : std::nullopt; }
  base::TimePoint begin(const std::optional<base::TimePoint>& turn = std::nullopt) {
    ++under_way;
    ++counters.submitted;
    return turn ? *turn : clock.now();
  }
  void end(base::TimePoint begun) {
    ++counters.calls;
    counters.latencies.record(static_cast<std::uint64_t>(ended_after(begun).count()), 1);
  }
  void end_failed(base::TimePoint begun, std::string kind, bool is_expired) {
    ++counters.errors[std::move(kind)];
    const base::Duration latency = ended_after(begun);
    if (is_expired) counters.expired.record(latency);
  }

 private:
  base::Duration ended_after(base::TimePoint begun) {
    // A turn begins by the real clock, and may be in front of a time that was read for several calls at a time.
    const base::Duration latency = std::max(clock.now() - begun, base::Duration::zero());
    counters.slowest = std::max(counters.slowest, latency);
    if (--under_way == 0) {
      idle.set();
      if (all_begun()) stop.set();
    }
    return latency;
  }
};

}  // namespace razor::node
