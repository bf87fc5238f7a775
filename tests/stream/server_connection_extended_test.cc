// ServerConnection with peers that begin with a hello: what it believes of them, whom it tells what, and how it asks them to leave.
// With all others it speaks plain version 1, byte for byte.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "tests/stream/served.h"
#include "tests/support/extended_frames.h"
#include "tests/support/pick.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using base::TimePoint;
using test::kNoLeft;
using test::kStart;
using test::SeenAnswer;
using Seqs = std::vector<wire::Seq>;
using State = Drain::State;
using AskedFor = wire::ServerControl::Reason;

// As fixed for ever by the protocol.
constexpr std::uint32_t kOverloaded = 6, kDraining = 7, kExpired = 9, kCancelled = 10;
constexpr char kRanNo = 0, kRanYes = 2;

struct Told final : CancelListener {
  void on_cancelled() override { ++told; }
  int told = 0;
};

void greet(Served& one, std::uint8_t features = test::kFeatureCancel | test::kFeatureDrain) {
  ASSERT_TRUE(one.receive(test::hello(1, features)));
  ASSERT_EQ(one.take().size(), 1u);
  ASSERT_TRUE(one.connection.is_extended());
}

void expect_refused(const SeenAnswer& answer, wire::Seq seq, std::uint32_t code, char ran = kRanNo) {
  EXPECT_EQ(answer.seq, seq);
  EXPECT_EQ(answer.flag, 3);
  EXPECT_EQ(answer.number, code);
  ASSERT_GE(answer.blob.size(), 8u);
  EXPECT_EQ(answer.blob[0], ran);
}
// The control frame of a server: its kind, milliseconds, and seq.
void expect_control(const SeenAnswer& answer, std::uint8_t kind, std::uint32_t milliseconds, wire::Seq last,
                    AskedFor reason) {
  EXPECT_EQ(answer.seq, 0u);
  EXPECT_EQ(answer.flag, 2);
  EXPECT_EQ(answer.msg, "");
  base::Bytes blob = test::bytes_of(answer.blob);
  ASSERT_EQ(blob.size(), 24u);
  base::ByteView at = blob;
  EXPECT_EQ(test::take_little<std::uint8_t>(at), kind);
  EXPECT_EQ(test::take_little<std::uint8_t>(at), static_cast<std::uint8_t>(reason));
  EXPECT_EQ(test::take_little<std::uint16_t>(at), 0u);
  EXPECT_EQ(test::take_little<std::uint32_t>(at), milliseconds);
  EXPECT_EQ(test::take_little<std::uint64_t>(at), last);
}

// --- Hello -----------------------------------------------------------------------------------------------------------

TEST(ServerConnectionExtended, AHelloThatIsTheFirstFrameIsAnsweredWithOne) {
  Served one;
  EXPECT_TRUE(one.receive(test::hello(1)));
  EXPECT_TRUE(one.connection.is_extended());
  const auto answers = one.take();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].seq, 1u);
  EXPECT_EQ(answers[0].flag, 0);
  EXPECT_EQ(answers[0].msg, "");
  const auto own = wire::decode_hello(base::as_bytes(answers[0].blob));
  ASSERT_TRUE(own);
  EXPECT_TRUE(own->has(wire::Feature::cancel));
  EXPECT_TRUE(own->has(wire::Feature::drain));
  EXPECT_EQ(own->msg_max, one.common.config.limits.msg_bytes_max);
  EXPECT_EQ(one.common.stats.pings, 1u);
  EXPECT_TRUE(one.handler.seqs.empty());
}

// After `first`, which is no hello to this server, the connection is plain: words and control frames mean nothing.
void expect_plain_after(base::ByteView first, const ServerConfig& config = {}) {
  Served one(config);
  EXPECT_TRUE(one.receive(first));
  EXPECT_FALSE(one.connection.is_extended());
  for (const wire::Seq seq : one.handler.seqs) one.answer(seq);
  for (const SeenAnswer& answer : one.take()) {
    EXPECT_EQ(answer.flag, 0);
    EXPECT_EQ(answer.blob, "") << "an ordinary pong";
  }
  one.handler.seqs.clear();
  EXPECT_TRUE(one.receive(test::joined(test::worded(7, 0), test::cancel(7), test::worded(7, 1))));
  EXPECT_EQ(one.handler.seqs, (Seqs{7, 7})) << "the word is not believed, and a peer may use a seq twice";
  EXPECT_EQ(one.handler.deadlines[7], TimePoint::max());
  EXPECT_FALSE(one.connection.is_cancelled(7));
  EXPECT_FALSE(one.connection.leave(one.now, 1s, AskedFor::shutdown));
  one.connection.drain(false);
  EXPECT_TRUE(one.receive(test::worded(8)));
  for (const SeenAnswer& answer : one.take()) {
    EXPECT_NE(answer.seq, 0u) << "a control frame";
    EXPECT_LT(answer.flag, 3);
  }
  one.answer(7);
  one.answer(7);
}

