// Calls that are sent to a second server when the first one takes long.

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

/// The first server is slow, and asked first.
class HedgingTest : public FailoverPoolTest {
 protected:
  HedgingTest() {
    config.hedge_after = 100ms;
    config.health.timeouts_max = 0;
  }
  void prepare() {
    connect_all();
    servers[0].takes = 1min;
    if (next_goes_to() != 0) finish(once());
    for (TestServer& server : servers) server.runs.clear();
  }
  std::uint64_t hedges() { return stats().hedges; }
  std::uint64_t hedges_won() { return stats().hedges_won; }

 private:
  // After an even number of calls round robin begins again.
  std::size_t next_goes_to() {
    const Asked call = once(0, {.timeout = 50ms});
    finish(call);
    return call.text() == "done by server 1" ? 0 : 1;
  }
};

TEST_F(HedgingTest, AnotherServerIsAskedWhenTheFirstTakesLongAndItsAnswerCounts) {
  prepare();
  const Asked call = often();
  run_for(99ms);
  EXPECT_EQ(servers[0].runs.size(), 1u);
  EXPECT_EQ(servers[1].runs.size(), 0u);
  finish(call);
  EXPECT_EQ(call.text(), "done by server 1");
  EXPECT_EQ(call.took(), 100ms + kRoundTrip);
  EXPECT_EQ(hedges(), 1u);
  EXPECT_EQ(hedges_won(), 1u);
  EXPECT_EQ(stats().retries, 0u);
}

TEST_F(HedgingTest, TheFirstAnswerCountsAlsoWhenItIsThatOfTheFirstServer) {
  prepare();
  servers[0].takes = 200ms;
  servers[1].takes = 1min;
  const Asked call = often();
  finish(call);
  EXPECT_EQ(call.text(), "done by server 0");
  EXPECT_EQ(hedges(), 1u);
  EXPECT_EQ(hedges_won(), 0u);
}

TEST_F(HedgingTest, TheAnswerOfTheLoserIsIgnored) {
  prepare();
  servers[0].takes = 1s;
  const Asked call = often();
  finish(call);
  EXPECT_EQ(call.text(), "done by server 1");
  EXPECT_EQ(state().in_flight, 0u);
  EXPECT_EQ(state().bytes, 0u);
  EXPECT_EQ(address(0).in_flight, 1u);  // its place in the window is taken until the answer comes
  run_for(1s);
  EXPECT_EQ(address(0).in_flight, 0u);
  EXPECT_EQ(call.completions(), 1);
  EXPECT_EQ(stats().calls_answered, stats().calls_submitted - stats().calls_failed_total());
}

TEST_F(HedgingTest, AQuickAnswerMakesNoHedge) {
  prepare();
  servers[0].takes = 50ms;
  const Asked call = often();
  finish(call);
  run_for(1s);
  EXPECT_EQ(call.text(), "done by server 0");
  EXPECT_EQ(hedges(), 0u);
  EXPECT_EQ(servers[1].runs.size(), 0u);
}

TEST_F(HedgingTest, OnlyIdempotentCallsAreHedged) {
  prepare();
  const Asked call = once(0, {.timeout = 5s, .hedge_after = 10ms});
  finish(call);
  EXPECT_EQ(call.text(), "deadline_exceeded, ran: maybe");
  EXPECT_EQ(hedges(), 0u);
  EXPECT_EQ(servers[1].runs.size(), 0u);
}

TEST_F(HedgingTest, OptionsOfACallSayAfterWhatTime) {
  config.hedge_after = 0s;
  prepare();
  const Asked call = often(0, {.hedge_after = 30ms});
  finish(call);
  EXPECT_EQ(call.text(), "done by server 1");
  EXPECT_EQ(call.took(), 30ms + kRoundTrip);
}

TEST_F(HedgingTest, WithoutATimeThereAreNoHedges) {
  config.hedge_after = 0s;
  prepare();
  const Asked call = often(0, {.timeout = 5s});
  finish(call);
  EXPECT_EQ(call.text(), "deadline_exceeded, ran: maybe");
  EXPECT_EQ(hedges(), 0u);
}

TEST_F(HedgingTest, TwoServersAreAskedAndNoMore) {
  prepare();
  servers[1].takes = 1min;
  const Asked call = often(0, {.timeout = 5s});
  finish(call);
  EXPECT_EQ(call.text(), "deadline_exceeded, ran: maybe");
  EXPECT_EQ(hedges(), 1u);
  EXPECT_EQ(servers[0].runs.size(), 1u);
  EXPECT_EQ(servers[1].runs.size(), 1u);
}

TEST_F(HedgingTest, AFailureOfOneLeavesTheOther) {
  prepare();
  servers[1].takes = 300ms;
  const Asked call = often();
  run_for(200ms);
  servers[0].kill();
  finish(call);
  EXPECT_EQ(call.text(), "done by server 1");
  EXPECT_EQ(call.took(), 400ms + kRoundTrip);
  EXPECT_EQ(servers[1].runs.size(), 1u);
  EXPECT_EQ(stats().retries, 0u);
}

TEST_F(HedgingTest, HedgesStayWithinTheBudget) {
  limits().retry.budget_burst = 3;
  limits().retry.budget_percent = 0;
  prepare();
  std::vector<Asked> calls;
  for (int i = 0; i < 20; ++i) calls.push_back(often(0, {.timeout = 1s}));
  finish(calls);
  EXPECT_EQ(hedges(), 3u);
  EXPECT_EQ(servers[0].runs.size(), 10u);
  EXPECT_EQ(servers[1].runs.size(), 10u + 3u);
}

TEST_F(HedgingTest, AttemptsAndHedgesTogetherStayWithinTheLimitOfRetries) {
  limits().retry.limit = 1;
  prepare();
  servers[1].takes = 1min;
  const Asked call = often(0, {.timeout = 5s});
  run_for(150ms);
  EXPECT_EQ(hedges(), 1u);
  servers[0].kill();
  servers[1].kill();
  finish(call);
  EXPECT_EQ(call.text(), "connection_lost, ran: maybe");
  EXPECT_EQ(stats().retries, 0u);
}

// The second server of a pool with a leader has no connection, and nothing makes one.
TEST_F(HedgingTest, CallsOnALeaderAreHedgedToo) {
  config.balance = Balance::leader;
  servers[0].takes = 1min;
  const Asked call = often(0, {.timeout = 5s});
  finish(call);
  EXPECT_EQ(call.text(), "done by server 1");
}

// The swarm found it: the hedge's timer is looked at as soon as a host wakes, deadlines with the next tick. Another server was
// asked for what nobody could use any more.
TEST_F(HedgingTest, NobodyIsAskedBehindTheDeadlineWhenTheHostWakes) {
  limits().stream.tick = 10s;
  prepare();
  const Asked call = often(0, {.timeout = 300ms});
  run_for(50ms);
  client_host().pause();
  run_for(500ms);
  client_host().resume();
  run_for(20s);
  EXPECT_EQ(call.text(), "deadline_exceeded, ran: maybe");
  EXPECT_EQ(hedges(), 0u);
  EXPECT_EQ(servers[1].runs.size(), 0u);
}

}  // namespace
}  // namespace razor::test
