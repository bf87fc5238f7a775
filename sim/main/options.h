#pragma once
// What the user of a scenario program asked for.

#include <string>

#include "sim/main/scenario_program.h"
#include "sim/main/sweep.h"

namespace razor::sim {

struct MainOptions {
  /// As the user started it: for the lines that replay a failure.
  std::string program;
  ProgramExtras extras;
  Sweep sweep;
  /// real_time() from which on no run begins; empty: until all are done.
  std::optional<base::Duration> ends_at;
  std::uint32_t jobs = 1;
  base::Duration time_limit{};  ///< real time, for one seed; 0: none
  bool list = false;
  bool until_failure = false;
  std::uint64_t replay_one_in = 0;  ///< 1: all runs; 0: none
  bool require_sometimes = false;
  bool digests = false;
  bool in_process = false;
  bool strict_clocks = false;
  std::uint64_t seeds_per_process = 1;
  std::string trace;  ///< a file; empty: none
  std::string json;   ///< a file; empty: none
};

/// Reads the command line into `options`, whose `extras` are set already, and the shard from the environment where a test
/// runner set it.
///
/// Returns the exit status when there is nothing to run: 0 behind --help, 64 when something is wrong, which stderr tells.
std::optional<int> read_options(int argc, char** argv, MainOptions& options);

}  // namespace razor::sim
