// A connection that took no more calls, because too many on it had timed out in a row, was not counted against the cap while
// others were still under way on it: with a cap of one and a server that hung, each round of timeouts left one more socket
// open, four of them at a time. To cut them would have left calls `maybe` that might still be answered. At the cap the
// connection that is there is asked for a sign of life instead, and used again when it gives one.

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

// One address, which a FailoverPool takes out of use when calls time out.
class BeyondTheCap : public FailoverPoolTest {
 protected:
  BeyondTheCap() : FailoverPoolTest(1) {
    limits().connections_max = 1;
    limits().stream.window = 100;
  }
  TestServer& server() { return servers[0]; }
  /// Event by event, so that no moment is missed.
  void watch_for(base::Duration span) {
    const base::TimePoint end = world.now() + span;
    run_until(
        [&] {
          sockets_peak = std::max(sockets_peak, client_host().connection_count());
          return world.now() >= end;
        },
        span + 1s);
  }
  /// The address goes out of use, with what there is under way.
  void time_out() {
    once_each(5, 0, {.timeout = 500ms});
    watch_for(500ms + kTick);
    EXPECT_NE(address(0).health, HealthState::healthy);
  }

  std::size_t sockets_peak = 0;
};

TEST_F(BeyondTheCap, AServerThatHangsHasNoMoreConnectionsThanTheCap) {
  server().takes = 1h;
  for (int round = 0; round < 8; ++round) {
    once_each(5, 0, {.timeout = 500ms});
    once(0, {.timeout = 10s});  // is under way still when the others have timed out
    watch_for(1500ms);
  }
  EXPECT_GE(stats().ejections, 3u);
  watch_for(15s);
  EXPECT_EQ(sockets_peak, 1u);
}

TEST_F(BeyondTheCap, ACallIsAnsweredThoughItsAddressWentOutOfUseMeanwhile) {
  const Asked slow = once(3000);
  run_for(100ms);
  server().takes = 1h;
  time_out();
  watch_for(5s);
  EXPECT_EQ(slow.text(), "done by server 0");
  EXPECT_EQ(stats().connects, 1u);
  EXPECT_EQ(sockets_peak, 1u);
}

TEST_F(BeyondTheCap, AConnectionThatGivesASignOfLifeIsUsedAgain) {
  once(1'000'000, {.timeout = 10min});
  run_for(100ms);
  server().takes = 1h;
  time_out();
  server().takes = 0s;
  watch_for(1s);
  EXPECT_EQ(address(0).health, HealthState::healthy);
  const Asked next = once();
  finish(next);
  EXPECT_EQ(next.text(), "done by server 0");
  EXPECT_EQ(stats().connects, 1u);
}

TEST_F(BeyondTheCap, AConnectionThatGivesNoneIsReplacedWhenItHasEnded) {
  const Asked lost = once(1'000'000, {.timeout = 10min});
  run_for(100ms);
  server().takes = 1h;
  time_out();
  server().takes = 0s;
  server().crash();
  const Asked next = once(0, {.timeout = 30s});
  watch_for(5s);
  EXPECT_EQ(lost.text(), "connection_lost, ran: maybe");
  server().restart();
  watch_for(2s);
  EXPECT_EQ(next.text(), "done by server 0");
  EXPECT_EQ(sockets_peak, 1u);
}

TEST_F(BeyondTheCap, AProcessThatStandsStillGetsNoSecondConnection) {
  const std::vector<Asked> lost = once_each(3, 1000, {.timeout = 10s});
  run_for(100ms);
  server().pause();
  const Asked next = once(0, {.timeout = 1min});
  watch_for(20s);
  EXPECT_EQ(sockets_peak, 1u);
  server().resume();
  watch_for(2s);
  EXPECT_EQ(next.completions(), 1);
  const Asked last = once();
  finish(last);
  EXPECT_EQ(last.text(), "done by server 0");
}

TEST_F(BeyondTheCap, OneThatNobodyWaitsForIsEndedAtOnce) {
  {
    auto given_up = client({.timeout = 10min}).once(next_id(), 1'000'000);
    run_for(100ms);
    server().takes = 1h;
    time_out();
  }
  server().takes = 0s;
  watch_for(200ms);
  EXPECT_EQ(address(0).health, HealthState::healthy);
  EXPECT_EQ(stats().connects, 2u);
  EXPECT_EQ(sockets_peak, 1u);
}

// The ping that asks it waits behind calls that are not answered, and those of the connection itself do not.
TEST_F(BeyondTheCap, AFullWindowKeepsNoConnectionFromShowingASignOfLife) {
  limits().connections_max = 2;
  limits().stream.window = 2;
  const std::vector<Asked> calls = once_each(4, 4000);
  run_for(100ms);
  const std::vector<std::uint64_t> numbers = world.fabric().connections_between(client_host(), server().host);
  ASSERT_EQ(numbers.size(), 2u);
  ASSERT_TRUE(world.fabric().reset(numbers[0]));
  run_for(10ms);
  EXPECT_NE(address(0).health, HealthState::healthy);
  watch_for(limits().probe_timeout);
  EXPECT_EQ(address(0).health, HealthState::healthy);
  EXPECT_EQ(address(0).failures, 0u);
  EXPECT_EQ(stats().connects, 2u);
  finish(calls);
  EXPECT_EQ(sockets_peak, 1u);
}

class BeyondTheCapOfEach : public FailoverPoolTest {};

TEST_F(BeyondTheCapOfEach, AnAddressThatIsListedAgainIsUsedOverTheConnectionItHas) {
  limits().connections_max = 1;
  connect_all();
  const std::vector<Asked> slow = once_each(2, 5000);
  run_for(100ms);
  pool().update_addresses({servers[1].address()});
  run_for(100ms);
  EXPECT_EQ(client_host().connection_count(), 2u);
  pool().update_addresses({servers[0].address()});
  const Asked next = once();
  finish(next);
  EXPECT_EQ(next.text(), "done by server 0");
  EXPECT_EQ(client_host().connection_count(), 2u);
  EXPECT_EQ(stats().connects, 2u);
  finish(slow);
  for (const Asked& call : slow) EXPECT_NE(call.text().find("done by"), std::string::npos) << call.message();
}

}  // namespace
}  // namespace razor::test