TEST(ServerConnectionExtended, WhatIsNoHelloIsAPingAndTheConnectionStaysPlain) {
  const base::Bytes map = test::hello_map();
  expect_plain_after(test::control(test::kHello, 1));
  expect_plain_after(test::control(test::kHello, 1, 0, base::ByteView(map).first(map.size() - 1)));
  expect_plain_after(test::control(test::kHello, 1, 0, test::joined(map, test::bytes_of("x"))));
  base::Bytes large = test::bytes_of("\x82\xa1v\x01\xa1x\xda\x04\x00");  // "x": a text of 1,024 bytes
  large.resize(large.size() + 1024, std::byte{'y'});
  ASSERT_GT(large.size(), 1024u);
  expect_plain_after(test::control(test::kHello, 1, 0, large));
  expect_plain_after(test::prompt_ping(1));
}

TEST(ServerConnectionExtended, AHelloBehindAnyFrameIsAPing) {
  expect_plain_after(test::joined(test::ping(1), test::hello(2)));
  expect_plain_after(test::joined(test::request(1, 5), test::hello(2)));
  expect_plain_after(test::joined(test::control(test::kHello, 1), test::hello(2)));
  expect_plain_after(test::joined(test::cancel(1), test::hello(2)));
}

TEST(ServerConnectionExtended, WhereHelloIsOffItIsAPing) {
  ServerConfig config;
  config.hello = HelloMode::off;
  expect_plain_after(test::hello(1), config);
}

TEST(ServerConnectionExtended, WhereHelloIsRequiredOnlyPlainPeersAreRefused) {
  ServerConfig config;
  config.hello = HelloMode::required;
  Served plain(config);
  (void)plain.receive(test::joined(test::ping(1), test::request(2, 5)));
  EXPECT_TRUE(plain.handler.seqs.empty());
  const auto answers = plain.take();
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[1].flag, 2);
  EXPECT_EQ(answers[1].blob, "rpc_invalid_ver");
  EXPECT_EQ(plain.connection.state(), State::serving);
  Served extended(config);
  greet(extended);
  (void)extended.receive(test::worded(2));
  EXPECT_EQ(extended.handler.seqs, Seqs{2});
  extended.answer(2);
}

// --- Responses that nobody wants -------------------------------------------------------------------------------------

