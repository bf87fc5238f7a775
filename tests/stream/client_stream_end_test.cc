// How a ClientStream ends: closed by its owner, cut, reset, destroyed. Every call completes once, with an error that says
// whether the server may have seen it, and nothing completes after the stream is gone.

#include "razor/stream/client_stream.h"
#include "tests/stream/client_fixture.h"
#include "tests/support/plain_config.h"

namespace razor::stream {
namespace {

using test::answer;
using test::Running;

class ClientStreamEndTest : public ClientStreamFixture {
 protected:
  // Calls that are answered, sent, half sent, not sent, and queued, in this order.
  void submit_one_of_each_fate() {
    ClientStreamConfig config = test::plain_config();
    config.write_buffer_max = 5000;
    connect(config);
    submit("answered");
    server_->answer(0);
    submit("sent");
    server_takes_nothing(1000);
    submit(std::string(2000, 'h'));
    submit(std::string(2000, 'n'));
    submit(std::string(2000, 'n'));
    submit("queued");
    EXPECT_EQ(stream_->stats().queued, 1u);
    EXPECT_EQ(stream_->stats().in_flight, 4u);
  }
  void expect_fates(Errc errc) {
    ASSERT_EQ(outcomes_.size(), 6u);
    EXPECT_TRUE(outcomes_[0].succeeded_with("")) << outcomes_[0];
    EXPECT_TRUE(outcomes_[1].failed_with(errc, Ran::maybe)) << outcomes_[1];
    EXPECT_TRUE(outcomes_[2].failed_with(errc, Ran::no)) << outcomes_[2];  // half of it was sent
    EXPECT_TRUE(outcomes_[3].failed_with(errc, Ran::no)) << outcomes_[3];
    EXPECT_TRUE(outcomes_[4].failed_with(errc, Ran::no)) << outcomes_[4];
    EXPECT_TRUE(outcomes_[5].failed_with(errc, Ran::no)) << outcomes_[5];
  }
};

// --- The connection goes ---------------------------------------------------------------------------------------------

TEST_F(ClientStreamEndTest, WhenThePeerClosesEveryCallSaysWhetherItMayHaveRun) {
  submit_one_of_each_fate();
  server_->peer().shut();
  run();
  expect_fates(Errc::connection_lost);
  EXPECT_FALSE(stream_->is_open());
  EXPECT_EQ(stream_->end_reason(), "hand:1 closed the connection");
}

TEST_F(ClientStreamEndTest, WhenThePeerResetsEveryCallSaysWhetherItMayHaveRun) {
  submit_one_of_each_fate();
  server_->peer().out().fail_reads(std::errc::connection_reset);
  run();
  expect_fates(Errc::connection_lost);
}

TEST_F(ClientStreamEndTest, AnswersThatArrivedBeforeTheEndCount) {
  submit("a");
  submit("b");
  server_->answer(0, "first");
  server_->answer(1, "second");
  server_->peer().shut();
  run();
  EXPECT_TRUE(outcomes_[0].succeeded_with("first")) << outcomes_[0];
  EXPECT_TRUE(outcomes_[1].succeeded_with("second")) << outcomes_[1];
}

TEST_F(ClientStreamEndTest, WhenWritingFailsWhatWasSentMayStillBeAnswered) {
  submit_one_of_each_fate();
  server_->peer().in().fail_writes(std::errc::broken_pipe);
  run();
  EXPECT_FALSE(stream_->is_open());
  EXPECT_FALSE(outcomes_[1].ended());
  EXPECT_FALSE(outcomes_[2].ended()) << "half of it was sent";
  for (const std::size_t unsent : {3u, 4u, 5u}) {
    EXPECT_TRUE(outcomes_[unsent].failed_with(Errc::connection_lost, Ran::no)) << outcomes_[unsent];
  }
  server_->send(answer(2, "in time"));
  server_->peer().shut();
  run();
  EXPECT_TRUE(outcomes_[1].succeeded_with("in time")) << outcomes_[1];
  EXPECT_TRUE(outcomes_[2].failed_with(Errc::connection_lost, Ran::no)) << outcomes_[2];
}

TEST_F(ClientStreamEndTest, WhenWritingFailsAndThePeerSaysNothingTheConnectionStillEnds) {
  submit("sent", {.timeout = 60s});
  server_->peer().in().fail_writes(std::errc::broken_pipe);
  submit("unsent");
  EXPECT_TRUE(outcomes_[1].failed_with(Errc::connection_lost, Ran::no)) << outcomes_[1];
  EXPECT_FALSE(stream_->is_open());
  advance(3s);
  EXPECT_TRUE(outcomes_[0].failed_with(Errc::connection_lost, Ran::maybe)) << outcomes_[0];
}

TEST_F(ClientStreamEndTest, OnceItHasEndedCallsFailAtOnce) {
  server_->peer().shut();
  run();
  Outcome& late = submit("late");
  EXPECT_TRUE(late.failed_with(Errc::unreachable, Ran::no)) << late;
  EXPECT_EQ(late.at, start_);
}

TEST_F(ClientStreamEndTest, TheLastByteOfACallMakesItMaybe) {
  for (const std::size_t missing : {1u, 0u}) {
    connect({});
    const std::size_t first = outcomes_.size();
    server_takes_nothing(32 + 32 + 10 - missing);
    submit_only("");
    submit(std::string(10, 'x'));
    server_->peer().shut();
    run();
    EXPECT_TRUE(outcomes_[first].failed_with(Errc::connection_lost, Ran::maybe)) << outcomes_[first];
    EXPECT_TRUE(outcomes_[first + 1].failed_with(Errc::connection_lost, missing > 0 ? Ran::no : Ran::maybe))
        << outcomes_[first + 1];
    server_takes_ = true;
  }
}

// --- close() ---------------------------------------------------------------------------------------------------------

TEST_F(ClientStreamEndTest, CloseWaitsForTheAnswersThatAreOwed) {
  submit("slow");
  Running<void> closing(stream_->close(60s));
  EXPECT_FALSE(stream_->is_open());
  for (int i = 0; i < 5; ++i) {
    advance(1s);
    server_->answer_pings();
  }
  EXPECT_FALSE(closing.finished());
  server_->answer(0, "here");
  run();
  EXPECT_TRUE(closing.finished());
  EXPECT_TRUE(outcomes_[0].succeeded_with("here"));
  EXPECT_EQ(stream_->end_reason(), "closed by its owner");
  EXPECT_TRUE(server_->peer().sees_end());
}

TEST_F(ClientStreamEndTest, CloseSendsWhatIsQueuedFirst) {
  ClientStreamConfig config = test::plain_config();
  config.window = 1;
  connect(config);
  for (int i = 0; i < 3; ++i) submit(std::to_string(i));
  Running<void> closing(stream_->close(60s));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(closing.finished());
    server_->answer(i);
    run();
  }
  EXPECT_TRUE(closing.finished());
  for (const Outcome& outcome : outcomes_) EXPECT_TRUE(outcome.succeeded_with("")) << outcome;
}

TEST_F(ClientStreamEndTest, CloseOfAnIdleStreamIsDoneAtOnce) {
  Running<void> closing(stream_->close(60s));
  EXPECT_TRUE(closing.finished());
  run();
  EXPECT_TRUE(server_->peer().sees_end());
}

TEST_F(ClientStreamEndTest, CloseReturnsAtItsLimitWithAPeerThatSaysNothing) {
  submit_one_of_each_fate();
  Running<void> closing(stream_->close(2500ms));
  advance(2500ms - 1ns);
  EXPECT_FALSE(closing.finished());
  advance(1ns);
  EXPECT_TRUE(closing.finished());
  expect_fates(Errc::closed);
}

TEST_F(ClientStreamEndTest, CloseReturnsAtItsLimitWithAPeerThatTalksNonsenseSlowly) {
  submit();
  Running<void> closing(stream_->close(10s));
  const base::Bytes whole = answer(1, std::string(100, 'x'));
  for (int i = 0; i < 100; ++i) {
    server_->send(base::Bytes(1, whole[static_cast<std::size_t>(i)]));
    advance(100ms);
  }
  EXPECT_TRUE(closing.finished());
  EXPECT_TRUE(outcomes_[0].failed_with(Errc::closed, Ran::maybe)) << outcomes_[0];
}

TEST_F(ClientStreamEndTest, CloseWithoutTimeEndsWithinATurn) {
  submit("sent");
  Running<void> closing(stream_->close(0s));
  run();
  advance(1ns);
  EXPECT_TRUE(closing.finished());
  EXPECT_TRUE(outcomes_[0].failed_with(Errc::closed, Ran::maybe)) << outcomes_[0];
}

TEST_F(ClientStreamEndTest, WhatIsSubmittedAfterCloseFailsAndNeverRan) {
  submit("before");
  Running<void> closing(stream_->close(60s));
  Outcome& beside = submit("beside");
  EXPECT_TRUE(beside.failed_with(Errc::closed, Ran::no)) << beside;
  server_->answer(0);
  run();
  EXPECT_TRUE(closing.finished());
  EXPECT_TRUE(outcomes_[0].succeeded_with(""));
  Outcome& after = submit("after");
  EXPECT_EQ(after.times, 1);
  EXPECT_EQ(after.ran, Ran::no);
  EXPECT_EQ(server_->calls.size(), 1u);
}

TEST_F(ClientStreamEndTest, CloseMayBeCalledAgainAndBeside) {
  submit();
  Running<void> patient(stream_->close(60s));
  Running<void> hasty(stream_->close(1s));
  advance(1s);
  EXPECT_TRUE(hasty.finished());
  EXPECT_TRUE(patient.finished());
  EXPECT_TRUE(outcomes_[0].failed_with(Errc::closed, Ran::maybe)) << outcomes_[0];
  Running<void> again(stream_->close(1s));
  EXPECT_TRUE(again.finished());
}

TEST_F(ClientStreamEndTest, CloseEndsWhenTheConnectionDoes) {
  submit();
  Running<void> closing(stream_->close(60s));
  server_->peer().reset();
  run();
  EXPECT_TRUE(closing.finished());
  EXPECT_TRUE(outcomes_[0].failed_with(Errc::connection_lost, Ran::maybe)) << outcomes_[0];
}

TEST_F(ClientStreamEndTest, CloseEndsWhenAllThatIsOwedExpires) {
  submit("", {.timeout = 500ms});
  Running<void> closing(stream_->close(60s));
  advance(1s);
  EXPECT_TRUE(closing.finished());
  EXPECT_TRUE(outcomes_[0].failed_with(Errc::deadline_exceeded, Ran::maybe)) << outcomes_[0];
}

TEST_F(ClientStreamEndTest, CloseWaitsForAnAbandonedCallNoLongerThanForOthers) {
  {
    const StreamCall dropped = stream_->call_encoded(kAction, {});
  }
  run();
  Running<void> closing(stream_->close(60s));
  server_->answer(0);
  run();
  EXPECT_TRUE(closing.finished());
}

TEST_F(ClientStreamEndTest, ACloseThatIsNotAwaitedStillTakesNoNewCalls) {
  submit();
  {
    Running<void> closing(stream_->close(60s));
  }
  Outcome& beside = submit();
  EXPECT_TRUE(beside.failed_with(Errc::closed, Ran::no)) << beside;
  server_->answer(0);
  run();
  EXPECT_TRUE(outcomes_[0].succeeded_with(""));
}

TEST_F(ClientStreamEndTest, NothingCompletesAfterCloseReturned) {
  submit_one_of_each_fate();
  bool closed = false;
  for (Outcome& outcome : outcomes_) {
    outcome.then = [&] { EXPECT_FALSE(closed); };
  }
  submit_only("refused").then = [&] { EXPECT_FALSE(closed); };
  Running<void> closing(stream_->close(1s));
  submit_only("beside").then = [&] { EXPECT_FALSE(closed); };
  while (!closing.finished()) advance(10ms);
  closed = true;
  advance(1h);
}

// --- Destroying ------------------------------------------------------------------------------------------------------

TEST_F(ClientStreamEndTest, DestroyingItCompletesEverythingBeforeItReturns) {
  submit_one_of_each_fate();
  stream_.reset();
  expect_fates(Errc::closed);
}

TEST_F(ClientStreamEndTest, DestroyingItCompletesWhatWasRefusedInTheSameTurn) {
  Outcome& refused = submit_only(std::string(20'000'000, 'x'));
  EXPECT_FALSE(refused.ended());
  stream_.reset();
  EXPECT_TRUE(refused.failed_with(Errc::too_large, Ran::no)) << refused;
}

TEST_F(ClientStreamEndTest, ACallThatIsAwaitedMayOutliveTheStream) {
  std::vector<StreamCall> calls;
  calls.push_back(stream_->call_encoded(kAction, base::as_bytes("sent")));
  run();
  calls.push_back(stream_->call_encoded(kAction, base::as_bytes("unsent")));
  stream_.reset();
  for (StreamCall& call : calls) {
    EXPECT_TRUE(call.done());
    await(std::move(call), outcomes_.emplace_back());
  }
  run();
  EXPECT_TRUE(outcomes_[0].failed_with(Errc::closed, Ran::maybe)) << outcomes_[0];
  EXPECT_TRUE(outcomes_[1].failed_with(Errc::closed, Ran::no)) << outcomes_[1];
}

TEST_F(ClientStreamEndTest, AssigningAnotherStreamClosesTheOneThereWas) {
  submit("old");
  auto [stream, peer] = world_.network().connected_to_hand();
  *stream_ = ClientStream(world_, std::move(stream));
  EXPECT_TRUE(outcomes_[0].failed_with(Errc::closed, Ran::maybe)) << outcomes_[0];
  EXPECT_TRUE(server_->peer().sees_end());
  server_.emplace(std::move(peer));
  Outcome& fresh = submit("new");
  server_->answer(0, "fine");
  run();
  EXPECT_TRUE(fresh.succeeded_with("fine"));
}

TEST_F(ClientStreamEndTest, AStreamMayMoveWithCallsUnderWay) {
  submit("one");
  ClientStream moved = *std::move(stream_);
  EXPECT_EQ(moved.stats().in_flight, 1u);
  server_->answer(0, "fine");
  run();
  EXPECT_TRUE(outcomes_[0].succeeded_with("fine"));
}

TEST_F(ClientStreamEndTest, DestroyingItWhileItCloses) {
  submit("sent");
  Running<void> closing(stream_->close(60s));
  stream_.reset();
  EXPECT_TRUE(outcomes_[0].failed_with(Errc::closed, Ran::maybe)) << outcomes_[0];
  run();
  EXPECT_TRUE(closing.finished());
}

TEST_F(ClientStreamEndTest, NothingIsLeftBehind) {
  submit_one_of_each_fate();
  stream_.reset();
  run();
  EXPECT_EQ(world_.clock().timers_armed(), 0u);
  EXPECT_EQ(world_.executor().roots_count(), 0u);
  EXPECT_EQ(world_.executor().ready_count(), 0u);
  EXPECT_TRUE(server_->peer().sees_end() || server_->peer().in().ended());
}

// --- What completions may do -----------------------------------------------------------------------------------------

TEST_F(ClientStreamEndTest, ACompletionMaySubmit) {
  submit("1").then = [this] { submit_only("2").then = [this] { submit_only("3"); }; };
  for (std::size_t i = 0; i < 3; ++i) {
    server_->answer(i);
    run();
  }
  EXPECT_EQ(outcomes_.size(), 3u);
  EXPECT_EQ(server_->calls.at(2).msg, "3");
}

TEST_F(ClientStreamEndTest, ACompletionMaySubmitToAStreamThatEnds) {
  submit("1").then = [this] { submit_only("2").then = [this] { submit_only("3"); }; };
  server_->peer().shut();
  run();
  ASSERT_EQ(outcomes_.size(), 3u);
  EXPECT_TRUE(outcomes_[1].failed_with(Errc::unreachable, Ran::no)) << outcomes_[1];
  EXPECT_TRUE(outcomes_[2].failed_with(Errc::unreachable, Ran::no)) << outcomes_[2];
}

TEST_F(ClientStreamEndTest, ACompletionMaySubmitToAStreamThatIsBeingClosed) {
  submit("1").then = [this] { submit_only("2"); };
  bool closed = false;
  Running<void> closing(stream_->close(1s));
  advance(1s);
  closed = closing.finished();
  EXPECT_TRUE(closed);
  ASSERT_EQ(outcomes_.size(), 2u);
  EXPECT_EQ(outcomes_[1].times, 1);
  EXPECT_EQ(outcomes_[1].ran, Ran::no);
}

// Destroys the stream in the completion of the first call, and wants the others to be through before it goes on.
TEST_F(ClientStreamEndTest, ACompletionOfAnAnswerMayDestroyTheStream) {
  submit("1").then = [this] {
    stream_.reset();
    EXPECT_EQ(outcomes_[1].times, 1) << "the destructor left a call behind";
  };
  submit("2").then = [this] { EXPECT_FALSE(stream_.has_value()) << "optional is empty while it destroys"; };
  server_->answer(0);
  server_->answer(1);
  run();
  EXPECT_TRUE(outcomes_[0].succeeded_with(""));
  EXPECT_TRUE(outcomes_[1].failed_with(Errc::closed, Ran::maybe)) << outcomes_[1];
}

TEST_F(ClientStreamEndTest, ACompletionMayClose) {
  std::optional<Running<void>> closing;
  submit("1").then = [&] { closing.emplace(stream_->close(0s)); };
  submit("2");
  server_->answer(0);
  run();
  advance(1ns);
  ASSERT_TRUE(closing.has_value());
  EXPECT_TRUE(closing->finished());
  EXPECT_TRUE(outcomes_[1].failed_with(Errc::closed, Ran::maybe)) << outcomes_[1];
}

TEST_F(ClientStreamEndTest, ACompletionMayDropOtherCalls) {
  std::vector<StreamCall> others;
  submit("1").then = [&] { others.clear(); };
  others.push_back(stream_->call_encoded(kAction, {}));
  others.push_back(stream_->call_encoded(kAction, {}));
  run();
  server_->peer().shut();
  run();
  EXPECT_TRUE(others.empty());
}

TEST_F(ClientStreamEndTest, ACompletionThatDestroysAndThrowsIsReported) {
  submit("1").then = [this] {
    stream_.reset();
    throw std::runtime_error("after all");
  };
  server_->answer(0);
  run();
  ASSERT_EQ(world_.log().errors.size(), 1u);
  EXPECT_EQ(world_.log().errors[0], "the completion of action 5 threw: after all");
}

}  // namespace
}  // namespace razor::stream
