// When an address of a FailoverPool is taken out of use, and how it comes back.

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

class HealthTest : public FailoverPoolTest {
 protected:
  HealthTest() { config.health.timeouts_max = 3; }
  HealthState health(std::size_t index) { return address(index).health; }
  /// A call on each server, which times out where that is slow.
  void call_both() {
    const std::vector<Asked> calls = once_each(2, 0, {.timeout = 500ms});
    finish(calls);
  }
  bool until_healthy(std::size_t index) {
    return run_until([&] { return health(index) == HealthState::healthy; });
  }
  /// Of so many calls, one after the other, those that the first server got.
  std::size_t share_of_first(int calls) {
    const std::size_t before = servers[0].runs.size();
    for (int i = 0; i < calls; ++i) finish(once());
    return servers[0].runs.size() - before;
  }
};

TEST_F(HealthTest, AServerWhoseCallsTimeOutInARowIsTakenOutOfUse) {
  connect_all();
  servers[0].takes = 1min;
  call_both();
  call_both();
  EXPECT_EQ(health(0), HealthState::healthy);
  EXPECT_EQ(stats().ejections, 0u);
  call_both();
  EXPECT_NE(health(0), HealthState::healthy);
  EXPECT_EQ(stats().ejections, 1u);
  EXPECT_EQ(address(0).why, "3 calls in a row had no answer in time");
  EXPECT_EQ(health(1), HealthState::healthy);
}

TEST_F(HealthTest, AnAnswerInBetweenBeginsTheCountAnew) {
  connect_all();
  for (int i = 0; i < 3; ++i) {
    servers[0].takes = 1min;
    call_both();
    call_both();
    servers[0].takes = 0s;
    call_both();
  }
  EXPECT_EQ(health(0), HealthState::healthy);
  EXPECT_EQ(stats().ejections, 0u);
}

TEST_F(HealthTest, AServerThatAnswersPingsIsUsedAgain) {
  connect_all();
  servers[0].takes = 1min;
  for (int i = 0; i < 3; ++i) call_both();
  EXPECT_NE(health(0), HealthState::healthy);
  servers[0].takes = 0s;
  EXPECT_TRUE(until_healthy(0));
  servers[0].runs.clear();
  run_for(config.health.ramp);
  EXPECT_EQ(share_of_first(10), 5u);
}

TEST_F(HealthTest, WithoutALimitOfTimeoutsNobodyIsTakenOutOfUse) {
  config.health.timeouts_max = 0;
  connect_all();
  servers[0].takes = 1min;
  for (int i = 0; i < 10; ++i) call_both();
  EXPECT_EQ(health(0), HealthState::healthy);
}

TEST_F(HealthTest, AServerThatStandsStillIsTakenOutOfUseAndComesBack) {
  connect_all();
  finish(once_each(2, 1));  // each has shown that it answers pings ahead of calls
  servers[0].pause();
  once_each(2, 0, {.timeout = 1min});
  run_for(3500ms);
  EXPECT_NE(health(0), HealthState::healthy);
  run_for(10s);
  EXPECT_NE(health(0), HealthState::healthy);  // its system accepts connections, and nobody answers the ping
  const std::vector<Asked> calls = once_each(10);
  finish(calls);
  for (const Asked& call : calls) EXPECT_EQ(call.text(), "done by server 1");
  servers[0].resume();
  EXPECT_TRUE(until_healthy(0));
  run_for(config.health.ramp);
  EXPECT_EQ(share_of_first(10), 5u);
}

// Regression: at the cap, a connection that is silent for good, while its machine goes on acknowledging, kept its address out
// of use for ever, though new connections would have been served: something between the two had forgotten it. (Found by
// ci/chaos half_open.) Here the server reads nothing more of it, since none of its handlers ends.
TEST_F(HealthTest, AConnectionThatIsSilentForGoodAtTheCapIsReplaced) {
  limits().connections_max = 1;
  servers[0].config.handlers_per_connection_max = 2;
  servers[0].start();
  run_for(1us);
  connect_all();
  finish(once_each(2, 1));  // each has shown that it answers pings ahead of calls
  servers[0].takes = 1h;
  std::vector<Asked> stuck;
  for (int i = 0; i < 6; ++i) stuck.push_back(often());
  finish(stuck);  // those that the first server has are made at the other one, too
  for (const Asked& call : stuck) EXPECT_EQ(call.text(), "done by server 1");
  EXPECT_NE(health(0), HealthState::healthy);
  EXPECT_EQ(address(0).connects, 1u);
  servers[0].takes = 0s;
  for (int i = 0; i < 20 && health(0) != HealthState::healthy; ++i) {  // as long as it is called, it is probed
    finish(once());
    run_for(1s);
  }
  EXPECT_EQ(health(0), HealthState::healthy) << address(0).to_string();
  EXPECT_EQ(address(0).connects, 2u);
  run_for(config.health.ramp);
  EXPECT_EQ(share_of_first(10), 5u);
}

// Regression: where a pool may have no other connection, and that one was silent, the pool slept until it would be given up, 15 s
// after the last byte, though the connection ended before and the server was there. (Found by ci/chaos black_hole.)
TEST_F(HealthTest, AServerThatStoodStillAndIsStartedAnewIsUsedAtOnce) {
  limits().connections_max = 1;
  connect_all();
  finish(once_each(2, 1));  // each has shown that it answers pings ahead of calls
  servers[0].pause();
  once_each(2, 0, {.timeout = 1min});
  run_for(5s);
  EXPECT_EQ(health(0), HealthState::suspect);
  EXPECT_EQ(address(0).silent, 1u);
  servers[0].start();
  run_for(100ms);
  EXPECT_EQ(health(0), HealthState::healthy) << address(0).to_string();
  EXPECT_EQ(address(0).connects, 2u);
  EXPECT_EQ(share_of_first(10), 5u);
}

