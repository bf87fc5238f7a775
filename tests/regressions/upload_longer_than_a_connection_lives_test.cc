// Connections are renewed at an age, and a request takes longer to send than the notice that its client is given then. The server cut
// off what had not come whole, said that it did not run, and the pool sent it again, on a connection that grew old in its turn: the
// call never came to its end (swarm, seed 62). A frame of which a part has come is waited for.

#include <gtest/gtest.h>

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

TEST(UploadLongerThanAConnectionLives, ArrivesAtItsFirstAttempt) {
  sim::World world(62);
  world.fabric().set_link_config({.latency = {1ms, 0ms}, .bytes_per_second = 500'000, .split_one_in = 0});
  TestServer server(world, 0);
  server.config.max_connection_age = 1s;
  server.config.drain_notice = 100ms;
  server.kill();
  server.start();
  world.run_for(1ms);
  ClientPoolConfig config;
  ClientPool pool(world.host("client").runtime(), server.address(), config);
  std::string ended;
  pool.submit(ClientTask(Action(kEcho), std::string("large"),
                         [&ended](const Response& response) { ended = response.ok() ? "ok" : response.message(); })
                  .with_blob(base::Blob::copy_of(base::Bytes(2'000'000)))
                  .with_options({.timeout = 30s}));
  world.run_for(20s);
  EXPECT_EQ(ended, "ok");
  EXPECT_EQ(pool.state().stats.attempts, 1u) << pool.state().to_string();
}

}  // namespace
}  // namespace razor::test
