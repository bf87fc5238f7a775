#include "sim/main/trace_file.h"

#include <stdexcept>

#include "sim/trace.h"

namespace razor::sim {

std::string trace_endings() {
  return "Endings: .txt, lines of text; .json, for ui.perfetto.dev; .pcap, packets for Wireshark.";
}

bool can_trace_to(const std::string& path) {
  const std::filesystem::path ending = std::filesystem::path(path).extension();
  return ending == ".txt" || ending == ".json" || ending == ".pcap";
}

std::unique_ptr<Observer> open_trace(const std::string& path, World& world) {
  auto trace = open_trace(world, std::filesystem::path(path));
  if (!trace) throw std::runtime_error(path + ": " + trace.error().message());
  return *std::move(trace);
}

}  // namespace razor::sim
