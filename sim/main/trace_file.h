#pragma once
// Who writes a run down, as the ending of the file says.

#include <memory>
#include <string>

#include "sim/scenario.h"

namespace razor::sim {

/// "Endings: ..." for the user.
std::string trace_endings();
bool can_trace_to(const std::string& path);
/// Writes until it is destroyed. Errors: an exception when the file cannot be written.
std::unique_ptr<Observer> open_trace(const std::string& path, World& world);

}  // namespace razor::sim
