// A project of its own simulates with the installed library, under faults.

#include <faults/exploration.h>
#include <faults/rule.h>

RAZOR_SCENARIO(time_passes) {
  razor::faults::Exploration run(world);
  world.host("client");
  world.host("server").start(
      [](razor::Runtime& runtime) -> razor::Task<void> { co_await runtime.clock().sleep_for(std::chrono::hours(2)); });
  run.set_roles({.servers = {"server"}, .callers = {"client"}});
  run.play(std::chrono::hours(1));
  RAZOR_RULE("time", world.elapsed() == std::chrono::hours(1), "after an hour it is {} ns", world.elapsed().count());
}
