#pragma once
// A whole Runtime that a test drives by hand: a virtual clock, a ready queue, connections in memory. Loops run on it
// without threads, descriptors or waiting, and the same test does the same each time. The simulator proper is sim/; this
// one knows a single host, no seed, and no order of ready tasks but the one they came in.

#include <functional>
#include <string>
#include <vector>

#include "tests/support/manual_network.h"
#include "tests/support/manual_runtime.h"

namespace razor::test {

/// Keeps the lines, errors first to be asked for.
class KeptLog final : public base::LogSink {
 public:
  bool enabled(base::LogLevel) const override { return true; }
  void write(base::LogLevel level, std::string_view line) override {
    lines.emplace_back(line);
    if (level >= base::LogLevel::error) errors.emplace_back(line);
  }
  std::vector<std::string> lines;
  std::vector<std::string> errors;
};

class ManualWorld final : public runtime::Runtime, private runtime::Random {
 public:
  ManualClock& clock() override { return clock_; }
  ManualExecutor& executor() override { return executor_; }
  runtime::Random& random() override { return *this; }
  ManualNetwork& network() override { return network_; }
  KeptLog& log() override { return log_; }

  base::TimePoint now() const { return clock_.now(); }

  /// Runs all that is ready, and what becomes ready meanwhile.
  void run() {
    executor_.run_posted();
    for (int turn = 0; executor_.run_one(); ++turn) {
      RAZOR_CHECK(turn < 10'000'000, "something is ready for ever");
      if (after_each_turn) after_each_turn();
    }
  }
  /// Time passes, and every timer fires at its time.
  void advance(base::Duration span) {
    run();
    const base::TimePoint until = base::saturating_add(now(), span);
    for (int fired = 0; clock_.next_timer() <= until; ++fired) {
      RAZOR_CHECK(fired < 1'000'000, "a timer arms itself for ever");
      clock_.advance_to(clock_.next_timer());
      run();
    }
    clock_.advance_to(until);
    run();
  }
  /// The process was stopped for a while: when it goes on, all timers whose time came meanwhile fire before anything
  /// else, bytes that have arrived included.
  void pause(base::Duration span) {
    clock_.advance(span);
    run();
  }

  /// Runs `task` until it has finished, or `limit` is over; false then.
  bool run_task(runtime::Task<void> task, base::Duration limit) {
    Running<void> running(std::move(task));
    run();
    const base::TimePoint until = base::saturating_add(now(), limit);
    while (!running.finished() && clock_.next_timer() <= until) {
      clock_.advance_to(clock_.next_timer());
      run();
    }
    if (running.finished()) running.take();
    return running.finished();
  }

  /// Called between turns: for what must hold at every instant.
  std::function<void()> after_each_turn;

 private:
  std::uint64_t seed_for(std::string_view purpose) override { return std::hash<std::string_view>{}(purpose); }

  KeptLog log_;
  ManualClock clock_;
  ManualExecutor executor_;
  ManualNetwork network_{executor_};
};

}  // namespace razor::test
