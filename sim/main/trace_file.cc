#include "sim/main/trace_file.h"

#include <stdexcept>

namespace razor::sim {

// The one place that knows which traces there are: here an ending gets its writer.

std::string trace_endings() { return "No kind of trace is built into this program."; }

bool can_trace_to(const std::string&) { return false; }

std::unique_ptr<Observer> open_trace(const std::string& path, World&) {
  throw std::runtime_error("no trace can be written to " + path);
}

}  // namespace razor::sim
