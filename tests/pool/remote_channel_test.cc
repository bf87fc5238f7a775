// A RemoteChannel in simulation: two runtimes of one host, in virtual time. What takes real threads is in
// tests/api/pool_on_threads_test.cc.
//
// Fails when a call's deadline stays behind on the caller's side, or its queue has no bound.

#include <gtest/gtest.h>

#include "tests/scenarios/pool_load.h"

namespace razor::test {
namespace {

class RemoteChannelTest : public ::testing::Test {
 protected:
  ~RemoteChannelTest() override { world.fabric().kill_all(); }

  // A caller on a runtime of its own, whose calls take a minute at the server.
  struct Caller {
    static Task<void> call(Runtime& home, Runtime& network, Address server, faults::Ledger& ledger, RemoteChannelTest& test,
                           int count, stream::RemoteChannelConfig limits) {
      FailoverPoolConfig config;
      config.pool.stream.tick = 10ms;
      FailoverPool pool(network, std::vector<Address>(1, server), config);
      RemoteChannel remote(home, pool, limits);
      CallOptions options;
      options.deadline = home.clock().now() + 1s;
      options.timeout = 50s;
      const Client<Work> client = Client<Work>(remote).with(options);
      const base::TimePoint begun = home.clock().now();
      std::vector<ClientCall<Product, std::string>> calls;
      for (int i = 0; i < count; ++i) {
        Order order = order_of(60'000, "");
        note_submitted(ledger, order, {.name = "Work.once", .caller = this_host(), .timeout = 1s});
        calls.push_back(client.once(order));
      }
      for (auto& one : calls) {
        const Reply<Product, std::string> reply = co_await std::move(one);
        test.took = home.clock().now() - begun;
        if (reply.has_call_error()) test.ends.push_back(reply.call_error());
      }
      co_await pool.close(0s);
    }
  };

  void call(int count, stream::RemoteChannelConfig limits = {}) {
    sim::Host& host = world.host("caller");
    const Address server = cluster.address("server0");
    host.start([=, this, &host](Runtime& home) {
      return Caller::call(home, host.add_runtime(), server, ledger, *this, count, limits);
    });
    world.run_for(1min);
  }

  sim::World world{7};
  faults::Ledger ledger{world};
  Cluster cluster{world, ledger, 1};
  std::vector<CallError> ends;
  Duration took{};
};

TEST_F(RemoteChannelTest, ADeadlineHoldsOnTheOtherRuntimeToo) {
  call(1);
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].errc(), Errc::deadline_exceeded) << ends[0].message();
  EXPECT_EQ(ends[0].ran(), Ran::maybe);
  EXPECT_GE(took, 1s);
  EXPECT_LE(took, 1s + 10ms);
}

TEST_F(RemoteChannelTest, WhatIsOnItsWayIsBounded) {
  call(10, {.queue_calls_max = 4});
  ASSERT_EQ(ends.size(), 10u);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(ends[static_cast<std::size_t>(i)].errc(), i < 4 ? Errc::deadline_exceeded : Errc::overloaded);
    EXPECT_EQ(ends[static_cast<std::size_t>(i)].ran(), i < 4 ? Ran::maybe : Ran::no);
  }
}

}  // namespace
}  // namespace razor::test
