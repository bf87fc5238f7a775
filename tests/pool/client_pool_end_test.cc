// How calls on a ClientPool end when time is over, and when the pool is closed or destroyed.

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

// --- Deadlines (CONTRACT 2, 3): not before, and within a tick --------------------------------------------------------

TEST_F(ClientPoolTest, ACallTimesOutWhileItsServerRefusesConnections) {
  server().kill();
  const Asked call = once(0, {.timeout = 3s});
  finish(call);
  EXPECT_EQ(call.text(), "deadline_exceeded, ran: no");
  expect_in_time(call, 3s);
}

TEST_F(ClientPoolTest, ACallTimesOutWhileConnectingHangs) {
  server().crash();
  const Asked quick = once(0, {.timeout = 300ms});
  const Asked slow = once(0, {.timeout = 5s});
  finish(quick, slow);
  EXPECT_EQ(quick.text(), "deadline_exceeded, ran: no");
  expect_in_time(quick, 300ms);
  EXPECT_EQ(slow.text(), "deadline_exceeded, ran: no");
  expect_in_time(slow, 5s);
}

TEST_F(ClientPoolTest, ACallTimesOutWhileItWaitsForRoom) {
  config.stream.window = 1;
  config.connections_max = 1;
  const Asked first = once(5000);
  const Asked second = once(0, {.timeout = 2s});
  finish(second);
  EXPECT_EQ(second.text(), "deadline_exceeded, ran: no");
  expect_in_time(second, 2s);
  finish(first);
  EXPECT_EQ(first.text(), "done by server 0");
  EXPECT_EQ(server().runs.size(), 1u);
}

TEST_F(ClientPoolTest, ACallTimesOutWhileItsServerWorks) {
  const Asked call = once(5000, {.timeout = 2s});
  finish(call);
  EXPECT_EQ(call.text(), "deadline_exceeded, ran: maybe");
  expect_in_time(call, 2s);
}

TEST_F(ClientPoolTest, ACallTimesOutWhileItsServerIsAwayBetweenTwoAttempts) {
  config.retry.backoff_min = config.retry.backoff_max = 200ms;
  server().dies_on_calls = true;
  server().dies_so_often = 1;
  const Asked call = often(0, {.timeout = 3s});
  run_for(100ms);
  server().kill();
  finish(call);
  EXPECT_EQ(call.text(), "deadline_exceeded, ran: maybe");
  expect_in_time(call, 3s);
}

TEST_F(ClientPoolTest, ADeadlineThatPassedBeforeTheSubmissionFailsTheCallUnsent) {
  finish(once());
  const Asked call = once(0, {.deadline = runtime().clock().now()});
  finish(call);
  EXPECT_EQ(call.text(), "deadline_exceeded, ran: no");
  EXPECT_EQ(server().runs.size(), 1u);
}

TEST_F(ClientPoolTest, TheEarlierOfTimeoutAndDeadlineCounts) {
  server().kill();
  const base::TimePoint now = runtime().clock().now();
  const Asked by_deadline = once(0, {.timeout = 5s, .deadline = now + 1s});
  const Asked by_timeout = once(0, {.timeout = 2s, .deadline = now + 5s});
  finish(by_deadline, by_timeout);
  expect_in_time(by_deadline, 1s);
  expect_in_time(by_timeout, 2s);
}

TEST_F(ClientPoolTest, ACallWithoutATimeoutHasThatOfThePool) {
  config.stream.call_timeout = 4s;
  server().kill();
  const Asked call = once();
  finish(call);
  expect_in_time(call, 4s);
}

// --- Closing (CONTRACT 4, 5) -----------------------------------------------------------------------------------------

TEST_F(ClientPoolTest, CloseWaitsForAnswers) {
  const Asked call = once(1000);
  run_for(100ms);
  const auto closing = close(5s);
  EXPECT_TRUE(run_until([&] { return closing->done; }));
  EXPECT_EQ(call.text(), "done by server 0");
  EXPECT_EQ(closing->took, 900ms + 2 * kRoundTrip);
  EXPECT_EQ(connections(), 0u);
}

TEST_F(ClientPoolTest, CloseWaitsForCallsThatWait) {
  server().kill();
  const Asked call = once();
  run_for(1s);
  const auto closing = close(30s);
  run_for(1s);
  server().start();
  EXPECT_TRUE(run_until([&] { return closing->done; }));
  EXPECT_EQ(call.text(), "done by server 0");
}

