// Which server of a FailoverPool gets a call: in turn, the leader, the less busy one; and where a call goes that failed.

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

class ThreeServersTest : public FailoverPoolTest {
 protected:
  ThreeServersTest() : FailoverPoolTest(3) {}
};

TEST_F(FailoverPoolTest, NothingIsConnectedBeforeTheFirstCall) {
  pool();
  run_for(10s);
  EXPECT_EQ(stats().connects, 0u);
}

// --- In turn ---------------------------------------------------------------------------------------------------------

TEST_F(ThreeServersTest, RoundRobinSharesExactly) {
  connect_all();
  finish(once_each(30));
  for (const TestServer& server : servers) EXPECT_EQ(server.runs.size(), 10u);
  for (int i = 0; i < 30; ++i) finish(once());
  for (const TestServer& server : servers) EXPECT_EQ(server.runs.size(), 20u);
}

TEST_F(FailoverPoolTest, RoundRobinPassesOverAServerWhoseWindowIsFull) {
  limits().stream.window = 2;
  limits().connections_max = 1;
  connect_all();
  servers[0].takes = 10s;
  for (int i = 0; i < 20; ++i) {
    once();
    run_for(10ms);
  }
  EXPECT_EQ(servers[0].runs.size(), 2u);
  EXPECT_EQ(servers[1].runs.size(), 18u);
}

TEST_F(FailoverPoolTest, CallsGoToTheOtherServerWhileOneIsDown) {
  connect_all();
  servers[0].kill();
  run_for(100ms);
  const std::vector<Asked> calls = once_each(10);
  finish(calls);
  for (const Asked& call : calls) EXPECT_EQ(call.text(), "done by server 1");
}

TEST_F(FailoverPoolTest, ACallDoesNotWaitForAServerThatDoesNotReactWhileAnotherIsThere) {
  servers[0].crash();
  const std::vector<Asked> calls = once_each(10, 0, {.timeout = 1s});
  finish(calls);
  for (const Asked& call : calls) {
    EXPECT_EQ(call.text(), "done by server 1");
    EXPECT_EQ(call.took(), 2 * kRoundTrip);
  }
}

// --- The leader ------------------------------------------------------------------------------------------------------

TEST_F(ThreeServersTest, AllCallsGoToTheFirstServerWithBalanceLeader) {
  config.balance = Balance::leader;
  finish(once_each(20));
  EXPECT_EQ(servers[0].runs.size(), 20u);
  EXPECT_EQ(stats().connects, 1u);
  EXPECT_TRUE(address(0).leads);
}

TEST_F(ThreeServersTest, WhenTheLeaderFailsTheNextOneLeadsAndGoesOnLeading) {
  config.balance = Balance::leader;
  finish(once());
  servers[0].kill();
  run_for(100ms);
  const std::vector<Asked> second = once_each(10);
  finish(second);
  EXPECT_EQ(servers[1].runs.size(), 10u);
  servers[0].start();
  run_for(10s);
  EXPECT_EQ(address(0).health, HealthState::healthy);  // it could lead again
  finish(once_each(10));
  EXPECT_EQ(servers[1].runs.size(), 20u);
  EXPECT_EQ(servers[2].runs.size(), 0u);
  EXPECT_TRUE(address(1).leads);
}

TEST_F(ThreeServersTest, AfterTheLastLeaderTheFirstIsNext) {
  config.balance = Balance::leader;
  finish(once());
  for (const std::size_t leader : {0u, 1u, 2u}) {
    servers[leader].kill();
    run_for(100ms);
    const Asked call = once();
    if (leader == 2) servers[0].start();
    finish(call);
    EXPECT_EQ(call.text(), fmt::format("done by server {}", (leader + 1) % 3));
  }
}

// Nothing connects to the other one: such a call waits until its deadline.
TEST_F(FailoverPoolTest, AnIdempotentCallThatALeaderInOrderHasLostGoesToAnother) {
  config.balance = Balance::leader;
  limits().retry.backoff_min = limits().retry.backoff_max = 100ms;
  finish(once());
  servers[0].dies_on_calls = true;
  servers[0].dies_so_often = 1;
  const Asked call = often(0, {.timeout = 5s});
  finish(call);
  EXPECT_EQ(call.text(), "done by server 1");
}

TEST_F(FailoverPoolTest, AnIdempotentCallThatTheLeaderAnsweredWithAFailureGoesToAnother) {
  config.balance = Balance::leader;
  finish(once());
  servers[0].fails = true;
  const Asked call = often(0, {.timeout = 5s});
  finish(call);
  EXPECT_EQ(call.text(), "done by server 1");
}

