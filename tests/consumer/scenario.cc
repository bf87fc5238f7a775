// A project of its own simulates with the installed library.

#include <sim/scenario.h>

RAZOR_SCENARIO(time_passes) {
  world.run_for(std::chrono::hours(1));
  RAZOR_EXPECT(world.elapsed() == std::chrono::hours(1));
}
