// When a ClientPool connects, grows, shrinks and connects again. Without a feature a test here counts other connections than
// it says, or waits for a call that never ends.

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

TEST_F(ClientPoolTest, NothingIsConnectedBeforeTheFirstCall) {
  pool();
  run_for(10s);
  EXPECT_EQ(stats().connects, 0u);
  EXPECT_EQ(connections(), 0u);
  EXPECT_EQ(client_host().connection_count(), 0u);
}

TEST_F(ClientPoolTest, ConnectsForTheFirstCallAndKeepsTheConnectionForTheNext) {
  const Asked first = once();
  finish(first);
  EXPECT_EQ(first.text(), "done by server 0");
  EXPECT_EQ(first.took(), 2 * kRoundTrip);
  const Asked second = once();
  finish(second);
  EXPECT_EQ(second.text(), "done by server 0");
  EXPECT_EQ(second.took(), kRoundTrip);
  EXPECT_EQ(stats().connects, 1u);
  EXPECT_EQ(connections(), 1u);
}

TEST_F(ClientPoolTest, MakesOneConnectionAtATime) {
  config.stream.window = 1;
  once_each(4, 1000);
  for (std::uint32_t made = 0; made < 4; ++made) {
    run_for(made == 0 ? kRoundTrip / 2 : kRoundTrip);
    EXPECT_EQ(stats().connects, made + 1);
    EXPECT_EQ(connections(), made);
  }
  run_for(kRoundTrip);
  EXPECT_EQ(stats().connects, 4u);
  EXPECT_EQ(connections(), 4u);
}

TEST_F(ClientPoolTest, GrowsOnlyWhenTheWindowsAreFullAndACallWaits) {
  config.stream.window = 3;
  once_each(3, 1000);
  run_for(500ms);
  EXPECT_EQ(stats().connects, 1u);
  once(1000);
  run_for(100ms);
  EXPECT_EQ(stats().connects, 2u);
  EXPECT_EQ(connections(), 2u);
  EXPECT_EQ(server().running, 4);
}

TEST_F(ClientPoolTest, GrowsUpToItsCap) {
  config.stream.window = 2;
  config.connections_max = 3;
  const std::vector<Asked> calls = once_each(30, 100);
  finish(calls);
  for (const Asked& call : calls) EXPECT_EQ(call.text(), "done by server 0");
  EXPECT_EQ(stats().connects, 3u);
  EXPECT_EQ(server().running_peak, 6);
}

TEST_F(ClientPoolTest, ConnectionsThatAreNotNeededAnyMoreAreClosed) {
  config.stream.window = 1;
  config.idle_timeout = 5s;
  finish(once_each(4, 100));
  EXPECT_EQ(connections(), 4u);
  for (int i = 0; i < 50; ++i) {  // one call at a time needs one connection
    finish(once());
    run_for(100ms);
  }
  EXPECT_EQ(connections(), 1u);
  EXPECT_EQ(stats().connects, 4u);
}

TEST_F(ClientPoolTest, AnIdleConnectionIsClosedAndMadeAnewWhenItIsNeeded) {
  config.idle_timeout = 5s;
  finish(once());
  run_for(5s - 2 * kTick);
  EXPECT_EQ(connections(), 1u);
  run_for(15s);
  EXPECT_EQ(connections(), 0u);
  EXPECT_EQ(client_host().connection_count(), 0u);
  const Asked later = once();
  finish(later);
  EXPECT_EQ(later.text(), "done by server 0");
  EXPECT_EQ(later.took(), 2 * kRoundTrip);
}

// CONTRACT 21. The tick that closes it finds the pool in use still, and connects anew: the call was submitted less than the
// idle timeout ago, and the connection is closed up to a tick before that is over.
TEST_F(ClientPoolTest, AnIdleConnectionIsClosedWithinTheIdleTimeoutAndNotReplaced) {
  config.idle_timeout = 5s;
  for (std::uint64_t calls = 1; calls <= 10; ++calls) {
    finish(once());
    run_for(5s);
    EXPECT_EQ(connections(), 0u);
    run_for(10s + 1ms);  // the next call begins at another moment between two ticks
    EXPECT_EQ(stats().connects, calls);
  }
}

