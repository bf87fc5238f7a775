#pragma once
// Replay: the same scenario with the same seed, twice in one process, and where the second run first did something else, or
// ended differently: another failure, or another report.
// What makes runs differ: time, threads or chance of the real machine; data that outlives a run (a static counter); addresses
// taken as data or as an order; memory that was never written.
//
// The second run finds another heap and another stack, so that addresses differ as they would in another process; and all that
// the first one left behind in the process. The addresses of globals are the same for both.

#include <array>
#include <optional>

#include "sim/event_log.h"
#include "sim/scenario.h"

namespace razor::sim {

/// The first event that two runs do not share.
struct Divergence {
  struct Side {
    Occurrence occurrence;
    std::string where;  ///< a host's name, or a connection's both ends
  };
  /// From 0, in the order they happened.
  std::uint64_t index = 0;
  /// Empty where a run had already ended.
  std::optional<Side> first;
  std::optional<Side> second;
  /// What both runs did right before, in order.
  std::vector<Side> before;

  /// Some lines: what each run did, and what came before.
  std::string text() const;
};

struct ReplayResult {
  ScenarioResult first;
  ScenarioResult second;
  std::optional<Divergence> divergence;
  /// What was different about the outcomes, where all events were the same; empty: nothing.
  std::string other_outcome;

  bool ok() const { return first.ok() && second.ok() && !divergence && other_outcome.empty(); }
};

/// Runs `body` twice. `options.on_failure` hears of the first run, of the divergence as soon as it is found, and of another
/// outcome of the second run, as a divergence too. Reports are the first run's. `options.observe` is not used.
ReplayResult replay_scenario(const ScenarioBody& body, std::uint64_t seed, const ScenarioOptions& options = {});

}  // namespace razor::sim
