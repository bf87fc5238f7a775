#pragma once
// Causes: by which failed runs are told apart in a summary. Thousands of seeds fail for few reasons.

#include <string>

#include "sim/scenario.h"

namespace razor::sim {

/// The scenario, the kind of the run's first failure, and the text of the check that failed, without its numbers: the rule
/// that it says is broken ("rule 12: ...", which an oracle's message begins with), else its place; or what a crash printed:
/// "cluster, expectation: rule 12: call # ran twice", "cluster, requirement: swarm.cc:48: sum == #", "cluster, crash:
/// window.cc:31: check failed: used <= limit".
///
/// Never a number of the run: the same bug is the same cause in all runs, and two checks of one rule are two causes.
std::string cause_of(std::string_view scenario, const ScenarioFailure& failure);

/// "rule 12", else the place of the check: failures of one run that have it in common are shown once.
std::string check_of(const ScenarioFailure& failure);

}  // namespace razor::sim
