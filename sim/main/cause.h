#pragma once
// Causes: by which failed runs are told apart in a summary. Thousands of seeds fail for few reasons.

#include <string>

#include "sim/scenario.h"

namespace razor::sim {

/// The scenario, the kind of the run's first failure, and what is most telling of it: the rule that it says is broken
/// ("rule 12: ...", which an oracle's message begins with), else its place, else what a crash printed:
/// "cluster, expectation: rule 12", "cluster, requirement: swarm.cc:48", "cluster, crash: window.cc:31: check failed".
///
/// Never a number of the run: neither its seed nor its time.
std::string cause_of(std::string_view scenario, const ScenarioFailure& failure);

}  // namespace razor::sim
