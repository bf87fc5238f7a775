#pragma once
// Confirmation: whether the command that is printed for a failed run fails too.

#include <optional>
#include <string>
#include <vector>

namespace razor::sim {

/// Starts this program anew, as a user would, with these words behind its name, and waits for its end. What it prints is
/// thrown away.
///
/// Returns whether it says that a scenario failed; empty when it says something else (a wrong command line), or cannot be
/// started.
std::optional<bool> fails_alone(const std::string& program, const std::vector<std::string>& words);

}  // namespace razor::sim
