// What a ClientPool does with calls: those that wait, those that were never sent, those whose callers go away.

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

using Awaited = ClientCall<int, NoError>;

/// A caller that awaits a call, and may be destroyed.
struct Caller {
  static Task<void> wait(Awaited call, std::optional<int>& result) {
    const Reply<int> reply = co_await std::move(call);
    EXPECT_TRUE(reply.ok());
    result = reply.ok() ? *reply : -1;
  }
};

// --- Never sent ------------------------------------------------------------------------------------------------------

TEST_F(ClientPoolTest, ACallWaitsForAServerThatIsDownAndGoesToItWhenItIsBack) {
  server().kill();
  const Asked call = once();
  run_for(5s);
  EXPECT_EQ(call.text(), "under way");
  server().start();
  run_for(1s + 10 * kRoundTrip);
  EXPECT_EQ(call.text(), "done by server 0");
  EXPECT_EQ(stats().attempts, 1u);
  EXPECT_EQ(stats().retries, 0u);
}

TEST_F(ClientPoolTest, ACallThatWasHandedToADeadConnectionAndNotSentMovesToAnother) {
  finish(once());
  server().pause();
  const Asked sent = once();  // not read: its server's death is heard as a reset
  run_for(100ms);
  client_host().pause();      // it does not hear it yet
  const Asked unsent = once();
  server().start();           // the process dies, and another one begins
  run_for(100ms);
  client_host().resume();
  finish(sent, unsent);
  EXPECT_EQ(sent.text(), "connection_lost, ran: maybe");
  EXPECT_EQ(unsent.text(), "done by server 0");
  EXPECT_EQ(stats().moves, 1u);
  EXPECT_EQ(stats().retries, 0u);
  EXPECT_EQ(server().runs.size(), 2u);
}

// --- Limits ----------------------------------------------------------------------------------------------------------

TEST_F(ClientPoolTest, MoreCallsThanMayWaitFailAtOnce) {
  config.queue_calls_max = 2;
  config.stream.window = 1;
  config.connections_max = 1;
  const std::vector<Asked> two = once_each(2);  // they wait for the connection
  const Asked third = once();
  EXPECT_EQ(third.text(), "under way");  // never inside of the submission
  run_for(1us);
  EXPECT_EQ(third.text(), "overloaded, ran: no");
  EXPECT_EQ(state().waiting, 2u);
  finish(two);
  for (const Asked& call : two) EXPECT_EQ(call.text(), "done by server 0");
  const Asked fourth = once();
  finish(fourth);
  EXPECT_EQ(fourth.text(), "done by server 0");
}

TEST_F(ClientPoolTest, CallsOfMoreBytesThanMayBeKeptFailAtOnce) {
  config.bytes_max = 1000;
  const Asked first = refused(std::string(600, 'a'));
  EXPECT_GT(state().bytes, 600u);
  const Asked second = refused(std::string(600, 'b'));
  const Asked small = refused("c");
  run_for(1us);
  EXPECT_EQ(second.text(), "overloaded, ran: no");
  finish(first, small);
  EXPECT_EQ(first.text(), "error of the handler: " + std::string(600, 'a'));
  EXPECT_EQ(small.text(), "error of the handler: c");
  EXPECT_EQ(state().bytes, 0u);
}

TEST_F(ClientPoolTest, TheOnlyCallMayBeLargerThanTheLimitOfBytes) {
  config.bytes_max = 100;
  const Asked large = refused(std::string(5000, 'a'));
  finish(large);
  EXPECT_EQ(large.text(), "error of the handler: " + std::string(5000, 'a'));
}

TEST_F(ClientPoolTest, WhatIsTooLargeForTheProtocolFailsAlone) {
  config.stream.limits.msg_bytes_max = 100;
  const Asked large = refused(std::string(200, 'a'));
  const Asked small = refused("b");
  finish(large, small);
  EXPECT_EQ(large.text(), "too_large, ran: no");
  EXPECT_EQ(small.text(), "error of the handler: b");
}

// --- fail_fast -------------------------------------------------------------------------------------------------------

TEST_F(ClientPoolTest, WithFailFastCallsFailWhenConnectingFails) {
  config.fail_fast = true;
  server().kill();
  const Asked first = once();
  finish(first);
  EXPECT_EQ(first.text(), "unreachable, ran: no");
  EXPECT_EQ(first.took(), kRoundTrip);
  const Asked second = once();  // the address is known to be down
  finish(second);
  EXPECT_EQ(second.text(), "unreachable, ran: no");
  EXPECT_EQ(second.took(), 0ms);
}

TEST_F(ClientPoolTest, WithFailFastCallsSucceedSoonAfterTheServerIsBack) {
  config.fail_fast = true;
  server().kill();
  once();
  run_for(10s);
  server().start();
  run_for(config.reconnect_max + 2 * kRoundTrip);  // probed, though no call waits
  const Asked call = once();
  finish(call);
  EXPECT_EQ(call.text(), "done by server 0");
  EXPECT_EQ(call.took(), kRoundTrip);
}

