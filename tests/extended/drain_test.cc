// A server closes while it is called: no call is lost by that, idempotent or not, since its clients are asked first to send no more.
// With plain version 1 those that cross the news are refused, and their callers do not know whether they ran.

#include "tests/extended/extended_world.h"

namespace razor::test {
namespace {

class DrainTest : public ExtendedTest {
 protected:
  DrainTest() : ExtendedTest(2) {}

  struct Load {
    int ok = 0;
    std::vector<std::string> failed;
  };
  // One call after the other, of 5 ms each, none of which may run twice.
  static Task<void> call(Client<Patient> client, sim::World& world, Load& load, base::TimePoint until) {
    while (world.now() < until) {
      const Reply<int> reply = co_await client.work(5);
      if (reply.ok()) {
        ++load.ok;
      } else {
        load.failed.push_back(text_of(reply));
      }
    }
  }
};

TEST_F(DrainTest, NoCallIsLost) {
  Load load;
  runtime::TaskScope callers(runtime().executor());
  const base::TimePoint until = world.now() + 3s;
  for (int i = 0; i < 64; ++i) callers.run_inline("caller", call(client({.timeout = 2s}), world, load, until));
  world.run_for(1s);
  const int before = load.ok;
  EXPECT_GT(servers[0].notes.begun, 0);
  servers[0].close(5s);
  ASSERT_TRUE(world.run_until([&] { return servers[0].has_closed; }, 1s));
  world.run_for(3s);
  EXPECT_GT(load.ok, before + 1000);
  EXPECT_TRUE(load.failed.empty()) << load.failed.size() << ": " << load.failed.front();
  EXPECT_EQ(servers[0].notes.destroyed, 0);
  EXPECT_EQ(load.ok, servers[0].notes.finished + servers[1].notes.finished);
}

// The client says that it sends no more; the server does not wait for longer.
TEST_F(DrainTest, TakesNoLongerThanWhatIsUnderWay) {
  get_acquainted();
  servers[0].close(60s);
  const base::TimePoint begun = world.now();
  ASSERT_TRUE(world.run_until([&] { return servers[0].has_closed; }, 60s));
  EXPECT_LE(world.now(), begun + 10ms);
}

TEST_F(DrainTest, HandlersCanSeeIt) {
  get_acquainted();
  bool ended = false;
  client({.timeout = 5s}).watched.start([&ended](const Reply<bool>&) { ended = true; }, 500);
  client({.timeout = 5s}).watched.start([](const Reply<bool>&) {}, 500);
  world.run_for(100ms);
  servers[0].close(5s);
  world.run_for(1s);
  EXPECT_TRUE(ended);
  EXPECT_TRUE(servers[0].notes.saw_draining);
}

TEST_F(DrainTest, OldConnectionsAreRenewedWithoutALostCall) {
  for (PatientServer& server : servers) {
    server.config.max_connection_age = 1s;
    server.restart();
  }
  Load load;
  runtime::TaskScope callers(runtime().executor());
  const base::TimePoint until = world.now() + 10s;
  for (int i = 0; i < 8; ++i) callers.run_inline("caller", call(client({.timeout = 2s}), world, load, until));
  world.run_for(12s);
  EXPECT_TRUE(load.failed.empty()) << load.failed.size() << ": " << load.failed.front();
  EXPECT_GE(stats(0).connections_accepted, 5u);
  EXPECT_EQ(pool().state().stats.ejections, 0u);
}

}  // namespace
}  // namespace razor::test