// --- The less busy ---------------------------------------------------------------------------------------------------

TEST_F(FailoverPoolTest, LeastInFlightPrefersTheIdleServerWhenTheOtherIsSlow) {
  config.balance = Balance::least_in_flight;
  connect_all();
  servers[0].takes = 1min;
  for (int i = 0; i < 50; ++i) {
    once(0, {.timeout = 5min});
    run_for(10ms);
  }
  EXPECT_EQ(servers[0].runs.size(), 1u);  // of two, the other one is always less busy
  EXPECT_EQ(servers[1].runs.size(), 49u);
}

TEST_F(FailoverPoolTest, LeastInFlightUsesBothWhenBothWork) {
  config.balance = Balance::least_in_flight;
  connect_all();
  finish(once_each(20, 100));
  EXPECT_EQ(servers[0].runs.size(), 10u);
  EXPECT_EQ(servers[1].runs.size(), 10u);
}

// --- Calls that failed -----------------------------------------------------------------------------------------------

TEST_F(FailoverPoolTest, ARetryGoesToAnotherServer) {
  connect_all();
  for (TestServer& server : servers) {
    server.dies_on_calls = true;
    server.dies_so_often = 1;
  }
  const Asked call = often();
  finish(call);
  EXPECT_EQ(servers[0].runs.size() + servers[1].runs.size(), 3u);  // both died, then one of them did it
  EXPECT_GE(servers[0].runs.size(), 1u);
  EXPECT_GE(servers[1].runs.size(), 1u);
}

TEST_F(FailoverPoolTest, ARetryOfAnErrorThatTheServerAnswersGoesToAnotherServer) {
  connect_all();
  servers[0].fails = true;
  for (int i = 0; i < 10; ++i) {
    const Asked call = often();
    finish(call);
    EXPECT_EQ(call.text(), "done by server 1");
  }
  EXPECT_EQ(stats().retries, servers[0].runs.size());
  EXPECT_EQ(servers[0].runs.size(), 5u);
}

TEST_F(FailoverPoolTest, ARetryGoesToTheSameServerWhenNoOtherIsHealthy) {
  connect_all();
  servers[1].kill();
  run_for(100ms);
  servers[0].dies_on_calls = true;
  servers[0].dies_so_often = 1;
  const Asked call = often();
  finish(call);
  EXPECT_EQ(call.text(), "done by server 0");
  EXPECT_EQ(servers[0].runs.size(), 2u);
}

// CONTRACT 12.
TEST_F(FailoverPoolTest, ACallThatIsNotIdempotentIsNotSentToAnotherServerWhenItMayHaveRun) {
  connect_all();
  for (TestServer& server : servers) server.dies_on_calls = true;
  const Asked call = once();
  finish(call);
  EXPECT_EQ(call.text(), "connection_lost, ran: maybe");
  EXPECT_EQ(servers[0].runs.size() + servers[1].runs.size(), 1u);
}

// CONTRACT 15.
TEST_F(FailoverPoolTest, ACallThatWasNeverSentMovesToAnotherServer) {
  config.balance = Balance::leader;
  finish(once());
  servers[0].pause();
  const Asked sent = once();  // not read: its server's death is heard as a reset
  run_for(100ms);
  client_host().pause();
  const Asked unsent = once();
  servers[0].kill();
  run_for(100ms);
  client_host().resume();
  finish(sent, unsent);
  EXPECT_EQ(sent.text(), "connection_lost, ran: maybe");
  EXPECT_EQ(unsent.text(), "done by server 1");
  EXPECT_EQ(stats().moves, 1u);
  EXPECT_EQ(stats().retries, 0u);
}

// CONTRACT 29.
TEST_F(FailoverPoolTest, WhenAllServersAreDownCallsWaitForOne) {
  connect_all();
  for (TestServer& server : servers) server.kill();
  run_for(10ms);
  const Asked call = once();
  run_for(5s);
  EXPECT_EQ(call.text(), "under way");
  servers[1].start();
  finish(call);
  EXPECT_EQ(call.text(), "done by server 1");
}

TEST_F(FailoverPoolTest, WithFailFastCallsFailOnlyWhenAllServersAreDown) {
  limits().fail_fast = true;
  connect_all();
  servers[0].kill();
  run_for(100ms);
  const Asked first = once();
  finish(first);
  EXPECT_EQ(first.text(), "done by server 1");
  servers[1].kill();
  run_for(100ms);
  const Asked second = once();
  finish(second);
  EXPECT_EQ(second.text(), "unreachable, ran: no");
  EXPECT_EQ(second.took(), 0s);
}

}  // namespace
}  // namespace razor::test