// --- Callers that go away --------------------------------------------------------------------------------------------

TEST_F(ClientPoolTest, ACallThatIsAbandonedWhileItWaitsFreesItsPlace) {
  config.queue_calls_max = 1;
  server().kill();
  std::optional<Awaited> waiting(client().once(next_id(), 0));
  run_for(1s);
  EXPECT_EQ(state().waiting, 1u);
  waiting.reset();
  EXPECT_EQ(state().waiting, 0u);
  EXPECT_EQ(state().bytes, 0u);
  EXPECT_EQ(stats().calls_abandoned, 1u);
  const Asked next = once();
  server().start();
  finish(next);
  EXPECT_EQ(next.text(), "done by server 0");
  EXPECT_EQ(server().runs.size(), 1u);
}

TEST_F(ClientPoolTest, ACallThatIsAbandonedInFlightFreesItsPlaceInTheWindowWhenItsAnswerComes) {
  config.stream.window = 1;
  config.connections_max = 1;
  std::optional<Awaited> in_flight(client().once(next_id(), 1000));
  run_for(500ms);
  EXPECT_EQ(state().in_flight, 1u);
  in_flight.reset();
  EXPECT_EQ(state().in_flight, 0u);
  EXPECT_EQ(state().bytes, 0u);
  const Asked next = once();
  run_for(400ms);
  EXPECT_EQ(next.text(), "under way");
  run_for(200ms);
  EXPECT_EQ(next.text(), "done by server 0");
  EXPECT_EQ(stats().calls_abandoned, 1u);
  EXPECT_EQ(stats().calls_answered, 1u);
}

TEST_F(ClientPoolTest, ACallThatIsAbandonedInItsBackOffIsNotSentAgain) {
  config.retry.backoff_min = config.retry.backoff_max = 10s;
  server().dies_on_calls = true;
  server().dies_so_often = 1;
  std::optional<Awaited> call(client().often(next_id(), 0));
  run_for(1s);
  EXPECT_EQ(server().runs.size(), 1u);
  EXPECT_EQ(state().waiting, 1u);
  call.reset();
  EXPECT_EQ(state().waiting, 0u);
  EXPECT_EQ(state().bytes, 0u);
  run_for(20s);
  EXPECT_EQ(server().runs.size(), 1u);
  EXPECT_EQ(stats().calls_abandoned, 1u);
}

TEST_F(ClientPoolTest, AResetCallEndsWithCancelledAndSaysWhetherItMayHaveRun) {
  server().kill();
  Awaited unsent = client().once(next_id(), 0);
  run_for(1s);
  unsent.reset();
  EXPECT_TRUE(unsent.done());
  const Reply<int> first = unsent.await_resume();
  ASSERT_TRUE(first.has_call_error());
  EXPECT_EQ(first.call_error().errc(), Errc::cancelled);
  EXPECT_EQ(first.call_error().ran(), Ran::no);

  server().start();
  finish(once());
  Awaited sent = client().once(next_id(), 1000);
  run_for(10ms);
  sent.reset();
  const Reply<int> second = sent.await_resume();
  ASSERT_TRUE(second.has_call_error());
  EXPECT_EQ(second.call_error().errc(), Errc::cancelled);
  EXPECT_EQ(second.call_error().ran(), Ran::maybe);
}

TEST_F(ClientPoolTest, ACallerThatIsDestroyedWhileItWaitsHearsNothingMore) {
  std::optional<int> waiting_result;
  std::optional<int> in_flight_result;
  {
    runtime::TaskScope scope(runtime().executor());
    scope.run_inline("in flight", Caller::wait(client().once(next_id(), 1000), in_flight_result));
    run_for(500ms);
    server().kill();
    run_for(1ms / 2);  // it has not heard of it
    scope.run_inline("waits", Caller::wait(client().once(next_id(), 0), waiting_result));
  }
  server().start();
  run_for(10s);
  EXPECT_EQ(waiting_result, std::nullopt);
  EXPECT_EQ(in_flight_result, std::nullopt);
  EXPECT_EQ(stats().calls_abandoned, 2u);
  EXPECT_EQ(state().in_flight, 0u);
  EXPECT_EQ(state().waiting, 0u);
}

TEST_F(ClientPoolTest, ACallMayBeMovedWhileItWaitsAndWhileItIsInFlight) {
  Awaited begun = client().once(next_id(), 1000);
  Awaited waiting(std::move(begun));
  run_for(500ms);
  EXPECT_EQ(state().in_flight, 1u);
  std::optional<Awaited> in_flight(std::move(waiting));
  std::optional<int> result;
  runtime::TaskScope scope(runtime().executor());
  scope.run_inline("a caller", Caller::wait(*std::move(in_flight), result));
  in_flight.reset();
  run_for(1s);
  EXPECT_EQ(result, 0);
  EXPECT_EQ(stats().calls_answered, 1u);
  EXPECT_EQ(stats().calls_abandoned, 0u);
}

}  // namespace
}  // namespace razor::test
