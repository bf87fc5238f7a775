// What a call knows travels with it, between two ends of ours: its deadline, that its caller waits no more, and what became of it.
// Without that, a server works for callers who left, and a failure that it answers leaves open whether the call ran.

#include "tests/extended/extended_world.h"

namespace razor::test {
namespace {

class CallKnowledge : public ExtendedTest {
 protected:
  template <class T, class E = api::NoError>
  struct Ended {
    std::optional<Reply<T, E>> reply;
    base::TimePoint at;
  };
  static Task<void> wait_for(ClientCall<bool, api::NoError> call) { (void)co_await std::move(call); }
  // A completion that notes the reply.
  template <class T>
  auto note(Ended<T>& ended) {
    return [this, &ended](const Reply<T>& reply) {
      ended.reply.emplace(reply);
      ended.at = world.now();
    };
  }
};

TEST_F(CallKnowledge, AHandlerKnowsUntilWhenItsCallerWaits) {
  get_acquainted();
  Ended<std::int64_t> two_seconds;
  client({.timeout = 2s}).left.start(note(two_seconds));
  world.run_for(10ms);
  ASSERT_TRUE(two_seconds.reply && two_seconds.reply->ok());
  EXPECT_EQ(**two_seconds.reply, 2000);
}

// The word travels before anything is known of the peer, and the hello is read before it.
TEST_F(CallKnowledge, AlsoOfTheFirstCallOfAConnection) {
  Ended<std::int64_t> first;
  client({.timeout = 2s}).left.start(note(first));
  world.run_for(10ms);
  ASSERT_TRUE(first.reply && first.reply->ok());
  EXPECT_GE(**first.reply, 1990);
  EXPECT_LE(**first.reply, 2000);
}

TEST_F(CallKnowledge, APlainCallerSaysNothing) {
  config.pool.stream.hello = HelloMode::off;
  Ended<std::int64_t> plain;
  client({.timeout = 2s}).left.start(note(plain));
  world.run_for(10ms);
  ASSERT_TRUE(plain.reply && plain.reply->ok());
  EXPECT_EQ(**plain.reply, -1);
}

TEST_F(CallKnowledge, AHandlerHearsThatItsCallWasDropped) {
  get_acquainted();
  base::TimePoint dropped_at;
  {
    std::optional<ClientCall<bool, api::NoError>> call(client().watched(10'000));
    runtime::TaskScope scope(runtime().executor());
    scope.run_inline("caller", wait_for(*std::move(call)));
    world.run_for(100ms);
    EXPECT_EQ(servers[0].notes.begun, 1);
    EXPECT_FALSE(servers[0].notes.heard_at);
    dropped_at = world.now();
  }
  world.run_for(100ms);
  ASSERT_TRUE(servers[0].notes.heard_at);
  EXPECT_LE(*servers[0].notes.heard_at, dropped_at + 2 * kOneWay);
  EXPECT_EQ(stats().cancels, 1u);
  EXPECT_EQ(stats().handlers, 0u);
}

// Whichever is first: a dropped call, a deadline, or a connection that is lost.
TEST_F(CallKnowledge, ACancellableHandlerIsDestroyedAndItsCallAnsweredOnce) {
  get_acquainted();
  Ended<bool> late;
  client({.timeout = 100ms}).ended.start(note(late), 10'000);
  world.run_for(1s);
  ASSERT_TRUE(late.reply);
  EXPECT_EQ(late.reply->call_error().errc(), Errc::deadline_exceeded);
  EXPECT_EQ(servers[0].notes.destroyed, 1);
  EXPECT_EQ(servers[0].notes.finished, 0);
  EXPECT_EQ(stats().handlers, 0u);
  EXPECT_EQ(stats().responses_repeated, 0u);

  std::optional<ClientCall<bool, api::NoError>> dropped(client().ended(10'000));
  runtime::TaskScope scope(runtime().executor());
  scope.run_inline("caller", wait_for(*std::move(dropped)));
  world.run_for(50ms);
  EXPECT_EQ(servers[0].notes.destroyed, 1);
  scope.cancel();
  world.run_for(10ms);
  EXPECT_EQ(servers[0].notes.destroyed, 2);
  EXPECT_EQ(pool().state().in_flight, 0u);

  Ended<bool> lost;
  client().ended.start(note(lost), 10'000);
  world.run_for(50ms);
  destroy_pool();
  world.run_for(50ms);
  EXPECT_EQ(servers[0].notes.destroyed, 3);
}

// A client that gives up after 100 ms on a handler that takes 10 s: the handler knows after the slack for clocks that differ.
TEST_F(CallKnowledge, AHandlerHearsThatItsCallersTimeIsOver) {
  get_acquainted();
  Ended<bool> late;
  const base::TimePoint begun = world.now();
  client({.timeout = 100ms}).watched.start(note(late), 10'000);
  world.run_for(1s);
  ASSERT_TRUE(servers[0].notes.heard_at);
  EXPECT_GE(*servers[0].notes.heard_at, begun + 100ms);
  EXPECT_LE(*servers[0].notes.heard_at, begun + kOneWay + 100ms + 100ms / 64 + 51ms);
  EXPECT_GE(late.at, begun + 100ms);  // never before its deadline
}

// The host of the server stands still for longer than callers wait. What they sent meanwhile is read then, and is of nobody.
TEST_F(CallKnowledge, WhatIsReadTooLateDoesNotRun) {
  get_acquainted();
  std::vector<Ended<bool>> calls(10);
  servers[0].host.pause();
  for (auto& call : calls) client({.timeout = 300ms}).ended.start(note(call), 10);
  world.run_for(2s);
  for (const auto& call : calls) EXPECT_TRUE(call.reply.has_value());
  servers[0].host.resume();
  world.run_for(1s);
  EXPECT_EQ(servers[0].notes.begun, 0);
  EXPECT_EQ(stats().expired, 10u);
  Ended<bool> fresh;
  client({.timeout = 300ms}).ended.start(note(fresh), 10);
  world.run_for(1s);
  ASSERT_TRUE(fresh.reply);
  EXPECT_TRUE(fresh.reply->ok()) << text_of(*fresh.reply);
}

// What is read behind a stall may be as old as the stall, or fresh, as here. Then it has all of its time: before its deadline its caller
// hears of no failure of what ran.
TEST_F(CallKnowledge, AFreshCallBehindAStallHasAllOfItsTime) {
  get_acquainted();
  servers[0].host.pause();
  world.run_for(1500ms);
  Ended<bool> fresh;
  client({.timeout = 2s}).ended.start(note(fresh), 1900);
  world.run_for(2 * kOneWay);
  servers[0].host.resume();
  world.run_for(2s);
  ASSERT_TRUE(fresh.reply);
  EXPECT_TRUE(fresh.reply->ok()) << text_of(*fresh.reply);
  EXPECT_EQ(servers[0].notes.finished, 1);
}

// A server that had nothing to do for long has not stood still.
TEST_F(CallKnowledge, AFreshCallToAnIdleServerRuns) {
  get_acquainted();
  world.run_for(30s);
  Ended<bool> fresh;
  client({.timeout = 200ms}).ended.start(note(fresh), 10);
  world.run_for(1s);
  ASSERT_TRUE(fresh.reply);
  EXPECT_TRUE(fresh.reply->ok()) << text_of(*fresh.reply);
}

struct Unserved {
  virtual Call<int> nothing() = 0;
  RAZOR_SERVICE(Unserved, nothing)
};

TEST_F(CallKnowledge, FailuresSayForCertainWhetherTheCallRan) {
  get_acquainted();
  Ended<int> unserved;
  Client<Unserved>(pool()).nothing.start(note(unserved));
  world.run_for(100ms);
  ASSERT_TRUE(unserved.reply);
  EXPECT_EQ(unserved.reply->call_error().errc(), Errc::service_not_found);
  EXPECT_EQ(unserved.reply->call_error().ran(), Ran::no);
}

TEST_F(CallKnowledge, WhoRequiresItCallsNoPlainServer) {
  servers[0].config.hello = HelloMode::off;
  servers[0].restart();
  config.pool.stream.hello = HelloMode::required;
  Ended<int> call;
  client({.timeout = 2s}).work.start(note(call), 1);
  world.run_for(5s);
  ASSERT_TRUE(call.reply);
  EXPECT_TRUE(call.reply->has_call_error());
  EXPECT_EQ(call.reply->call_error().ran(), Ran::no);
  EXPECT_EQ(servers[0].notes.begun, 0);
}

TEST_F(CallKnowledge, AServerThatRequiresItRefusesPlainCallers) {
  servers[0].config.hello = HelloMode::required;
  servers[0].restart();
  config.pool.stream.hello = HelloMode::off;
  Ended<int> plain;
  client({.timeout = 2s}).work.start(note(plain), 1);
  world.run_for(5s);
  ASSERT_TRUE(plain.reply);
  EXPECT_EQ(plain.reply->call_error().errc(), Errc::invalid_version);
  EXPECT_EQ(servers[0].notes.begun, 0);
}

}  // namespace
}  // namespace razor::test
