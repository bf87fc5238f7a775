// ClientStream and time: deadlines that are never early and at most a tick late whatever holds a call up, a pause of the
// process that costs nobody an answer, and the ping that tells a slow server from a dead one.

#include "razor/stream/client_stream.h"
#include "tests/stream/client_fixture.h"
#include "tests/support/plain_config.h"

namespace razor::stream {
namespace {

using test::answer;

class ClientStreamTimeTest : public ClientStreamFixture {
 protected:
  // Until the call has ended, answering pings as a server that lives does.
  void advance_until_ended(const Outcome& outcome, Duration limit) {
    for (const TimePoint until = world_.now() + limit; !outcome.ended() && world_.now() < until;) {
      if (server_takes_) server_->answer_pings();
      advance(10ms);
    }
  }
  // It ended by its deadline, and not earlier than that or more than the longest tick later.
  void expect_ends_at(const Outcome& outcome, TimePoint deadline, Ran ran) {
    const Duration tick = tick_of(Duration::max(), config_.tick);
    advance_until_ended(outcome, 1h);
    EXPECT_TRUE(outcome.failed_with(Errc::deadline_exceeded, ran)) << outcome;
    EXPECT_GE(outcome.at, deadline);
    EXPECT_LE(outcome.at, deadline + tick);
  }
};

// --- Deadlines -------------------------------------------------------------------------------------------------------

TEST_F(ClientStreamTimeTest, ACallEndsAtItsTimeoutOrATickLater) {
  ClientStreamConfig config = test::plain_config();
  config.tick = 1s;
  connect(config);
  advance(350ms);
  const TimePoint submitted = world_.now();
  Outcome& outcome = submit("unanswered", {.timeout = 2s});
  expect_ends_at(outcome, submitted + 2s, Ran::maybe);
  EXPECT_EQ(outcome.at, start_ + 3s);  // 2.35 s, at the next whole second
}

TEST_F(ClientStreamTimeTest, TheStreamsTimeoutIsForCallsWithoutOne) {
  const TimePoint submitted = world_.now();
  expect_ends_at(submit(), submitted + 20s, Ran::maybe);
}

TEST_F(ClientStreamTimeTest, OfTimeoutAndDeadlineTheEarlierCounts) {
  const TimePoint submitted = world_.now();
  Outcome& timeout = submit("", {.timeout = 3s, .deadline = submitted + 60s});
  Outcome& deadline = submit("", {.timeout = 60s, .deadline = submitted + 5s});
  expect_ends_at(timeout, submitted + 3s, Ran::maybe);
  expect_ends_at(deadline, submitted + 5s, Ran::maybe);
}

// Ticks of 1 s for all calls: 50 ms took 0.4 to 1.0 s.
TEST_F(ClientStreamTimeTest, ATickIsAnEighthOfTheTimeoutAndAtLeastTenMilliseconds) {
  advance(350ms);
  const TimePoint submitted = world_.now();
  Outcome& shortest = submit("", {.timeout = 50ms});
  Outcome& middle = submit("", {.timeout = 400ms});
  Outcome& longest = submit("", {.timeout = 60s});
  advance_until_ended(longest, 1h);
  EXPECT_TRUE(shortest.at >= submitted + 50ms && shortest.at <= submitted + 60ms) << shortest;
  EXPECT_TRUE(middle.at >= submitted + 400ms && middle.at <= submitted + 450ms) << middle;
  EXPECT_TRUE(longest.at >= submitted + 60s && longest.at <= submitted + 61s) << longest;
}

TEST_F(ClientStreamTimeTest, ACallWithoutTimeLeftIsNotSent) {
  advance(10s + 1ms);
  for (const CallOptions& options : {CallOptions{.timeout = 0s}, CallOptions{.timeout = -1ns},
                                     CallOptions{.timeout = Duration::min()}, CallOptions{.deadline = start_ + 1s},
                                     CallOptions{.deadline = world_.now()}, CallOptions{.deadline = TimePoint::min()}}) {
    Outcome& outcome = submit("never", options);
    EXPECT_TRUE(outcome.failed_with(Errc::deadline_exceeded, Ran::no)) << outcome;
    EXPECT_EQ(outcome.at, world_.now());
  }
  EXPECT_TRUE(server_->calls.empty());
  submit("", {.timeout = Duration::max()});
  submit("", {.timeout = 1ns});
  run();
  EXPECT_EQ(server_->calls.size(), 2u);
}

TEST_F(ClientStreamTimeTest, TheTickMayBeShort) {
  ClientStreamConfig config = test::plain_config();
  config.tick = 10ms;
  connect(config);
  const TimePoint submitted = world_.now();
  expect_ends_at(submit("", {.timeout = 123ms}), submitted + 123ms, Ran::maybe);
}

TEST_F(ClientStreamTimeTest, ATickBelowTheLeastIsTheLeast) {
  ClientStreamConfig config = test::plain_config();
  config.tick = 0ms;
  connect(config);
  config_.tick = kTickMin;
  const TimePoint submitted = world_.now();
  expect_ends_at(submit("", {.timeout = 5ms}), submitted + 5ms, Ran::maybe);
}

TEST_F(ClientStreamTimeTest, ACallThatWaitsForTheWindowEndsAtItsDeadline) {
  ClientStreamConfig config = test::plain_config();
  config.window = 1;
  connect(config);
  submit("takes the window", {.timeout = 60s});
  const TimePoint submitted = world_.now();
  Outcome& waits = submit("waits", {.timeout = 4s});
  Outcome& waits_longer = submit("waits longer", {.timeout = 30s});
  expect_ends_at(waits, submitted + 4s, Ran::no);
  EXPECT_EQ(server_->calls.size(), 1u);
  EXPECT_EQ(stream_->stats().queued, 1u);
  server_->answer(0);
  run();
  ASSERT_EQ(server_->calls.size(), 2u);
  EXPECT_EQ(server_->calls[1].msg, "waits longer");
  server_->answer(1);
  run();
  EXPECT_TRUE(waits_longer.succeeded_with(""));
}

TEST_F(ClientStreamTimeTest, ACallWhoseBytesNobodyTakesEndsAtItsDeadline) {
  ClientStreamConfig config = test::plain_config();
  config.write_buffer_max = 2000;
  config.ping_timeout = 1h;
  connect(config);
  server_takes_nothing(100);
  const TimePoint submitted = world_.now();
  Outcome& partly_taken = submit(std::string(1500, 'x'), {.timeout = 2s});
  Outcome& in_buffer = submit(std::string(1500, 'x'), {.timeout = 2s});
  Outcome& queued = submit(std::string(1500, 'x'), {.timeout = 2s});
  expect_ends_at(partly_taken, submitted + 2s, Ran::maybe);
  expect_ends_at(in_buffer, submitted + 2s, Ran::maybe);  // it cannot be taken back: it may run yet
  expect_ends_at(queued, submitted + 2s, Ran::no);
}

TEST_F(ClientStreamTimeTest, AnAnswerThatStopsHalfWayDoesNotKeepACallFromEnding) {
  Outcome& outcome = submit("", {.timeout = 1500ms});
  const base::Bytes whole = answer(1, std::string(100'000, 'x'));
  server_->send(base::Bytes(whole.begin(), whole.begin() + 50'000));
  advance(2s);
  EXPECT_TRUE(outcome.failed_with(Errc::deadline_exceeded, Ran::maybe)) << outcome;
  EXPECT_EQ(outcome.at, start_ + 1600ms);  // the first tick of 160 ms behind 1.5 s
  // The rest is a late answer; the connection lives on.
  server_->send(base::Bytes(whole.begin() + 50'000, whole.end()));
  Outcome& next = submit();
  server_->answer(1, "fine");
  run();
  EXPECT_TRUE(next.succeeded_with("fine"));
  EXPECT_EQ(stream_->stats().responses_late, 1u);
}

TEST_F(ClientStreamTimeTest, AnAnswerThatDripsDoesNotKeepACallFromEnding) {
  const TimePoint submitted = world_.now();
  Outcome& outcome = submit("", {.timeout = 2s});
  const base::Bytes whole = answer(1, std::string(10'000, 'x'));
  for (std::size_t i = 0; i < whole.size() && !outcome.ended(); ++i) {
    server_->send(base::Bytes(1, whole[i]));  // there is always something to read
    advance(1ms);
  }
  EXPECT_TRUE(outcome.failed_with(Errc::deadline_exceeded, Ran::maybe)) << outcome;
  EXPECT_GE(outcome.at, submitted + 2s);
  EXPECT_LE(outcome.at, submitted + 3s);
}

TEST_F(ClientStreamTimeTest, ManyCallsEndInOneTick) {
  for (int i = 0; i < 300; ++i) submit_only("", {.timeout = 1s});  // 128 are sent, the others wait
  run();
  advance(1040ms);
  std::size_t sent = 0;
  for (const Outcome& outcome : outcomes_) {
    EXPECT_EQ(outcome.errc, Errc::deadline_exceeded);
    EXPECT_EQ(outcome.at, start_ + 1040ms);  // a tick of 80 ms
    sent += outcome.ran == Ran::maybe;
  }
  EXPECT_EQ(sent, 128u);
}

TEST_F(ClientStreamTimeTest, ACallThatExpiredFreesTheWindow) {
  ClientStreamConfig config = test::plain_config();
  config.window = 1;
  connect(config);
  submit("first", {.timeout = 1s});
  submit("second", {.timeout = 30s});
  advance(2s);
  ASSERT_EQ(server_->calls.size(), 2u);
  EXPECT_EQ(server_->calls[1].msg, "second");
  server_->answer(1);
  run();
}

TEST_F(ClientStreamTimeTest, TheReasonSaysWhatWasWaitedFor) {
  submit("", {.timeout = 1s});
  advance(2s);
  EXPECT_EQ(outcomes_[0].detail, "deadline_exceeded (ran: maybe): call action 5 on hand:1: no answer within 1 s");
}

TEST_F(ClientStreamTimeTest, AnIdleStreamArmsNoTimer) {
  submit();
  EXPECT_GT(world_.clock().timers_armed(), 0u);
  server_->answer(0);
  run();
  advance(5s);
  EXPECT_EQ(world_.clock().timers_armed(), 0u);
}

// --- After a pause of the process ------------------------------------------------------------------------------------

TEST_F(ClientStreamTimeTest, AfterAPauseAnswersThatCanBeReadCountBeforeDeadlines) {
  submit("first", {.timeout = 5s});
  submit("second", {.timeout = 5s});
  submit("unanswered", {.timeout = 5s});
  server_->answer(1, "b");
  server_->answer(0, "a");
  world_.pause(1h);
  EXPECT_TRUE(outcomes_[0].succeeded_with("a")) << outcomes_[0];
  EXPECT_TRUE(outcomes_[1].succeeded_with("b")) << outcomes_[1];
  EXPECT_TRUE(outcomes_[2].failed_with(Errc::deadline_exceeded, Ran::maybe)) << outcomes_[2];
}

TEST_F(ClientStreamTimeTest, AfterAPauseALargeAnswerIsReadToItsEndFirst) {
  submit("", {.timeout = 5s});
  server_->answer(0, std::string(1'000'000, 'x'));
  world_.pause(1h);
  EXPECT_TRUE(outcomes_[0].succeeded_with(std::string(1'000'000, 'x')));
}

TEST_F(ClientStreamTimeTest, AfterAPauseOnlyWhatWasReadableThenIsWaitedFor) {
  submit("", {.timeout = 5s});
  const base::Bytes whole = answer(1, std::string(10'000, 'x'));
  server_->send(base::Bytes(whole.begin(), whole.end() - 1));
  world_.pause(1h);
  EXPECT_TRUE(outcomes_[0].failed_with(Errc::deadline_exceeded, Ran::maybe)) << outcomes_[0];
}

TEST_F(ClientStreamTimeTest, APauseIsNoSilence) {
  submit("", {.timeout = 10h});
  server_->send(answer(1));
  Outcome& second = submit_only("", {.timeout = 10h});
  world_.pause(1h);  // a pong of the time before is in the buffer
  EXPECT_TRUE(stream_->is_open());
  advance(500ms);
  EXPECT_TRUE(stream_->is_open());
  EXPECT_FALSE(second.ended());
  server_->answer(1);
  run();
}

TEST_F(ClientStreamTimeTest, AfterAPauseThatSwallowedThePongThePeerIsAlive) {
  submit("", {.timeout = 10h});
  advance(1s);
  ASSERT_EQ(server_->pings.size(), 1u);
  server_->answer_pings();
  world_.pause(1h);
  EXPECT_TRUE(stream_->is_open()) << stream_->end_reason();
  server_->answer(0, "slow");
  run();
  EXPECT_TRUE(outcomes_[0].succeeded_with("slow"));
}

// --- Is the peer alive? ----------------------------------------------------------------------------------------------

TEST_F(ClientStreamTimeTest, AMachineThatAcknowledgesNothingIsPingedAndThenGivenUp) {
  server_->peer().in().hold();
  Outcome& outcome = submit("", {.timeout = 60s});
  advance(1s - 1ms);
  EXPECT_EQ(stream_->stats().pings_sent, 0u);
  advance(1ms);
  EXPECT_EQ(stream_->stats().pings_sent, 1u);
  advance(2s - 1ms);
  EXPECT_EQ(stream_->stats().pings_sent, 1u);
  EXPECT_TRUE(stream_->is_open());
  advance(1ms);
  EXPECT_FALSE(stream_->is_open());
  EXPECT_TRUE(outcome.failed_with(Errc::connection_lost, Ran::maybe)) << outcome;
  EXPECT_EQ(outcome.at, start_ + 3s);
  EXPECT_EQ(stream_->end_reason(), "hand:1 sent nothing for 3 s, and its machine acknowledges nothing");
}

// What is acknowledged byte by byte is on its way, however long that takes.
TEST_F(ClientStreamTimeTest, AnUploadThatGoesOnIsASignOfLife) {
  server_->peer().in().hold();
  Outcome& outcome = submit(std::string(300, 'x'), {.timeout = 1h});
  for (int i = 0; i < 300; ++i) {
    advance(2s);
    ASSERT_TRUE(stream_->is_open()) << i;
    server_->peer().in().let_through(1);
  }
  EXPECT_FALSE(stream_->is_silent());
  server_->peer().in().release();
  run();
  server_->answer(0);
  run();
  EXPECT_TRUE(outcome.succeeded_with(""));
}

// A process that stands still, or computes, loses nobody's call: also one that was not known before.
TEST_F(ClientStreamTimeTest, AProcessThatAnswersNothingEndsNothingBeforeItsDeadline) {
  Outcome& outcome = submit("", {.timeout = 60s});
  advance(50s);
  EXPECT_FALSE(outcome.ended());
  EXPECT_GE(server_->pings.size(), 10u);  // its machine could have died meanwhile
  EXPECT_FALSE(stream_->is_silent()) << "it may answer pings in order";
  server_->peer().in().hold();
  advance(6s);
  EXPECT_TRUE(outcome.failed_with(Errc::connection_lost, Ran::maybe)) << outcome;
}

struct NotedSilence final : ClientStreamWatcher {
  void on_room() override {}
  void on_not_open() override {}
  void on_silent() override { ++silent; }
  void on_heard() override { ++heard; }
  int silent = 0;
  int heard = 0;
};

TEST_F(ClientStreamTimeTest, AKnownProcessThatStopsAnsweringPingsIsSilentUntilBytesCome) {
  NotedSilence noted;
  stream_->watch(&noted);
  Outcome& outcome = submit("", {.timeout = 60s});
  advance(1s);
  server_->answer_pings();  // ahead of the call
  run();
  advance(3s);
  EXPECT_EQ(noted.silent, 0);
  advance(500ms);
  EXPECT_EQ(noted.silent, 1);
  EXPECT_TRUE(stream_->is_silent());
  EXPECT_EQ(stream_->stats().silences, 1u);
  advance(30s);
  EXPECT_EQ(noted.silent, 1);
  EXPECT_EQ(noted.heard, 0);
  server_->answer(0, "done");
  run();
  EXPECT_EQ(noted.heard, 1);
  EXPECT_FALSE(stream_->is_silent());
  EXPECT_TRUE(outcome.succeeded_with("done"));
  stream_->watch(nullptr);
}

// There are no acknowledgements on a Unix socket: what the transport took has arrived.
TEST_F(ClientStreamTimeTest, WithinAMachineAProcessIsSilentAndNothingIsDead) {
  server_->peer().in().set_within_a_machine();
  Outcome& outcome = submit("", {.timeout = 60s});
  advance(1s);
  server_->answer_pings();
  run();
  advance(3500ms);
  EXPECT_TRUE(stream_->is_silent());
  advance(30s);
  EXPECT_FALSE(outcome.ended());
  server_->answer(0);
  run();
}

// The first calls bring a ping along, so that a server that answers calls as they come can show that it answers pings first.
TEST_F(ClientStreamTimeTest, AServerIsGotAcquaintedWithBehindCalls) {
  ClientStreamConfig config = test::plain_config();
  config.acquaint_interval = 1s;
  connect(config);
  submit("first");
  ASSERT_EQ(server_->pings.size(), 1u);
  EXPECT_EQ(server_->pings[0].format, 0x85);
  EXPECT_EQ(server_->pings[0].seq, 2u);
  server_->answer(0);
  server_->answer_pings();  // in order: nothing is known
  run();
  submit("second");
  EXPECT_EQ(server_->pings.size(), 1u) << "once an interval";
  server_->answer(1);
  run();
  advance(1s);
  submit("third");
  ASSERT_EQ(server_->pings.size(), 2u);
  server_->answer_pings();  // ahead
  server_->answer(2);
  run();
  advance(5s);
  submit("fourth");
  EXPECT_EQ(server_->pings.size(), 2u) << "it is known by now";
  server_->answer(3);
  run();
}

// Two pings are answered in their order by every server. One that went out behind a ping told nothing, and the next was not due
// for an interval.
TEST_F(ClientStreamTimeTest, NobodyIsGotAcquaintedWithBehindAPing) {
  ClientStreamConfig config = test::plain_config();
  config.acquaint_interval = 1s;
  connect(config);
  StreamCall ping = stream_->ping();
  run();
  EXPECT_EQ(server_->pings.size(), 1u) << "that one alone";
  server_->answer_pings();
  run();
  submit("first");
  ASSERT_EQ(server_->pings.size(), 2u);
  server_->answer_pings();  // ahead of the call
  server_->answer(0);
  run();
  advance(5s);
  submit("second");
  EXPECT_EQ(server_->pings.size(), 2u) << "it is known by now";
  server_->answer(1);
  run();
}

TEST_F(ClientStreamTimeTest, AServerThatAnswersPingsIsAliveHoweverSlowItIs) {
  Outcome& outcome = submit("", {.timeout = 1h});
  for (int i = 0; i < 100; ++i) {
    advance(1s);
    server_->answer_pings();
  }
  EXPECT_EQ(server_->pings.size(), 100u);
  EXPECT_FALSE(outcome.ended());
  server_->answer(0, "at last");
  run();
  EXPECT_TRUE(outcome.succeeded_with("at last"));
}

TEST_F(ClientStreamTimeTest, AnyByteIsASignOfLife) {
  Outcome& outcome = submit("", {.timeout = 60s});
  const base::Bytes whole = answer(1, std::string(10, 'x'));
  for (const std::byte byte : whole) {
    advance(900ms);
    EXPECT_TRUE(stream_->is_open());
    server_->send(base::Bytes(1, byte));
    run();
  }
  EXPECT_EQ(server_->pings.size(), 0u);
  EXPECT_TRUE(outcome.succeeded_with(std::string(10, 'x')));
}

TEST_F(ClientStreamTimeTest, AnIdleServerIsNotPinged) {
  submit();
  server_->answer(0);
  run();
  advance(1h);
  EXPECT_EQ(server_->pings.size(), 0u);
  EXPECT_TRUE(stream_->is_open());
  submit();
  advance(500ms);
  EXPECT_EQ(server_->pings.size(), 0u) << "silence while nothing was owed was counted";
  server_->answer(1);
  run();
}

// Its machine has acknowledged all that it has room for.
TEST_F(ClientStreamTimeTest, AServerThatTakesNoBytesIsWaitedForUntilTheDeadline) {
  server_takes_nothing(10);
  Outcome& sent = submit("", {.timeout = 60s});
  advance(59s);
  EXPECT_FALSE(sent.ended());
  advance(2s);
  EXPECT_TRUE(sent.failed_with(Errc::deadline_exceeded, Ran::maybe)) << sent;
  EXPECT_TRUE(stream_->is_open());
}

TEST_F(ClientStreamTimeTest, AServerThatStillOwesAfterADeadlineIsAskedOnceMoreAndThenLeftAlone) {
  Outcome& outcome = submit("", {.timeout = 500ms});
  advance(1s);
  EXPECT_TRUE(outcome.failed_with(Errc::deadline_exceeded, Ran::maybe));
  ASSERT_EQ(server_->pings.size(), 1u);
  server_->answer_pings();
  run();
  advance(1h);
  EXPECT_EQ(server_->pings.size(), 1u);
  EXPECT_TRUE(stream_->is_open());
  EXPECT_EQ(world_.clock().timers_armed(), 0u);
}

TEST_F(ClientStreamTimeTest, ALateAnswerIsASignOfLifeToo) {
  submit("", {.timeout = 500ms});
  advance(1s);
  EXPECT_TRUE(outcomes_[0].ended());
  server_->answer(0);
  run();
  advance(1h);
  EXPECT_TRUE(stream_->is_open());
}

}  // namespace
}  // namespace razor::stream
