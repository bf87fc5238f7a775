#pragma once
// RunPosition: how far a run in a child process had come when a signal reached it: because its parent asks (SIGUSR1), or
// because it crashes. It lies in memory that both processes share.

#include <atomic>
#include <cstdint>

namespace razor::sim {

class World;

struct RunPosition {
  std::atomic<bool> is_known = false;
  std::atomic<std::int64_t> virtual_ns = 0;
  std::atomic<std::uint64_t> events = 0;
};

/// In the child: has signals write `position`, and crashes then end the process as they would have. `on_asked` is called
/// beside that when the parent asks, and must be safe in a signal handler. Ctrl-C is left to the parent.
void note_position_on_signals(RunPosition& position, void (*on_asked)(World& world) = nullptr);

/// Where the runs of this process say which world is at work: ScenarioOptions::world.
World* volatile* world_at_work();

}  // namespace razor::sim
