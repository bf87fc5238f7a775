// A pool that wanted one more connection to an address, and did not get it, took the whole address out of use and gave up
// the connections that worked: a server at the limit of its accept queue, or of its descriptors, lost the clients that it
// was serving. What works goes on now, and growing is tried again after a back-off of its own.

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

class GrowthThatFails : public ClientPoolTest {
 protected:
  GrowthThatFails() { config.stream.window = 2; }
  void serve(TestServer::Manner as) {
    server().kill();
    server().start(as);
    run_for(10ms);
  }
  /// Calls of 100 ms, so many at a time, each of which must succeed.
  void call_for(base::Duration span, int at_a_time) {
    const base::TimePoint end = world.now() + span;
    while (world.now() < end) {
      const std::vector<Asked> calls = once_each(at_a_time, 100);
      finish(calls);
      for (const Asked& call : calls) ASSERT_EQ(call.text(), "done by server 0") << call.message();
    }
  }
};

TEST_F(GrowthThatFails, WhatWorksGoesOnWhenMoreIsRefused) {
  serve(TestServer::Manner::serves_one);
  call_for(60s, 10);
  EXPECT_EQ(stats().ejections, 0u);
  EXPECT_EQ(connections(), 1u);
  EXPECT_EQ(address(0).why, "connect: Connection refused");
  // It is tried again and again, at a pace that slows down.
  EXPECT_GE(stats().connects_failed, 30u);
  EXPECT_LE(stats().connects, config.connects_per_minute_max);
}

TEST_F(GrowthThatFails, WhatWorksGoesOnWhenMoreIsNotAccepted) {
  // One more fits into the queue of those that wait to be accepted.
  serve(TestServer::Manner::accepts_one);
  finish(once());
  sim::Host& other = world.host("other");
  other.start([&](Runtime& runtime) -> Task<void> {
    struct Connecting {
      static Task<void> run(Runtime& from, Address to) {
        const auto stream = co_await from.network().connect(to);
        EXPECT_TRUE(stream.ok());
        co_await from.clock().sleep_until(base::TimePoint::max());
      }
    };
    return Connecting::run(runtime, server().address());
  });
  run_for(10ms);
  call_for(20s, 10);
  EXPECT_EQ(stats().ejections, 0u);
  EXPECT_EQ(connections(), 1u);
  EXPECT_GE(stats().connects_failed, 10u);
}

TEST_F(GrowthThatFails, ItGrowsWhenItCanAgain) {
  config.connections_max = 3;
  serve(TestServer::Manner::serves_one);
  call_for(10s, 10);
  EXPECT_EQ(connections(), 1u);
  serve(TestServer::Manner::serves);
  run_for(2s);
  call_for(5s, 10);
  EXPECT_EQ(connections(), 3u);
}

// It does not wait for the moment when it would have tried to grow.
TEST_F(GrowthThatFails, AConnectionThatIsLostIsReplacedAtOnce) {
  serve(TestServer::Manner::serves_one);
  call_for(20s, 10);
  const std::vector<Asked> calls = once_each(4, 10'000, {.idempotent = true});
  run_for(1ms);
  serve(TestServer::Manner::serves);
  run_for(50ms);
  EXPECT_GE(connections(), 1u);
  EXPECT_EQ(address(0).health, HealthState::healthy);
  finish(calls);
  for (const Asked& call : calls) EXPECT_EQ(call.text(), "done by server 0") << call.message();
}

TEST_F(GrowthThatFails, WithoutAnyConnectionTheAddressIsDown) {
  serve(TestServer::Manner::serves_one);
  call_for(1s, 10);
  once_each(4, 10'000);
  run_for(1s);
  server().kill();
  run_for(1s);
  EXPECT_NE(address(0).health, HealthState::healthy);
  EXPECT_EQ(connections(), 0u);
}

}  // namespace
}  // namespace razor::test
