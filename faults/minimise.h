#pragma once
// minimise: makes a plan that fails smaller, while it fails in the same way: fewer faults, then shorter, weaker and earlier
// ones on fewer hosts, then simpler settings, until nothing more can go. What "fails" means is the caller's: the search
// itself runs nothing (run_in_child.h does, for main/minimise_command.h).
//
// Source: the removal of faults is Zeller and Hildebrandt's delta debugging ("Simplifying and Isolating Failure-Inducing
// Input", 2002), with chunks that are tried from large to single.

#include <functional>
#include <optional>
#include <vector>

#include "faults/exploration.h"
#include "faults/plan.h"

namespace razor::faults {

/// A plan that fails.
struct Failing {
  Plan plan;
  /// What its run drew, with what is simplest: settings that are not among them are not in use.
  std::vector<Knob> knobs;
};

/// Who tries plans.
class Trials {
 public:
  virtual ~Trials() = default;

  /// The first of `candidates` that fails as the plan at the start did, as it was played; it may have another seed than the
  /// candidate. Empty when none fails, or there is no time left to find out. They are not empty.
  virtual std::optional<Failing> first_failing(const std::vector<Plan>& candidates) = 0;
  /// False: no more, the smallest so far will do.
  virtual bool go_on() = 0;
  /// This is the smallest so far.
  virtual void on_smaller(const Failing& /*smaller*/) {}
};

/// Trials of plans by a function, for as long as it takes.
class TrialsOf final : public Trials {
 public:
  explicit TrialsOf(std::function<bool(const Plan&)> fails, std::vector<Knob> knobs = {})
      : fails_(std::move(fails)), knobs_(std::move(knobs)) {}

  std::optional<Failing> first_failing(const std::vector<Plan>& candidates) override;
  bool go_on() override { return true; }
  std::uint64_t runs() const { return runs_; }

 private:
  std::function<bool(const Plan&)> fails_;
  std::vector<Knob> knobs_;
  std::uint64_t runs_ = 0;
};

/// The smallest plan that was found. Each step makes something smaller, so it ends. Faults keep their numbers, since what a
/// fault draws depends on its own.
Failing minimise(Failing failing, Trials& trials);

/// The faults of `plan` made simpler by one step each, the largest steps first: what shrinks plans one by one
/// (faults/rapidcheck.h).
std::vector<Plan> simpler_plans(const Plan& plan);

}  // namespace razor::faults
