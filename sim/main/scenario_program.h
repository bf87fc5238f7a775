#pragma once
// The main() of a program of scenarios, for programs that have options of their own: they take these out of the command line,
// and hand on the rest. Without any, link razor::sim_main, whose main() does just that.

#include <string>
#include <vector>

namespace razor::sim {

/// The exit status of a program of which a scenario failed.
inline constexpr int kScenarioFailed = 1;

/// What a program adds to the one that runs scenarios.
struct ProgramExtras {
  /// Options of its own that the line which repeats a failure needs: {"--plan", "x.plan"}.
  std::vector<std::string> replay_words;
  /// What must happen in some run of a sweep: names without the "sometimes/" under which they are reported as counts. Those
  /// that never were are listed.
  std::vector<std::string> sometimes;
  /// Shown at the end of --help.
  std::string help_footer;
};

/// Runs what the command line says: `./prog --help`.
///
/// Starts the program anew, with all of its command line, when addresses are not fixed yet (fixed_addresses.h): what main() did
/// before is done again.
///
/// Returns the exit status: 0 when all passed, kScenarioFailed when one failed, else as --help tells.
/// Threads: none may run yet; it forks.
int scenario_program(int argc, char** argv, const ProgramExtras& extras = {});

}  // namespace razor::sim
