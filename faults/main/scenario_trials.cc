#include "faults/main/scenario_trials.h"

#include <algorithm>
#include <memory>
#include <sstream>

#include "sim/main/cause.h"

namespace razor::faults {
namespace {

// Ctrl-C and the end of the budget are seen this soon.
constexpr base::Duration kLookEvery = std::chrono::milliseconds(100);

}  // namespace

ScenarioTrials::ScenarioTrials(const sim::Scenario& scenario, std::string cause, const TrialsConfig& config,
                               std::function<bool()> go_on, std::function<void(const Failing&)> on_smaller)
    : scenario_(scenario),
      cause_(std::move(cause)),
      config_(config),
      go_on_(std::move(go_on)),
      on_smaller_(std::move(on_smaller)) {}

std::optional<Failing> ScenarioTrials::first_failing(const std::vector<Plan>& candidates) {
  struct Try {
    std::size_t number;
    Plan plan;
    std::unique_ptr<Child> child;
  };
  std::vector<Try> running;  // by number
  const std::size_t count = candidates.size() * config_.seeds_per_try;
  std::size_t next = 0;
  std::size_t end = count;  // what comes from here on is not wanted any more
  std::optional<Failing> found;
  while (next < end || !running.empty()) {
    for (; next < end && running.size() < config_.jobs; ++next, ++runs_) {
      Plan plan = candidates[next / config_.seeds_per_try];
      plan.seed = plan.seed.value_or(0) + next % config_.seeds_per_try;
      auto child = std::make_unique<Child>(
          ChildRun{.scenario = &scenario_, .seed = *plan.seed, .plan = plan, .limits = config_.limits});
      running.push_back({next, std::move(plan), std::move(child)});
    }
    std::vector<Child*> children;
    for (const Try& one : running) children.push_back(one.child.get());
    wait_for_any(children, kLookEvery);
    if (!go_on_()) return std::nullopt;
    std::erase_if(running, [&](Try& one) {
      if (one.number >= end) return true;
      if (!one.child->look()) return false;
      const sim::ScenarioResult& result = one.child->result().result;
      if (find_failure(result) != nullptr) {
        found = failing_of(one.plan, result);
        end = one.number;
      }
      return true;
    });
    // Those behind the one that failed have been for nothing.
    std::erase_if(running, [end](const Try& one) { return one.number >= end; });
  }
  return found;
}

const sim::ScenarioFailure* ScenarioTrials::find_failure(const sim::ScenarioResult& result) const {
  const auto found = std::ranges::find_if(result.failures, [this](const sim::ScenarioFailure& failure) {
    return sim::cause_of(scenario_.name, failure) == cause_;
  });
  return found == result.failures.end() ? nullptr : &*found;
}

Failing ScenarioTrials::failing_of(const Plan& plan, const sim::ScenarioResult& result) {
  Failing failing{plan, {}};
  if (const auto knobs = result.texts.find("knobs"); knobs != result.texts.end()) failing.knobs = read_knobs(knobs->second);
  for (const Knob& knob : failing.knobs) failing.plan.settings.insert_or_assign(knob.name, knob.value);
  return failing;
}

std::vector<Knob> read_knobs(std::string_view text) {
  std::vector<Knob> knobs;
  std::istringstream lines{std::string(text)};
  for (Knob knob; lines >> knob.name >> knob.value >> knob.simplest;) knobs.push_back(knob);
  return knobs;
}

}  // namespace razor::faults
