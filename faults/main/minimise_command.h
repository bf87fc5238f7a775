#pragma once
// `./prog minimise --scenario S --seed N`: finds what fails, makes its plan as small as it gets, and writes a page about it.

#include <optional>
#include <string>

#include "faults/plan.h"

namespace razor::faults {

/// Reads the plan in `path`. Its errors stand in `error` as compilers have them: "x.plan:3: ...".
std::optional<Plan> read_plan_file(const std::string& path, std::string& error);

/// The words behind `minimise` on the command line. Prints progress to stderr, and what it found to stdout.
///
/// Returns the exit status: 0 with a plan, also when Ctrl-C or the budget ended the search; 1 when there is nothing to make
/// smaller; 64 when the command line or the plan is wrong.
/// Threads: none may run yet; it forks.
int minimise_command(int argc, char** argv);

}  // namespace razor::faults