TEST(ServerConnectionExtended, AResponseThatNobodyWaitsForIsNotSent) {
  Served one;
  greet(one);
  (void)one.receive(test::joined(test::worded(2), test::worded(3, 1'000), test::worded(4, 1'000), test::cancel(2)));
  one.answer(2, std::string(1'000, 'x'));
  one.answer(4, "in time");
  one.now += 151'563us;
  (void)one.receive(test::worded(5));
  one.answer(3, std::string(1'000, 'x'));
  const auto answers = one.take();
  ASSERT_EQ(answers.size(), 3u);
  expect_refused(answers[0], 2, kCancelled, kRanYes);
  EXPECT_EQ(answers[1].flag, 0);
  expect_refused(answers[2], 3, kExpired, kRanYes);
  one.answer(5);
}

TEST(ServerConnectionExtended, UntilTheCallerHasGivenUpForCertainItsResponseIsSent) {
  Served one;
  greet(one);
  (void)one.receive(test::worded(2, 1'000));
  one.now += 151'562us;  // 100 ms, a 64th of it, and 50 ms, less half a microsecond
  (void)one.receive(test::worded(3));
  one.answer(2);
  EXPECT_EQ(one.take().at(0).flag, 0);
  one.answer(3);
}

// --- The call word ---------------------------------------------------------------------------------------------------

TEST(ServerConnectionExtended, TheCallWordSaysUntilWhenTheCallerWaits) {
  Served one;
  greet(one);
  (void)one.receive(test::joined(test::worded(2, 20'000), test::worded(3, kNoLeft), test::worded(4, 1),
                                 test::worded(5, kNoLeft - 1), test::request(6, 5)));
  EXPECT_EQ(one.handler.seqs, (Seqs{2, 3, 4, 5, 6}));
  EXPECT_EQ(one.handler.deadlines[2], kStart + 2s);
  EXPECT_EQ(one.connection.deadline(2), kStart + 2s);
  EXPECT_EQ(one.connection.stop_at(2), kStart + 2s + 31'250us + 50ms) << "so that the client has given up before";
  EXPECT_EQ(one.connection.deadline(3), TimePoint::max());
  EXPECT_EQ(one.connection.stop_at(3), TimePoint::max());
  EXPECT_EQ(one.connection.deadline(4), kStart + 100us);
  EXPECT_EQ(one.connection.deadline(5), kStart + std::int64_t{kNoLeft - 1} * 100us);
  EXPECT_EQ(one.connection.deadline(6), TimePoint::max()) << "a request without a word";
  for (wire::Seq seq = 2; seq <= 6; ++seq) one.answer(seq);
  EXPECT_EQ(one.connection.deadline(2), TimePoint::max()) << "it does not run any more";
}

TEST(ServerConnectionExtended, ACallWhoseTimeIsOverIsRefusedBeforeAnythingElse) {
  ServerConfig config;
  config.handlers_max = 1;
  Served one(config);
  greet(one);
  (void)one.receive(test::joined(test::worded(2), test::worded(3, 0), test::worded(4)));
  EXPECT_EQ(one.handler.seqs, Seqs{2});
  auto answers = one.take();
  ASSERT_EQ(answers.size(), 2u);
  expect_refused(answers[0], 3, kExpired);
  expect_refused(answers[1], 4, kOverloaded);
  EXPECT_EQ(one.common.stats.expired, 1u);
  EXPECT_EQ(one.common.stats.overloaded, 1u);
  EXPECT_EQ(one.common.stats.requests, 3u);
  EXPECT_EQ(one.common.stats.dispatched, 1u);
  one.answer(2);
}

// What is read behind a stall of the process may have been sent so much earlier, or just now. What may be too late is refused, which
// says that it did not run; what runs has all of its time, since nothing that ran may fail before its deadline.
TEST(ServerConnectionExtended, WhatMayHaveComeTooLateIsRefused) {
  Served one;
  greet(one);
  (void)one.receive(test::joined(test::worded(2, 1'999), test::worded(3, 2'000), test::worded(4, 2'001)), 200ms);
  EXPECT_EQ(one.handler.seqs, Seqs{4});
  EXPECT_EQ(one.handler.deadlines[4], kStart + 200ms + 100us);
  EXPECT_EQ(one.common.stats.expired, 2u);
  one.answer(4);
}

TEST(ServerConnectionExtended, TimeGoesOnWhileARequestWaitsForAHandler) {
  ServerConfig config;
  config.handlers_per_connection_max = 1;
  Served one(config);
  greet(one);
  EXPECT_FALSE(one.receive(test::joined(test::worded(2), test::worded(3, 10'000), test::worded(4, 50'000))));
  EXPECT_EQ(one.handler.seqs, Seqs{2});
  one.now += 2s;
  one.answer(2);
  ASSERT_TRUE(one.connection.may_resume());
  one.connection.on_resume(one.now, false);
  EXPECT_TRUE(one.go_on());
  EXPECT_EQ(one.handler.seqs, (Seqs{2, 4}));
  EXPECT_EQ(one.handler.deadlines[4], kStart + 5s) << "counted from its arrival";
  const auto answers = one.take();
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].seq, 2u);
  expect_refused(answers[1], 3, kExpired);
  one.answer(4);
}

// --- Seqs ------------------------------------------------------------------------------------------------------------

void expect_broken_by(base::ByteView frame) {
  Served one;
  greet(one);
  (void)one.receive(test::joined(test::worded(5), base::to_bytes(frame), test::worded(9)));
  EXPECT_EQ(one.connection.state(), State::refusing);
  EXPECT_EQ(one.common.stats.connections_faulty, 1u);
  EXPECT_EQ(one.handler.seqs, Seqs{5}) << "nothing behind it is read";
  EXPECT_EQ(one.connection.next_step(true), Drain::Step::none);
  one.answer(5);
  const auto answers = one.take();
  ASSERT_EQ(answers.size(), 1u) << "what was asked before is answered";
  EXPECT_EQ(answers[0].seq, 5u);
  EXPECT_EQ(one.connection.next_step(true), Drain::Step::shut_write);
}

TEST(ServerConnectionExtended, SeqsThatDoNotGrowBreakTheProtocol) {
  expect_broken_by(test::worded(5));
  expect_broken_by(test::worded(4));
  expect_broken_by(test::request(1, 5));
  expect_broken_by(test::worded(0));
  expect_broken_by(test::ping(5));
  expect_broken_by(test::prompt_ping(3));
  expect_broken_by(test::hello(1));
  expect_broken_by(test::cancel(6));  // of a request that was never sent
  expect_broken_by(test::cancel(~std::uint64_t{0}));
}

TEST(ServerConnectionExtended, SeqsMayJump) {
  Served one;
  greet(one);
  const wire::Seq far = wire::Seq{1} << 60;
  (void)one.receive(test::joined(test::worded(7), test::ping(9), test::worded(far), test::worded(far + 64)));
  EXPECT_EQ(one.handler.seqs, (Seqs{7, far, far + 64}));
  (void)one.receive(test::cancel(far));
  EXPECT_FALSE(one.connection.is_cancelled(7));
  EXPECT_TRUE(one.connection.is_cancelled(far));
  for (const wire::Seq seq : one.handler.seqs) one.answer(seq);
  EXPECT_EQ(one.take().size(), 4u);
}

// --- Cancellation ----------------------------------------------------------------------------------------------------

TEST(ServerConnectionExtended, ACancelledCallIsToldOnceAndStillAnswered) {
  Served one;
  greet(one);
  Told ear, others, late;
  (void)one.receive(test::joined(test::worded(2), test::worded(3)));
  one.connection.listen(2, ear);
  one.connection.listen(3, others);
  (void)one.receive(test::joined(test::cancel(2), test::cancel(2)));
  EXPECT_EQ(ear.told, 1);
  EXPECT_EQ(others.told, 0);
  EXPECT_TRUE(one.connection.is_cancelled(2));
  EXPECT_FALSE(one.connection.is_cancelled(3));
  one.connection.listen(2, late);
  EXPECT_EQ(late.told, 1) << "who asks later hears it at once";
  EXPECT_EQ(one.connection.stats().handlers, 2u) << "it runs, and counts";
  EXPECT_TRUE(one.take().empty()) << "a cancel has no response of its own";
  one.answer(2);
  one.answer(3);
  EXPECT_EQ(one.take().size(), 2u);
  EXPECT_EQ(one.common.stats.cancels, 2u);
  EXPECT_EQ(one.connection.state(), State::serving);
}

TEST(ServerConnectionExtended, ACancelOfWhatHasEndedIsIgnored) {
  Served one;
  greet(one);
  (void)one.receive(test::joined(test::worded(2), test::ping(3)));
  one.answer(2);
  (void)one.receive(test::joined(test::cancel(2), test::cancel(3), test::cancel(1), test::cancel(0), test::worded(4)));
  EXPECT_EQ(one.connection.state(), State::serving);
  EXPECT_EQ(one.handler.seqs, (Seqs{2, 4}));
  EXPECT_FALSE(one.connection.is_cancelled(4));
  one.answer(4);
}

TEST(ServerConnectionExtended, ARequestThatWaitsHearsOfItsCancelOnceItRuns) {
  ServerConfig config;
  config.handlers_per_connection_max = 1;
  Served one(config);
  greet(one);
  EXPECT_FALSE(one.receive(test::joined(test::worded(2), test::worded(3), test::cancel(3))));
  one.answer(2);
  one.connection.on_resume(one.now, false);
  EXPECT_TRUE(one.go_on());
  EXPECT_EQ(one.handler.seqs, (Seqs{2, 3}));
  EXPECT_TRUE(one.connection.is_cancelled(3));
  one.answer(3);
}

TEST(ServerConnectionExtended, NobodyWaitsAnyMoreOnceThePeerHasClosed) {
  Served one;
  greet(one);
  Told ear;
  (void)one.receive(test::worded(2));
  one.connection.listen(2, ear);
  one.connection.on_peer_closed(one.now);
  EXPECT_EQ(ear.told, 1);
  EXPECT_TRUE(one.connection.is_cancelled(2));
  EXPECT_EQ(one.connection.next_step(false), Drain::Step::none);
  one.answer(2);

  Served plain;
  Told patient;
  (void)plain.receive(test::request(2, 5));
  plain.connection.listen(2, patient);
  plain.connection.on_peer_closed(plain.now);
  EXPECT_EQ(patient.told, 0) << "a plain peer may shut its side, and read its responses";
  plain.connection.close("the test says so");
  EXPECT_EQ(patient.told, 1);
  plain.answer(2);
}

// --- Control frames --------------------------------------------------------------------------------------------------

TEST(ServerConnectionExtended, ControlFramesOfLaterVersionsAreSkippedAndCounted) {
  Served one;
  greet(one);
  std::uint64_t unknown = 0;
  for (int format = 0x80; format <= 0xff; ++format) {
    if (format == test::kHello || format == test::kCancel || format == test::kDrained || format == test::kPromptPing)
      continue;
    const std::uint64_t seq = 0;
    (void)one.receive(test::joined(test::control(static_cast<std::uint8_t>(format), seq),
                                   test::control(static_cast<std::uint8_t>(format), ~seq, ~seq, test::bytes_of("blob"))));
    unknown += 2;
  }
  EXPECT_EQ(one.common.stats.controls_unknown, unknown);
  EXPECT_TRUE(one.take().empty());
  EXPECT_EQ(one.connection.state(), State::serving);
  (void)one.receive(test::worded(2));
  EXPECT_EQ(one.handler.seqs, Seqs{2}) << "they are no part of the order of seqs";
  one.answer(2);
}

TEST(ServerConnectionExtended, PingsAreAnsweredAsOfAPlainPeer) {
  Served one;
  greet(one);
  (void)one.receive(test::joined(test::worded(2), test::ping(3), test::prompt_ping(4)));
  auto answers = one.take();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].seq, 4u);
  one.answer(2);
  answers = one.take();
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[1].seq, 3u);
  EXPECT_EQ(answers[1].blob, "");
}

// --- Failures --------------------------------------------------------------------------------------------------------

TEST(ServerConnectionExtended, FailuresSayForCertainWhetherTheCallRan) {
  Served one;
  greet(one);
  (void)one.receive(test::joined(test::worded(2), test::worded(3)));
  one.connection.begin(true);
  one.connection.refuse(2, Failure(base::Errc::internal, base::Ran::maybe, "it threw"));
  one.connection.begin(true);
  one.connection.refuse(3, Failure(base::Errc::method_not_found, base::Ran::no));
  const auto answers = one.take();
  ASSERT_EQ(answers.size(), 2u);
  expect_refused(answers[0], 2, 5, kRanYes);
  EXPECT_EQ(answers[0].blob.substr(8), "it threw");
  expect_refused(answers[1], 3, 1, kRanNo);
}

// The block stands in front of the action, and takes part in no other length.
TEST(ServerConnectionExtended, RecordsThatItDoesNotKnowAreSkippedUnlessTheyMustBeUnderstood) {
  Served one;
  greet(one);
  const auto with_block = [](wire::Seq seq, std::string_view block) {
    test::RequestBytes frame;
    frame.format = 0x40;
    frame.action = 5;
    frame.seq = seq;
    frame.client_id = test::kNoLeft | static_cast<std::uint64_t>(block.size()) << 48;
    frame.body = base::to_bytes(base::as_bytes(block));
    return frame.bytes();
  };
  using namespace std::string_view_literals;
  (void)one.receive(test::joined(with_block(2, "\x10\0\x02\0ab"sv), with_block(3, "\x90\0\x02\0ab"sv)));
  (void)one.receive(test::joined(with_block(4, "\x10\0\x09\0ab"sv), test::worded(5)));
  EXPECT_EQ(one.handler.seqs, (std::vector<wire::Seq>{2, 5}));
  const auto answers = one.take();
  ASSERT_EQ(answers.size(), 2u);
  expect_refused(answers[0], 3, 11, kRanNo);
  expect_refused(answers[1], 4, 3, kRanNo);
}

// --- Leaving ---------------------------------------------------------------------------------------------------------

TEST(ServerConnectionExtended, APeerIsAskedToLeaveAndServedUntilItDoes) {
  Served one;
  greet(one);
  ASSERT_TRUE(one.connection.leave(one.now, 1500ms, AskedFor::max_age));
  EXPECT_FALSE(one.connection.leave(one.now, 1500ms, AskedFor::max_age)) << "it is asked once";
  EXPECT_TRUE(one.connection.is_leaving());
  EXPECT_EQ(one.connection.state(), State::leaving);
  auto answers = one.take();
  ASSERT_EQ(answers.size(), 1u);
  expect_control(answers[0], 1, 1500, 0, AskedFor::max_age);
  (void)one.receive(test::worded(2));
  EXPECT_EQ(one.handler.seqs, Seqs{2});
  EXPECT_FALSE(one.connection.has_left(one.now));
  EXPECT_EQ(one.connection.next_step(false), Drain::Step::none);
  (void)one.receive(test::drained(2));
  EXPECT_TRUE(one.connection.has_left(one.now));
  one.connection.drain(false);
  EXPECT_EQ(one.connection.next_step(false), Drain::Step::none) << "a response is owed";
  one.answer(2);
  answers = one.take();
  ASSERT_EQ(answers.size(), 2u);
  expect_control(answers[0], 2, 0, 2, AskedFor::shutdown);
  EXPECT_EQ(answers[1].seq, 2u);
  EXPECT_EQ(one.connection.next_step(false), Drain::Step::shut_write);
}

TEST(ServerConnectionExtended, APeerThatDoesNotLeaveHasItsTime) {
  Served one;
  greet(one);
  ASSERT_TRUE(one.connection.leave(one.now, 1s, AskedFor::shutdown));
  EXPECT_LE(one.connection.next_timer(), kStart + 1s);
  EXPECT_FALSE(one.connection.has_left(kStart + 1s - 1ns));
  EXPECT_TRUE(one.connection.has_left(kStart + 1s));
  one.connection.drain(false);
  EXPECT_FALSE(one.connection.has_left(kStart + 1s)) << "that was it";
  (void)one.receive(test::joined(test::worded(2), test::worded(3, 0)));
  EXPECT_TRUE(one.handler.seqs.empty());
  const auto answers = one.take();
  ASSERT_EQ(answers.size(), 4u);
  expect_control(answers[1], 2, 0, 1, AskedFor::shutdown);
  expect_refused(answers[2], 2, kDraining);
  expect_refused(answers[3], 3, kExpired);
}

TEST(ServerConnectionExtended, APeerThatLeftUnaskedIsBelievedOnceItIsAsked) {
  Served one;
  greet(one);
  (void)one.receive(test::drained(1));
  EXPECT_FALSE(one.connection.has_left(one.now));
  EXPECT_EQ(one.connection.state(), State::serving);
  ASSERT_TRUE(one.connection.leave(one.now, 1s, AskedFor::shutdown));
  EXPECT_TRUE(one.connection.has_left(one.now));
}

TEST(ServerConnectionExtended, TheLastRequestThatIsTakenIsTheOneBeforeThoseThatWait) {
  ServerConfig config;
  config.handlers_per_connection_max = 1;
  Served one(config);
  greet(one);
  EXPECT_FALSE(one.receive(test::joined(test::worded(5), test::worded(9), test::worded(12))));
  one.connection.drain(false);
  auto answers = one.take();
  ASSERT_EQ(answers.size(), 1u);
  ASSERT_EQ(answers[0].seq, 0u);
  base::Bytes blob = test::bytes_of(answers[0].blob);
  base::ByteView at = base::ByteView(blob).subspan(8);
  const auto last = test::take_little<std::uint64_t>(at);
  EXPECT_GE(last, 5u);
  EXPECT_LT(last, 9u) << "what waits in the reader is refused";
  ASSERT_TRUE(one.connection.may_resume());
  one.connection.on_resume(one.now, false);
  EXPECT_TRUE(one.go_on());
  answers = one.take();
  ASSERT_EQ(answers.size(), 2u);
  expect_refused(answers[0], 9, kDraining);
  expect_refused(answers[1], 12, kDraining);
  one.answer(5);
}

TEST(ServerConnectionExtended, APeerThatDoesNotKnowItIsNotAskedToLeave) {
  Served one;
  greet(one, test::kFeatureCancel);
  EXPECT_FALSE(one.connection.leave(one.now, 1s, AskedFor::shutdown));
  one.connection.drain(false);
  EXPECT_TRUE(one.take().empty());
  (void)one.receive(test::worded(2));
  const auto answers = one.take();
  ASSERT_EQ(answers.size(), 1u);
  expect_refused(answers[0], 2, kDraining);
}

TEST(ServerConnectionExtended, WhatALongNoticeSaysFitsItsField) {
  Served one;
  greet(one);
  ASSERT_TRUE(one.connection.leave(one.now, base::Duration::max(), AskedFor::shutdown));
  const auto answers = one.take();
  ASSERT_EQ(answers.size(), 1u);
  expect_control(answers[0], 1, 0xffff'ffff, 0, AskedFor::shutdown);
  EXPECT_FALSE(one.connection.has_left(kStart + 24h));
}

// --- Whatever a peer sends -------------------------------------------------------------------------------------------

// A plain client may have anything in the bytes that plain version 1 ignores: it hears what it always heard, byte for byte.
RC_GTEST_PROP(ServerConnectionExtended, WithPlainPeersItSpeaksPlainVersionOne, ()) {
  ServerConfig config;
  config.handlers_per_connection_max = test::pick<std::uint32_t>(1, 5);
  config.handlers_max = test::pick<std::uint32_t>(1, 6);
  config.hello = HelloMode::off;
  Served off(config);
  config.hello = HelloMode::automatic;
  Served automatic(config);
  const auto both = [&](auto&& act) {
    act(off);
    act(automatic);
  };
  bool may_read = true;
  std::uint64_t seq = 0;
  const int steps = test::pick(1, 60);
  for (int i = 0; i < steps && off.connection.state() != State::closed; ++i) {
    RC_ASSERT(off.handler.seqs == automatic.handler.seqs);
    RC_ASSERT(off.connection.state() == automatic.connection.state());
    const int what = i == 0 ? 8 : test::pick(0, 14);
    if (what < 4 && !off.handler.seqs.empty()) {
      const auto n = test::pick<std::size_t>(0, off.handler.seqs.size());
      const wire::Seq answered = off.handler.seqs[n];
      const bool fails = test::one_in(3);
      both([&](Served& one) {
        one.handler.seqs.erase(one.handler.seqs.begin() + static_cast<std::ptrdiff_t>(n));
        if (!fails) return one.answer(answered, "result");
        one.connection.begin(true);
        one.connection.refuse(answered, Failure(base::Errc::internal, base::Ran::yes, "it threw"));
      });
    } else if (what == 4) {
      both([](Served& one) { (void)one.take(); });
    } else if (what == 5 && test::one_in(6)) {
      both([](Served& one) {
        if (!one.connection.leave(one.now, 1s, AskedFor::shutdown)) one.connection.drain(false);
      });
    } else if (what == 6) {
      both([](Served& one) { one.now += 300ms; });
    } else if (may_read && off.connection.reads_requests()) {
      test::RequestBytes frame;
      frame.format = test::pick_of<std::uint8_t>({0, 0, 0x40, 0x80, 0x81, 0x82, 0x84, 0x85, 0xc0, 0xff});
      frame.seq = test::one_in(4) ? test::pick<std::uint64_t>(0, 20) : ++seq;
      frame.client_id = test::pick_of<std::uint64_t>({0, 1, 77, kNoLeft, ~std::uint64_t{0}});
      frame.action = test::one_in(2) ? 0u : 5u;
      if (test::one_in(2)) frame.body = test::hello_map();
      if (i == 0 && frame.format == test::kHello && frame.action == 0) frame.body.clear();  // else it is a hello
      frame.blob_length = static_cast<std::uint32_t>(frame.body.size());
      const base::Bytes bytes = frame.bytes();
      may_read = off.receive(bytes);
      RC_ASSERT(automatic.receive(bytes) == may_read);
    }
    RC_ASSERT(off.connection.may_resume() == automatic.connection.may_resume());
    if (!may_read && off.connection.may_resume()) {
      both([](Served& one) { one.connection.on_resume(one.now, false); });
      may_read = off.go_on();
      RC_ASSERT(automatic.go_on() == may_read);
    }
  }
  both([](Served& one) {
    (void)one.take();
    for (const wire::Seq left : one.handler.seqs) one.answer(left);
    (void)one.take();
  });
  RC_ASSERT(!automatic.connection.is_extended());
  RC_ASSERT(off.written == automatic.written);
}

// What an extended connection does with each frame, and what its peer is owed.
struct ServedAndModel {
  enum class Phase { serving, leaving, draining, broken };

  ServedAndModel() {
    RC_ASSERT(one.receive(test::hello(1)));
    owed.insert(1);
  }

  void request() {
    const std::uint64_t seq = next_seq();
    const bool has_word = !test::one_in(3);
    const auto left = has_word ? test::pick_of<std::uint32_t>({0, 1, 10'000, kNoLeft, kNoLeft}) : kNoLeft;
    (void)one.receive(has_word ? test::worded(seq, left) : test::request(seq, 5));
    if (seq <= last) return break_it();
    last = seq;
    owed.insert(seq);
    const bool is_dispatched = !one.handler.seqs.empty() && one.handler.seqs.back() == seq;
    RC_ASSERT(is_dispatched == (phase != Phase::draining && left != 0));
    if (is_dispatched) {
      RC_ASSERT((one.handler.deadlines[seq] == TimePoint::max()) == (left == kNoLeft));
      running[seq] = std::make_unique<Told>();
      one.connection.listen(seq, *running[seq]);
    }
  }
  void ping() {
    const std::uint64_t seq = next_seq();
    const auto format = test::pick_of<std::uint8_t>({0, 0x40, test::kHello, test::kPromptPing});
    (void)one.receive(test::control(format, seq, 3, test::hello_map()));
    if (seq <= last) return break_it();
    last = seq;
    owed.insert(seq);
  }
  void cancel() {
    const std::uint64_t seq = test::one_in(20) ? last + test::pick(1u, 9u) : test::pick<std::uint64_t>(0, last + 1);
    (void)one.receive(test::cancel(seq));
    if (seq > last) return break_it();
    if (running.contains(seq)) cancelled.insert(seq);
  }
  void answer() {
    if (running.empty()) return;
    const auto at = std::next(running.begin(), test::pick<std::ptrdiff_t>(0, std::ssize(running)));
    RC_ASSERT(at->second->told == (cancelled.contains(at->first) ? 1 : 0));
    RC_ASSERT(one.connection.is_cancelled(at->first) == cancelled.contains(at->first));
    if (cancelled.contains(at->first)) {
      unwanted[at->first] = kCancelled;
    } else if (one.connection.stop_at(at->first) <= one.now) {
      unwanted[at->first] = kExpired;
    }
    one.answer(at->first, "result");
    running.erase(at);
  }
  void end() {
    if (phase == Phase::serving && test::one_in(2)) {
      RC_ASSERT(one.connection.leave(one.now, 1s, AskedFor::shutdown));
      phase = Phase::leaving;
    } else if (phase == Phase::serving || phase == Phase::leaving) {
      one.connection.drain(false);
      phase = Phase::draining;
      drained_at = last;
    }
  }
  void note() {
    for (const SeenAnswer& answer : one.take()) {
      if (answer.seq == 0) {
        RC_ASSERT(answer.flag == 2 && answer.blob.size() == 24u && ++controls <= 2);
        if (answer.blob[0] == 2) RC_ASSERT(static_cast<unsigned char>(answer.blob[8]) == (drained_at & 0xff));
        continue;
      }
      RC_ASSERT(owed.erase(answer.seq) == 1u);
      if (const auto why = unwanted.find(answer.seq); why != unwanted.end()) {
        // A time that nobody has told the connection is not known to it.
        if (why->second == kExpired && answer.flag == 0) continue;
        RC_ASSERT(answer.flag == 3 && answer.number == why->second && answer.blob[0] == kRanYes);
        continue;
      }
      RC_ASSERT(answer.flag == 0 || (answer.flag == 3 && answer.blob.size() >= 8u && answer.blob[0] == kRanNo));
    }
  }
  void step() {
    switch (test::pick(0, 12)) {
      case 0: return cancel();
      case 1: return ping();
      case 2:
      case 3:
      case 4: return answer();
      case 5: return note();
      case 6: return test::one_in(5) ? end() : void();
      case 7: (void)one.receive(test::control(0x83, test::pick<std::uint64_t>(0, 99))); return;
      case 8: one.now += 10ms; return;
      default: return request();
    }
  }
  void check() const {
    constexpr State kStates[] = {State::serving, State::leaving, State::draining, State::refusing};
    RC_ASSERT(one.connection.state() == kStates[static_cast<int>(phase)]);
    RC_ASSERT(one.connection.stats().handlers == running.size());
  }

  std::uint64_t next_seq() const {
    return test::one_in(40) ? test::pick<std::uint64_t>(0, last + 1)
                            : last + test::pick_of<std::uint64_t>({1, 1, 1, 2, 1000});
  }
  void break_it() { phase = Phase::broken; }
  bool may_read() const { return phase != Phase::broken; }

  Served one;
  Phase phase = Phase::serving;
  std::uint64_t last = 1;
  std::uint64_t drained_at = 0;
  int controls = 0;
  std::set<std::uint64_t> owed;
  std::set<std::uint64_t> cancelled;
  std::map<std::uint64_t, std::uint32_t> unwanted;  // what it is answered instead: its caller waits no more
  std::map<std::uint64_t, std::unique_ptr<Told>> running;
};

RC_GTEST_PROP(ServerConnectionExtended, EveryRequestIsAnsweredOnceWhateverElseIsSent, ()) {
  ServedAndModel both;
  const int steps = test::pick(0, 120);
  for (int i = 0; i < steps && both.may_read(); ++i) {
    both.step();
    both.check();
  }
  while (!both.running.empty()) both.answer();
  both.note();
  RC_ASSERT(both.owed.empty());
}

}  // namespace
}  // namespace razor::stream