TEST_F(ClientPoolTest, CloseFailsWhatHasNotEndedWithinItsLimit) {
  config.stream.window = 1;
  config.connections_max = 1;
  const Asked in_flight = once(60'000, {.timeout = 5min});
  const Asked waits = once(0, {.timeout = 5min});
  run_for(100ms);
  const auto closing = close(2s);
  EXPECT_TRUE(run_until([&] { return closing->done; }));
  EXPECT_EQ(closing->took, 2s);
  EXPECT_EQ(in_flight.text(), "closed, ran: maybe");
  EXPECT_EQ(waits.text(), "closed, ran: no");
}

// What is left of a spent budget.
TEST_F(ClientPoolTest, CloseWithoutTimeFailsEverythingAtOnce) {
  const Asked call = once(60'000, {.timeout = 5min});
  run_for(100ms);
  const auto closing = close(-3s);
  EXPECT_TRUE(run_until([&] { return closing->done; }));
  EXPECT_EQ(closing->took, 0s);
  EXPECT_EQ(call.text(), "closed, ran: maybe");
}

TEST_F(ClientPoolTest, CloseWithNothingUnderWayReturnsAtOnce) {
  finish(once());
  const auto closing = close(1min);
  run_for(1us);
  EXPECT_TRUE(closing->done);
  EXPECT_EQ(closing->took, 0s);
  run_for(10ms);
  EXPECT_EQ(client_host().connection_count(), 0u);
}

TEST_F(ClientPoolTest, CloseMayBeCalledAgainAndTheShorterLimitCounts) {
  const Asked call = once(60'000, {.timeout = 5min});
  run_for(100ms);
  const auto first = close(30s);
  const auto second = close(1s);
  EXPECT_TRUE(run_until([&] { return first->done && second->done; }));
  EXPECT_EQ(first->took, 1s);
  EXPECT_EQ(second->took, 1s);
  EXPECT_EQ(call.text(), "closed, ran: maybe");
  const auto third = close(30s);
  run_for(1us);
  EXPECT_TRUE(third->done);
}

TEST_F(ClientPoolTest, WhatIsSubmittedAfterCloseHasBegunFails) {
  const Asked before = once(1000);
  run_for(10ms);
  const auto closing = close(5s);
  run_for(1us);
  const Asked during = once();
  run_for(1us);
  EXPECT_EQ(during.text(), "closed, ran: no");
  EXPECT_TRUE(run_until([&] { return closing->done; }));
  EXPECT_EQ(before.text(), "done by server 0");
  const Asked after = once();
  run_for(1us);
  EXPECT_EQ(after.text(), "closed, ran: no");
}

TEST_F(ClientPoolTest, DestroyingAPoolEndsAllItsCallsAtOnce) {
  config.stream.window = 1;
  config.connections_max = 1;
  config.retry.backoff_min = config.retry.backoff_max = 10s;
  server().dies_on_calls = true;
  server().dies_so_often = 1;
  const Asked backs_off = often();
  run_for(100ms);
  const Asked in_flight = once(1000);
  const Asked waits = once();
  run_for(100ms);
  EXPECT_EQ(state().in_flight, 1u);
  EXPECT_EQ(state().waiting, 2u);
  destroy_pool();
  EXPECT_EQ(backs_off.text(), "closed, ran: maybe");
  EXPECT_EQ(in_flight.text(), "closed, ran: maybe");
  EXPECT_EQ(waits.text(), "closed, ran: no");
  run_for(100ms);
  EXPECT_EQ(client_host().connection_count(), 0u);
}

TEST_F(ClientPoolTest, DestroyingAPoolGivesUpItsAttemptToConnect) {
  server().crash();
  const Asked call = once();
  run_for(100ms);
  destroy_pool();
  EXPECT_EQ(call.text(), "closed, ran: no");
}

TEST_F(ClientPoolTest, AMovedPoolGoesOn) {
  const Asked call = once(1000);
  const Client<Work> made_before = client();
  run_for(100ms);
  std::optional<ClientPool> moved(std::move(pool()));
  run_for(2s);
  EXPECT_EQ(call.text(), "done by server 0");
  const Asked next = note();
  made_before.once.start(next, next.id(), 0);
  run_for(1s);
  EXPECT_EQ(next.text(), "done by server 0");
}

// --- Completions -----------------------------------------------------------------------------------------------------

TEST_F(ClientPoolTest, ACompletionMayDestroyThePool) {
  const Asked other = once(1000);
  const Asked call = note();
  client().once.start(
      [this, call](const Reply<int>& reply) {
        call(reply);
        destroy_pool();
      },
      call.id(), 0);
  run_for(100ms);
  EXPECT_EQ(call.text(), "done by server 0");
  EXPECT_EQ(other.text(), "closed, ran: maybe");
}

TEST_F(ClientPoolTest, ACompletionOfAFailureMayDestroyThePool) {
  server().kill();
  const Asked call = note();
  client({.timeout = 1s})
      .once.start(
          [this, call](const Reply<int>& reply) {
            call(reply);
            destroy_pool();
          },
          call.id(), 0);
  const Asked with_it = once(0, {.timeout = 1s});
  const Asked later = once(0, {.timeout = 5s});
  run_for(2s);
  EXPECT_EQ(call.text(), "deadline_exceeded, ran: no");
  EXPECT_TRUE(with_it.ended());
  EXPECT_EQ(later.text(), "closed, ran: no");
}

TEST_F(ClientPoolTest, ACompletionMayCloseThePool) {
  const Asked other = once(1000);
  const Asked call = note();
  std::shared_ptr<Closing> closing;
  client().once.start(
      [this, call, &closing](const Reply<int>& reply) {
        call(reply);
        closing = close(500ms);
      },
      call.id(), 0);
  run_for(2s);
  EXPECT_EQ(call.text(), "done by server 0");
  ASSERT_NE(closing, nullptr);
  EXPECT_EQ(closing->took, 500ms);
  EXPECT_EQ(other.text(), "closed, ran: maybe");
}

TEST_F(ClientPoolTest, ACompletionThatTheClosingRunsMaySubmitAndIsRefused) {
  server().kill();
  const Asked call = note();
  const Asked again = note();
  client().once.start(
      [this, call, again](const Reply<int>& reply) {
        call(reply);
        client().once.start(again, again.id(), 0);
      },
      call.id(), 0);
  run_for(100ms);
  const auto closing = close(1s);
  EXPECT_TRUE(run_until([&] { return closing->done; }));
  EXPECT_EQ(call.text(), "closed, ran: no");
  EXPECT_EQ(again.text(), "closed, ran: no");  // and not after close has returned
}

}  // namespace
}  // namespace razor::test
