// A world that is destroyed at any event leaves nothing behind: run under ASan, which finds what is used or kept after.

#include <gtest/gtest.h>

#include "tests/scenarios/load.h"

namespace razor::test {
namespace {

// As far as `events` go, with crashes, pauses and cuts on the way.
void run_for_some_events(std::uint64_t seed) {
  sim::World world(seed);
  faults::Ledger ledger(world);
  LoadServer server(ledger);
  sim::Host& server_host = world.host("server");
  LoadCaller first(ledger, server_host.address(kWorkPort), LoadConfig{});
  LoadCaller second(ledger, server_host.address(kWorkPort), LoadConfig{});
  server_host.start(server.program());
  world.host("first").start(first.program());
  world.host("second").start(second.program());
  sim::RandomStream draw = world.random("stop");
  while (!draw.one_in(4)) {
    world.run_events(draw.below(3'000));
    switch (draw.below(5)) {
      case 0: server_host.restart(); break;
      case 1: world.host("first").crash(); break;
      case 2: world.host("second").pause(); break;
      case 3: world.cut(world.host("second"), server_host); break;
      case 4: world.run_for(draw.between(0ns, 3s)); break;
    }
  }
  world.run_events(draw.below(3'000));
  world.fabric().kill_all();  // before what it refers to goes
}

TEST(StoppedAnywhere, NothingIsLeftBehind) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) run_for_some_events(seed);
}

}  // namespace
}  // namespace razor::test
