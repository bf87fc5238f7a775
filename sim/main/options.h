#pragma once
// What the user of a scenario program asked for.

#include <string>

#include "sim/main/plan.h"

namespace razor::sim {

struct MainOptions {
  /// As the user started it: for the lines that replay a failure.
  std::string program;
  Plan plan;
  std::uint32_t jobs = 1;
  base::Duration time_limit{};  ///< real time, for one seed; 0: none
  bool list = false;
  bool until_failure = false;
  bool replay = false;
  bool digests = false;
  bool in_process = false;
  std::string trace;  ///< a file; empty: none
  std::string json;   ///< a file; empty: none
};

/// Reads the command line, and the shard from the environment where a test runner set it.
///
/// Returns the exit status when there is nothing to run: 0 behind --help, 64 when something is wrong, which stderr tells.
std::optional<int> read_options(int argc, char** argv, MainOptions& options);

}  // namespace razor::sim
