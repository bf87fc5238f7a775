#pragma once
// Traces: what happens in a world, written so that people can look at it. All of them only watch: a run with traces has
// the digest of the same run without.
//
//   sim::TextTrace trace(world, std::cout);                       // lines of text
//   const auto trace = sim::open_trace(world, "run.json");        // opens in ui.perfetto.dev
//   const auto packets = sim::open_trace(world, "run.pcap");      // opens in Wireshark
//
// A trace tells what happens while it lives, and is whole once it is destroyed, which is before its world is.

#include <filesystem>
#include <memory>

#include "sim/chrome_trace.h"
#include "sim/pcap_trace.h"
#include "sim/text_trace.h"

namespace razor::sim {

/// Begins a trace into the file `path`, which is replaced: .txt is a TextTrace, .json a ChromeTrace, .pcap a PcapTrace
/// of all links. It watches the world by itself: to add it again does nothing.
///
/// Errors: invalid_argument for another ending; what the system says where the file cannot be opened.
base::Result<std::unique_ptr<Observer>> open_trace(World& world, const std::filesystem::path& path);

}  // namespace razor::sim