// Regression: the same sleep, of an address in use that wanted one more connection than it may have: it lost another one, and
// made none in its place.
TEST_F(HealthTest, AConnectionThatIsLostBesideASilentOneIsReplacedAtOnce) {
  limits().connections_max = 2;
  limits().stream.window = 3;
  servers[0].config.handlers_per_connection_max = 2;
  servers[0].start();
  run_for(1us);
  pool().update_addresses({servers[0].address()});
  finish(once_each(2, 1));  // it has shown that it answers pings ahead of calls
  servers[0].takes = 1h;
  once_each(3, 0, {.timeout = 10min});  // of the first connection it reads nothing more, since none of its handlers ends
  run_for(kRoundTrip);
  servers[0].takes = 0s;
  for (int i = 0; i < 40; ++i) {  // and the second one lives
    once(150);
    run_for(100ms);
  }
  EXPECT_EQ(health(0), HealthState::healthy) << address(0).to_string();
  EXPECT_EQ(address(0).silent, 1u);
  run_for(1s);
  const std::vector<Asked> calls = once_each(4, 1000);  // one more than it has room for
  run_for(100ms);
  const std::vector<std::uint64_t> connections = world.fabric().connections_between(client_host(), servers[0].host);
  ASSERT_EQ(connections.size(), 2u);
  world.fabric().reset(connections.back());
  run_for(1500ms);
  EXPECT_EQ(calls.back().text(), "done by server 0") << address(0).to_string();
}

// Regression: an address that was probed had its calls' first connection asked, right behind the probe, whether it answers pings
// ahead of earlier calls, which two pings cannot tell; and not again for a second. A server that stood still within that second
// kept its calls until their deadlines, and got new ones. (Found by ci/chaos half_open.)
TEST_F(HealthTest, AServerThatStandsStillRightAfterItCameBackIsTakenOutOfUse) {
  connect_all();
  servers[0].kill();
  finish(once_each(2, 1));
  EXPECT_NE(health(0), HealthState::healthy);
  servers[0].start();
  EXPECT_TRUE(until_healthy(0));
  servers[0].runs.clear();
  while (servers[0].runs.empty()) finish(once(1));  // it is used again, of which it gets a tenth
  servers[0].pause();
  std::vector<Asked> stuck;
  for (int i = 0; i < 20; ++i) stuck.push_back(often(0, {.timeout = 1min}));
  run_for(4s);
  EXPECT_NE(health(0), HealthState::healthy) << address(0).to_string();
  for (const Asked& call : stuck) EXPECT_EQ(call.text(), "done by server 1");
}

TEST_F(HealthTest, AServerThatIsBackGetsFewCallsFirstAndItsShareLater) {
  config.pool.stream.hello = HelloMode::off;  // a server that closes is lost to such a pool
  connect_all();
  servers[0].kill();
  run_for(10s);
  servers[0].start();
  EXPECT_TRUE(until_healthy(0));
  EXPECT_EQ(address(0).share, 10u);
  // In the first fifth of the ramp it has between 10 and 28 parts where the other one has 100: of 100 calls, 9 to 22.
  const base::TimePoint until = world.now() + config.health.ramp / 5;
  const std::size_t before = servers[0].runs.size();
  std::size_t calls = 0;
  for (; world.now() < until; ++calls) {
    once();
    run_for(config.health.ramp / 500);
  }
  run_for(kRoundTrip);
  EXPECT_EQ(calls, 100u);
  EXPECT_GE(servers[0].runs.size() - before, 9u);
  EXPECT_LE(servers[0].runs.size() - before, 22u);
  run_for(config.health.ramp);
  EXPECT_EQ(address(0).share, 100u);
  EXPECT_EQ(share_of_first(100), 50u);
}

TEST_F(HealthTest, AServerThatOnlyLostAConnectionHasItsWholeShareAtOnce) {
  connect_all();
  const std::vector<Asked> calls = once_each(2, 1000);
  run_for(100ms);
  servers[0].start();  // dies with a call, and is back at once
  finish(calls);
  EXPECT_TRUE(until_healthy(0));
  EXPECT_EQ(address(0).share, 100u);
  EXPECT_EQ(share_of_first(10), 5u);
}

// The server closes a connection without a byte after 10 s: that one was not needed says nothing of the server.
TEST_F(HealthTest, AConnectionThatTheServerClosesBecauseNobodyUsedItIsNoTrouble) {
  finish(once());  // both are connected for it, and one of them is used
  run_for(15s);
  EXPECT_EQ(stats().ejections, 0u);
}

TEST_F(HealthTest, AnAddressInTroubleIsProbedWithoutACallThatWaitsForIt) {
  config.pool.stream.hello = HelloMode::off;  // a server that closes is lost to such a pool
  connect_all();
  servers[0].kill();
  run_for(5s);
  EXPECT_GE(address(0).failures, 4u);
  EXPECT_EQ(address(0).why, "connect: Connection refused");
  servers[0].start();
  run_for(limits().reconnect_max + 2 * kRoundTrip);
  EXPECT_EQ(health(0), HealthState::healthy);
}

}  // namespace
}  // namespace razor::test
