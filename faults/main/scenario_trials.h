#pragma once
// ScenarioTrials: tries plans by playing them, each in a process of its own: a plan fails when its run fails for the same
// cause as the first did (sim/main/cause.h).

#include <functional>
#include <string>

#include "faults/minimise.h"
#include "faults/run_in_child.h"

namespace razor::faults {

struct TrialsConfig {
  std::uint32_t jobs = 2;  ///< runs at a time
  /// A plan fails when it does with one of so many seeds: its own, and the next ones. What fails by luck alone needs some.
  std::uint32_t seeds_per_try = 1;
  ChildLimits limits{};
};
static_assert(std::is_trivially_copyable_v<TrialsConfig>);

class ScenarioTrials final : public Trials {
 public:
  /// `go_on` is asked often, also while something runs.
  ScenarioTrials(const sim::Scenario& scenario, std::string cause, const TrialsConfig& config, std::function<bool()> go_on,
                 std::function<void(const Failing&)> on_smaller);

  std::optional<Failing> first_failing(const std::vector<Plan>& candidates) override;
  bool go_on() override { return go_on_(); }
  void on_smaller(const Failing& smaller) override { on_smaller_(smaller); }

  /// That were begun.
  std::uint64_t runs() const { return runs_; }
  /// What a run says for its plan; its settings are as the run had them.
  static Failing failing_of(const Plan& plan, const sim::ScenarioResult& result);
  /// The first failure of this cause; null when there is none.
  const sim::ScenarioFailure* find_failure(const sim::ScenarioResult& result) const;

 private:
  const sim::Scenario& scenario_;
  std::string cause_;
  TrialsConfig config_;
  std::function<bool()> go_on_;
  std::function<void(const Failing&)> on_smaller_;
  std::uint64_t runs_ = 0;
};

/// "NAME VALUE SIMPLEST" in lines, as an Exploration reports them.
std::vector<Knob> read_knobs(std::string_view text);

}  // namespace razor::faults
