// A pool, a stream or a server that was still held when its world went touched the freed runtime of its host; and one that was
// made on one host worked on another, though two machines share nothing but the network. Now handles end with their world, each
// call with `closed`, and the other use is named. Without the fix the first test reads freed memory, and the second runs through.

#include <gtest/gtest.h>

#include "razor/pool/client_pool.h"
#include "razor/pool/failover_pool.h"
#include "sim/world.h"

namespace razor::sim {
namespace {

using namespace std::chrono_literals;

TEST(HandlesAfterTheirWorld, TheirCallsEndWithIt) {
  std::vector<base::Errc> ends;
  auto world = std::make_unique<World>(1);
  SimRuntime& runtime = world->host("client").runtime();
  pool::ClientPool pool(runtime, world->host("server").address(8082));
  pool::FailoverPool failover(runtime, {world->host("server").address(8082), world->host("other").address(8082)});
  const auto note = [&ends](const stream::Response& answer) { ends.push_back(answer.error().errc()); };
  pool.submit(stream::ClientTask(wire::Action(1u), note));
  failover.submit(stream::ClientTask(wire::Action(1u), note));
  world->run_for(1s);
  EXPECT_TRUE(ends.empty());
  world.reset();
  EXPECT_EQ(ends, (std::vector{base::Errc::closed, base::Errc::closed}));
}

runtime::Task<void> uses(pool::ClientPool& pool) {
  pool.submit(stream::ClientTask(wire::Action(1u), nullptr));
  co_return;
}

TEST(HandlesAfterTheirWorldDeathTest, AnotherHostsPoolIsNotUsed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  World world(1);
  pool::ClientPool pool(world.host("a").runtime(), world.host("server").address(8082));
  world.host("b").start([&pool](Runtime&) { return uses(pool); });
  EXPECT_DEATH(world.run_for(1s),
               "the pool of server:8082 is used where it must not be: it was made on host a, and code of host b");
}

}  // namespace
}  // namespace razor::sim