TEST_F(ClientPoolTest, AConnectionThatCarriesACallIsNotIdle) {
  config.idle_timeout = 1s;
  const Asked call = once(10'000);
  finish(call);
  EXPECT_EQ(call.text(), "done by server 0");
  EXPECT_EQ(stats().connects, 1u);
}

TEST_F(ClientPoolTest, ALostConnectionIsReplacedWhileThePoolIsInUse) {
  config.idle_timeout = 5s;
  finish(once());
  server().start();  // its process dies, and another one begins
  run_for(10ms);
  EXPECT_EQ(stats().connects, 2u);
  EXPECT_EQ(connections(), 1u);
  const Asked next = once();
  finish(next);
  EXPECT_EQ(next.text(), "done by server 0");
  EXPECT_EQ(next.took(), kRoundTrip);
}

TEST_F(ClientPoolTest, AConnectionWithoutASignOfLifeIsReplaced) {
  finish(once());
  server().crash();
  const Asked lost = once(0, {.timeout = 30s});
  finish(lost);
  EXPECT_EQ(lost.text(), "connection_lost, ran: maybe");
  EXPECT_EQ(lost.took(), config.stream.ping_interval + config.stream.ping_timeout);
  server().restart();
  const Asked next = once(0, {.timeout = 30s});
  finish(next);
  EXPECT_EQ(next.text(), "done by server 0");
}

// CONTRACT 30.
TEST_F(ClientPoolTest, AServerThatAcceptsAndHangsUpIsNotHammered) {
  server().start(TestServer::Manner::hangs_up);
  const Asked call = often(0, {.timeout = 10min});
  for (int minute = 0; minute < 5; ++minute) {
    const std::size_t before = server().accepted.size();
    run_for(1min);
    EXPECT_LE(server().accepted.size() - before, config.connects_per_minute_max);
    EXPECT_GE(server().accepted.size() - before, 59u);  // and it is not given up: no pause is longer than a second
  }
  EXPECT_EQ(stats().attempts, 1u);  // on the first connection; the others did not answer the ping
  EXPECT_EQ(call.text(), "under way");
}

TEST_F(ClientPoolTest, AServerThatHungUpIsUsedOnceItServes) {
  server().start(TestServer::Manner::hangs_up);
  const Asked call = often(0, {.timeout = 10min});
  run_for(20s);
  EXPECT_EQ(call.text(), "under way");
  server().start(TestServer::Manner::serves);
  run_for(2s);
  EXPECT_EQ(call.text(), "done by server 0");
}

// Its hanging up was taken for what a peer does that does not know hellos, and it was spoken to plainly for ten minutes.
TEST_F(ClientPoolTest, AServerThatHungUpIsGreetedAgainOnceItServes) {
  server().start(TestServer::Manner::hangs_up);
  const Asked call = often(0, {.timeout = 10min});
  run_for(20s);
  server().start(TestServer::Manner::serves);
  run_for(2s);
  EXPECT_EQ(call.text(), "done by server 0");
  run_for(10s);
  server().kill();
  server().start();
  run_for(100ms);  // the plain connection is lost
  const std::vector<MetadataItem> needs_hello = {{"tenant", "acme"}};
  const Asked next = often(0, {.metadata = needs_hello});
  finish(next);
  EXPECT_EQ(next.text(), "done by server 0") << next.message();
}

TEST_F(ClientPoolTest, AServerThatDoesNotAnswerTheProbeIsNotUsed) {
  server().kill();
  const Asked call = once(0, {.timeout = 1min});
  run_for(100ms);  // refused
  server().start(TestServer::Manner::is_mute);
  run_for(20s);
  EXPECT_GE(server().accepted.size(), 2u);
  EXPECT_EQ(call.text(), "under way");
  EXPECT_EQ(connections(), 0u);
  EXPECT_EQ(stats().attempts, 0u);
  EXPECT_NE(address(0).health, HealthState::healthy);
  EXPECT_EQ(address(0).why, "connected, and no answer to a ping within 1 s");
  server().start(TestServer::Manner::serves);
  finish(call);
  EXPECT_EQ(call.text(), "done by server 0");
}

TEST_F(ClientPoolTest, AnAddressThatNobodyNeedsIsNotProbedForEver) {
  config.idle_timeout = 5s;
  server().kill();
  once(0, {.timeout = 1s});
  run_for(10s);
  const std::uint64_t connects = stats().connects;
  run_for(10min);
  EXPECT_EQ(stats().connects, connects);
  server().start();
  const Asked call = once(0, {.timeout = 5s});
  finish(call);
  EXPECT_EQ(call.text(), "done by server 0");
}

}  // namespace
}  // namespace razor::test
