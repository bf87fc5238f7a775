#pragma once
// run_in_child: one run of a scenario in a process of its own, so that a crash, a hang or a flood of memory is a failure like
// others. It starts from what this process is now; what the run changes stays in the child.
//
//   const ChildResult result = run_in_child({.scenario = scenario, .seed = 7, .plan = plan});
//
// Several at a time: a Child each, and wait_for_any.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "faults/plan.h"
#include "sim/child/fields.h"
#include "sim/child/process.h"
#include "sim/scenario.h"

namespace razor::faults {

struct ChildLimits {
  base::Duration real_time = std::chrono::seconds(60);  ///< after it the run has failed by its time limit
  /// Of the whole process; not in builds with a sanitizer, which need any amount.
  std::uint64_t memory_bytes = std::uint64_t{4} << 30;
};
static_assert(std::is_trivially_copyable_v<ChildLimits>);

/// What goes from a child to the one that started it, whole and in order.
using TellParent = std::function<void(std::string_view)>;

struct ChildRun {
  const sim::Scenario* scenario = nullptr;
  std::uint64_t seed = 0;
  /// Played (faults::set_given_plan); without one the scenario draws its own.
  std::optional<Plan> plan{};
  ChildLimits limits{};
  /// Makes the observer in the child; null: none.
  std::function<std::unique_ptr<sim::Observer>(sim::World&, TellParent)> observe{};
  /// Given, in this process, what the observer tells, also what it told before a crash.
  TellParent on_told{};
};

struct ChildResult {
  /// A crash or a run over its limits is its last failure, with what the child printed after its message.
  sim::ScenarioResult result;
  base::Duration real_time{};

  bool ok() const { return result.ok(); }
};

/// A run that goes on. Destroying it ends it.
///
/// Threads: the process must have one only, as it forks.
class Child {
 public:
  /// Errors: a std::runtime_error where no process can be started.
  explicit Child(ChildRun run);
  Child(const Child&) = delete;
  ~Child();

  /// Takes what the child has told, and checks its time. True when it is over, and `result()` is whole.
  bool look();
  const ChildResult& result() const { return result_; }

 private:
  friend void wait_for_any(const std::vector<Child*>& children, base::Duration limit);
  struct Position;

  [[noreturn]] void live(int pipe);
  bool read_some();
  void take_message(std::string_view bytes);
  void end_by_time_limit();
  void gone();
  void over();
  void failed(sim::ScenarioFailure::Kind kind, std::string message);

  ChildRun run_;
  ChildResult result_;
  Position* position_ = nullptr;  // shared with the child: where a signal found the run
  sim::FrameQueue frames_;
  bool done_ = false;  // the run came to its end
  base::Duration started_at_{};
  sim::ChildProcess process_;  // not running: it is over
};

/// Until `look` of one of them may have something to do, or `limit` has passed.
void wait_for_any(const std::vector<Child*>& children, base::Duration limit);

/// Runs it to its end.
ChildResult run_in_child(ChildRun run);

}  // namespace razor::faults
