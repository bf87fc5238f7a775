#pragma once
// The machine's clock, for time limits and progress. Only here in sim/: nothing that runs in a world may read it.

#include <time.h>

#include "razor/base/time.h"

namespace razor::sim {

/// Since the machine started.
inline base::Duration real_time() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace razor::sim
