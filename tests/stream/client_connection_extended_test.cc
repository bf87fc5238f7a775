// ClientConnection that begins with a hello: what it says of its calls, whom it tells that nobody waits, and how it leaves. To a
// peer that turns out to be plain it speaks plain version 1.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>
#include <map>
#include <set>

#include "razor/wire/hello.h"
#include "tests/stream/connected.h"
#include "tests/support/extended_frames.h"
#include "tests/support/pick.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using base::Errc;
using base::Ran;
using test::kNoLeft;
using test::kStart;
using test::SeenRequest;

ClientStreamConfig with_hello(HelloMode mode = HelloMode::automatic) {
  ClientStreamConfig config;
  config.hello = mode;
  return config;
}
std::uint32_t left_of(const SeenRequest& request) { return static_cast<std::uint32_t>(request.client_id); }
std::vector<SeenRequest> of_format(const Connected& one, std::uint8_t format) {
  std::vector<SeenRequest> found;
  for (const SeenRequest& request : one.seen) {
    if (request.is_ping && request.format == format) found.push_back(request);
  }
  return found;
}
void expect_failed(const NotedCall& call, Errc errc) {
  ASSERT_EQ(call.failures, 1);
  EXPECT_EQ(call.error->errc(), errc) << call.error->message();
  EXPECT_EQ(call.error->ran(), Ran::no);
}
// The hello goes out, and is answered.
void get_acquainted(Connected& one, std::uint8_t features = test::kFeatureCancel | test::kFeatureDrain) {
  one.take();
  one.receive(test::hello_answer(1, features));
  ASSERT_EQ(one.connection.hello(), HelloState::extended);
}

// --- Hello -----------------------------------------------------------------------------------------------------------

TEST(ClientConnectionExtended, TheHelloIsTheFirstFrame) {
  NotedCall call;
  Connected one(with_hello());
  EXPECT_EQ(one.connection.hello(), HelloState::asked);
  one.submit(call);
  one.end_batch();
  one.take();
  ASSERT_EQ(one.seen.size(), 2u);
  EXPECT_EQ(one.seen[0].format, test::kHello);
  EXPECT_TRUE(one.seen[0].is_ping);
  EXPECT_EQ(one.seen[0].seq, 1u);
  EXPECT_EQ(one.seen[0].client_id, 0u);
  const auto own = wire::decode_hello(base::as_bytes(one.seen[0].blob));
  ASSERT_TRUE(own);
  EXPECT_TRUE(own->has(wire::Feature::cancel));
  EXPECT_TRUE(own->has(wire::Feature::drain));
  EXPECT_EQ(one.seen[1].seq, 2u);
  EXPECT_EQ(one.seen[1].format, 0x40) << "the word goes out before anything is known";
}

TEST(ClientConnectionExtended, NoPongMayOvertakeTheHellos) {
  ClientStreamConfig config = with_hello();
  config.acquaint_interval = 1s;
  NotedCall call, later;
  Connected one(config);
  one.submit(call);
  one.end_batch();
  one.take();
  EXPECT_EQ(one.seen.size(), 2u) << "no ping to get acquainted";
  one.connection.check_peer(kStart + 1s, {0, 64}, false);
  one.take();
  ASSERT_EQ(one.seen.size(), 3u);
  EXPECT_TRUE(one.seen[2].is_ping);
  EXPECT_EQ(one.seen[2].format, 0) << "an ordinary one";
  one.receive(test::hello_answer());
  one.submit(later);
  one.end_batch();
  one.take();
  EXPECT_EQ(one.seen.size(), 4u) << "such a peer is known to answer them at once";
  one.now += 1s;
  one.connection.check_peer(one.now, {0, 64}, false);
  one.take();
  ASSERT_EQ(of_format(one, test::kPromptPing).size(), 1u) << "now prompt ones may go out";
}

// --- The call word ---------------------------------------------------------------------------------------------------

TEST(ClientConnectionExtended, TheWordSaysHowLongTheCallerWaitsRoundedUp) {
  std::deque<NotedCall> calls(6);
  Connected one(with_hello());
  one.submit(calls[0], {}, {.timeout = 2s});
  one.submit(calls[1], {}, {.timeout = 2s + 1ns});
  one.submit(calls[2], {}, {.timeout = 1ns});
  one.submit(calls[3], {}, {.timeout = base::Duration::max()});
  one.submit(calls[4], {}, {.timeout = 9s, .deadline = kStart + 3s});
  one.submit(calls[5], {}, {.timeout = 3s, .deadline = kStart + 9s});
  one.end_batch();
  one.take();
  ASSERT_EQ(one.seen.size(), 7u);
  const std::vector<std::uint32_t> expected{20'000, 20'001, 1, kNoLeft, 30'000, 30'000};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(left_of(one.seen[i + 1]), expected[i]) << i;
    EXPECT_EQ(one.seen[i + 1].format, 0x40);
  }
}

TEST(ClientConnectionExtended, TheWordSaysHowTheCallCameToBe) {
  NotedCall plain, rich;
  Connected one(with_hello());
  one.submit(plain);
  one.submit(rich, {}, {.idempotent = true, .criticality = wire::Criticality::background, .attempt = 3, .is_hedge = true});
  one.take();
  ASSERT_EQ(one.seen.size(), 3u);
  EXPECT_EQ(one.seen[1].client_id >> 32, 0u);
  EXPECT_EQ(one.seen[2].client_id >> 32, 0x0f03u) << "flags 1 + 2 + 3 << 2, attempt 3";
}

TEST(ClientConnectionExtended, ACallThatWaitedSaysWhatIsLeftThen) {
  ClientStreamConfig config = with_hello();
  config.window = 1;
  NotedCall first, waits, hopeless;
  Connected one(config);
  get_acquainted(one);
  one.submit(first);
  one.submit(hopeless, {}, {.timeout = 300ms});
  one.submit(waits, {}, {.timeout = 1s});
  one.end_batch();
  one.take();
  one.now += 300ms + 50us;
  one.receive(test::answer(2));
  one.take();
  ASSERT_EQ(one.seen.size(), 3u) << "one whose time is over does not go out";
  EXPECT_EQ(left_of(one.seen[2]), 7'000u) << "699.95 ms, rounded up";
  one.connection.deliver_failures();
  expect_failed(hopeless, Errc::deadline_exceeded);
}

// Its deadline is reckoned at the end of the batch; a response may come before that.
TEST(ClientConnectionExtended, ACallThatWaitedForLessThanABatchSaysHowLongItHas) {
  ClientStreamConfig config = with_hello();
  config.window = 1;
  NotedCall first, waits;
  Connected one(config);
  get_acquainted(one);
  one.submit(first);
  one.submit(waits, {}, {.timeout = 1s});
  one.take();
  one.receive(test::answer(2));
  one.take();
  ASSERT_EQ(one.seen.size(), 3u);
  EXPECT_EQ(left_of(one.seen[2]), 10'000u);
}

// --- Plain peers -----------------------------------------------------------------------------------------------------

TEST(ClientConnectionExtended, ToAPeerThatIsPlainNoWordsAndNoControlFramesGo) {
  ClientStreamConfig config = with_hello();
  config.window = 2;
  NotedCall before, waits, after;
  Connected one(config);
  one.submit(before);
  one.end_batch();
  one.take();
  one.connection.tell_unwanted(before);
  one.receive(test::answer(1));
  EXPECT_EQ(one.connection.hello(), HelloState::plain);
  one.submit(after);
  one.submit(waits);
  one.connection.tell_unwanted(after);
  one.receive(test::server_control(1));
  EXPECT_EQ(one.connection.state(), ClientConnection::State::open) << "a plain peer has no control frames";
  one.receive(test::answer(2));
  one.end_batch();
  one.take();
  ASSERT_EQ(one.seen.size(), 4u);
  for (std::size_t i = 2; i < 4; ++i) {
    EXPECT_EQ(one.seen[i].format, 0);
    EXPECT_EQ(one.seen[i].client_id, Connected::kClientId);
  }
  EXPECT_EQ(before.answers, 1);
}

TEST(ClientConnectionExtended, AFrameworkErrorOfAPlainPeerIsABrokenHead) {
  for (const int what : {0, 1, 2}) {
    NotedCall call;
    Connected one(what == 0 ? test::plain_config() : with_hello());
    one.submit(call);
    one.end_batch();
    one.take();
    if (what == 2) one.receive(test::answer(1));
    one.receive(test::framework_error(what == 0 ? 1 : 2, 9, 0));
    EXPECT_TRUE(one.connection.has_ended()) << what;
    one.connection.deliver_failures();
    EXPECT_EQ(call.failures, 1);
    EXPECT_EQ(call.error->errc(), Errc::bad_frame);
  }
  NotedCall call;
  Connected one(with_hello());
  get_acquainted(one);
  one.submit(call);
  one.take();
  one.receive(test::joined(test::framework_error(2, 9, 0, "too late")));
  EXPECT_EQ(call.answers, 1);
  EXPECT_FALSE(one.connection.has_ended());
}

// Found by the swarm: a server whose clock was a third faster ended a cancellable handler, and its caller was told that the time was
// over 0.4 s before it was.
TEST(ClientConnectionExtended, ACallThatTheServerEndedForLackOfTimeFailsAtItsOwnDeadline) {
  constexpr std::uint8_t kRan = 2;
  NotedCall call, dropped, lost, timeless, early;
  Connected one(with_hello());
  get_acquainted(one);
  for (NotedCall* each : {&call, &lost}) one.submit(*each, {}, {.timeout = each == &call ? base::Duration(1s) : 1300ms});
  {
    NotedCall goes(std::move(dropped));
    one.submit(goes, {}, {.timeout = 1s});
    one.submit(timeless, {}, {.timeout = base::Duration::max()});
    one.submit(early, {}, {.timeout = 1s});
    one.end_batch();
    one.take();
    one.now += 400ms;
    one.receive(test::framework_error(6, 9, kRan, "a handler's own answer"));
    EXPECT_EQ(early.answers, 1) << "no clock is that far ahead";
    one.now += 300ms;
    for (const std::uint64_t seq : {2, 3, 4, 5}) one.receive(test::framework_error(seq, 9, kRan, "its time was over"));
    one.connection.deliver_failures();
    EXPECT_EQ(goes.answers + goes.failures, 0);
  }
  EXPECT_EQ(call.answers + call.failures + lost.answers + lost.failures, 0);
  EXPECT_EQ(timeless.answers, 1) << "there is nothing to wait for";
  EXPECT_EQ(one.connection.stats().in_flight, 0u) << "the places in the window are free";
  one.connection.drain("the test ends it");
  EXPECT_FALSE(one.connection.is_drained());

  const base::TimePoint tick = one.connection.next_timer(one.now);
  EXPECT_GE(tick, kStart + 1s);
  EXPECT_LE(tick, kStart + 1s + 125ms + 1ms);
  one.now = tick;
  one.connection.check_deadlines(one.now, false);
  one.connection.deliver_failures();
  ASSERT_EQ(call.failures, 1);
  EXPECT_EQ(call.error->errc(), Errc::deadline_exceeded);
  EXPECT_EQ(call.error->ran(), Ran::yes);
  EXPECT_EQ(lost.failures, 0);
  one.connection.terminate(Errc::connection_lost, "the peer is gone");
  one.connection.deliver_failures();
  ASSERT_EQ(lost.failures, 1);
  EXPECT_EQ(lost.error->errc(), Errc::connection_lost);
  EXPECT_EQ(lost.error->ran(), Ran::yes);
}

TEST(ClientConnectionExtended, WhereMoreIsRequiredCallsWaitAndFailAtAPlainPeer) {
  NotedCall call, second;
  Connected one(with_hello(HelloMode::required));
  one.submit(call);
  one.submit(second);
  one.end_batch();
  one.take();
  ASSERT_EQ(one.seen.size(), 1u) << "nothing but the hello";
  one.receive(test::answer(1));
  EXPECT_TRUE(one.connection.has_ended());
  EXPECT_FALSE(one.connection.was_closed_on_hello());
  one.connection.deliver_failures();
  expect_failed(call, Errc::unsupported);
  expect_failed(second, Errc::unsupported);

  NotedCall goes;
  Connected extended(with_hello(HelloMode::required));
  extended.submit(goes);
  extended.end_batch();
  get_acquainted(extended);
  extended.take();
  ASSERT_EQ(extended.seen.size(), 2u);
  EXPECT_EQ(left_of(extended.seen[1]), 200'000u);
}

TEST(ClientConnectionExtended, APeerThatClosesOnTheHelloIsKnown) {
  Connected silent(with_hello()), spoke(with_hello()), off;
  for (Connected* one : {&silent, &spoke, &off}) one->take();
  spoke.receive(base::ByteView(test::hello_answer()).first(1));
  for (Connected* one : {&silent, &spoke, &off}) {
    EXPECT_FALSE(one->connection.was_closed_on_hello());
    one->connection.terminate(Errc::connection_lost, "it closed");
  }
  EXPECT_TRUE(silent.connection.was_closed_on_hello());
  EXPECT_FALSE(spoke.connection.was_closed_on_hello());
  EXPECT_FALSE(off.connection.was_closed_on_hello());
}

// --- Cancellation ----------------------------------------------------------------------------------------------------

TEST(ClientConnectionExtended, ThatNobodyWaitsIsToldOnce) {
  auto dropped = std::make_unique<NotedCall>();
  NotedCall unwanted;
  Connected one(with_hello());
  get_acquainted(one);
  one.submit(*dropped);
  one.submit(unwanted);
  one.end_batch();
  one.connection.tell_unwanted(unwanted);
  one.connection.tell_unwanted(unwanted);
  one.connection.tell_unwanted(*dropped);
  one.connection.cancel(*dropped);
  dropped.reset();
  EXPECT_TRUE(one.connection.batch_is_open()) << "it is to be written";
  one.take();
  const auto cancels = of_format(one, test::kCancel);
  ASSERT_EQ(cancels.size(), 2u);
  EXPECT_EQ(cancels[0].seq, 3u);
  EXPECT_EQ(cancels[1].seq, 2u);
  EXPECT_EQ(cancels[0].client_id, 0u);
  EXPECT_EQ(one.connection.stats().cancels_sent, 2u);
  EXPECT_EQ(one.connection.stats().in_flight, 2u) << "their places are kept until they are answered";
  one.receive(test::joined(test::answer(3), test::answer(2)));
  EXPECT_EQ(unwanted.answers, 1);
  EXPECT_EQ(one.connection.stats().in_flight, 0u);
}

TEST(ClientConnectionExtended, UntilThePeerIsKnownCancelsWait) {
  for (const std::uint8_t features : {test::kFeatureCancel, test::kFeatureDrain}) {
    NotedCall call;
    Connected one(with_hello());
    one.submit(call);
    one.end_batch();
    one.connection.tell_unwanted(call);
    one.connection.tell_unwanted(call);
    one.take();
    EXPECT_TRUE(of_format(one, test::kCancel).empty());
    get_acquainted(one, features);
    one.take();
    const auto cancels = of_format(one, test::kCancel);
    ASSERT_EQ(cancels.size(), features == test::kFeatureCancel ? 1u : 0u) << "only where both understand it";
    for (const SeenRequest& cancel : cancels) EXPECT_EQ(cancel.seq, 2u);
    one.receive(test::answer(2));
    EXPECT_EQ(call.answers, 1);
  }
}

TEST(ClientConnectionExtended, OfACallThatWaitsThePeerHearsNothing) {
  ClientStreamConfig config = with_hello();
  config.window = 1;
  NotedCall first, waits;
  Connected one(config);
  get_acquainted(one);
  one.submit(first);
  one.submit(waits);
  one.end_batch();
  one.connection.cancel(waits);
  one.take();
  one.receive(test::answer(2));
  one.take();
  EXPECT_EQ(one.seen.size(), 2u);
  EXPECT_EQ(one.connection.stats().cancels_sent, 0u);
  EXPECT_EQ(waits.answers + waits.failures, 0);
}

TEST(ClientConnectionExtended, ACallThatIsMadeAgainCanBeCancelledAgain) {
  NotedCall call;
  Connected one(with_hello());
  get_acquainted(one);
  for (const wire::Seq seq : {2u, 3u}) {
    one.submit(call);
    one.connection.tell_unwanted(call);
    one.take();
    EXPECT_EQ(one.seen.back().seq, seq);
    EXPECT_EQ(one.seen.back().format, test::kCancel);
    one.receive(test::answer(seq));
  }
  EXPECT_EQ(call.answers, 2);
}

// --- Leaving ---------------------------------------------------------------------------------------------------------

TEST(ClientConnectionExtended, AskedForNoMoreCallsItSaysThatItSendsNone) {
  ClientStreamConfig config = with_hello();
  config.window = 1;
  NotedCall goes_on, waits, late;
  Connected one(config);
  get_acquainted(one);
  one.submit(goes_on);
  one.submit(waits);
  one.end_batch();
  one.receive(test::server_control(1, 0, 1000));
  EXPECT_EQ(one.connection.state(), ClientConnection::State::draining);
  EXPECT_TRUE(one.connection.was_asked_to_leave());
  EXPECT_FALSE(one.connection.is_drained());
  EXPECT_TRUE(one.connection.batch_is_open());
  one.connection.deliver_failures();
  expect_failed(waits, Errc::draining);
  one.submit(late);
  one.connection.deliver_failures();
  expect_failed(late, Errc::closed);
  one.take();
  ASSERT_EQ(one.seen.size(), 3u);
  EXPECT_EQ(one.seen[1].seq, 2u);
  EXPECT_EQ(one.seen[2].format, test::kDrained) << "behind the last request";
  EXPECT_EQ(one.seen[2].client_id, 2u);
  EXPECT_EQ(one.seen[2].seq, 0u);
  one.receive(test::joined(test::server_control(1), test::server_control(2, 2)));
  one.take();
  EXPECT_EQ(one.seen.size(), 3u) << "it says so once";
  EXPECT_FALSE(one.connection.has_failures());
  one.receive(test::answer(2));
  EXPECT_EQ(goes_on.answers, 1);
  EXPECT_TRUE(one.connection.is_drained());
}

// Else the server would wait for its word until the notice is over.
TEST(ClientConnectionExtended, OneThatDrainsOfItsOwnSaysSoToo) {
  ClientStreamConfig config = with_hello();
  config.window = 1;
  NotedCall goes_on, waits;
  Connected one(config);
  get_acquainted(one);
  one.submit(goes_on);
  one.submit(waits);
  one.end_batch();
  one.connection.drain("closed by its owner");
  one.receive(test::server_control(1, 0, 1000));
  one.connection.deliver_failures();
  expect_failed(waits, Errc::draining);
  one.take();
  ASSERT_EQ(of_format(one, test::kDrained).size(), 1u);
  EXPECT_EQ(one.seen.back().client_id, 2u);
  EXPECT_EQ(one.connection.end_reason(), "closed by its owner");
  one.receive(test::answer(2));
  EXPECT_TRUE(one.connection.is_drained());
}

TEST(ClientConnectionExtended, CallsBehindTheLastThatWasTakenDidNotRun) {
  for (const bool is_asked_before : {false, true}) {
    std::deque<NotedCall> calls(4);
    Connected one(with_hello());
    get_acquainted(one);
    for (NotedCall& call : calls) one.submit(call);  // seqs 2 to 5
    one.end_batch();
    one.take();
    if (is_asked_before) one.receive(test::server_control(1));
    one.receive(test::server_control(2, 3));
    one.connection.deliver_failures();
    expect_failed(calls[2], Errc::draining);
    expect_failed(calls[3], Errc::draining);
    EXPECT_EQ(calls[0].failures + calls[1].failures, 0);
    one.take();
    EXPECT_EQ(of_format(one, test::kDrained).size(), 1u);
    EXPECT_FALSE(one.connection.is_drained());
    // The server refuses them on its own: that comes late.
    one.receive(test::joined(test::framework_error(4, 7, 0), test::answer(2), test::answer(3)));
    EXPECT_EQ(one.connection.stats().responses_late, 1u);
    EXPECT_EQ(calls[0].answers + calls[1].answers, 2);
    EXPECT_TRUE(one.connection.is_drained());
  }
}

TEST(ClientConnectionExtended, APeerMayNameAnyLastSeqAndTwice) {
  std::deque<NotedCall> calls(3);
  Connected one(with_hello());
  get_acquainted(one);
  for (NotedCall& call : calls) one.submit(call);
  one.end_batch();
  one.take();
  one.receive(test::server_control(2, ~std::uint64_t{0}));
  EXPECT_FALSE(one.connection.has_failures());
  one.receive(test::server_control(2, 3));
  one.receive(test::server_control(2, 4));
  one.connection.deliver_failures();
  expect_failed(calls[2], Errc::draining);
  EXPECT_EQ(calls[0].failures + calls[1].failures, 0);
  one.receive(test::server_control(2, 0));
  one.connection.deliver_failures();
  expect_failed(calls[0], Errc::draining);
  expect_failed(calls[1], Errc::draining);
  EXPECT_TRUE(one.connection.is_drained());
  EXPECT_FALSE(one.connection.has_ended());
}

// What was never given to the transport can still be written behind the end: the server refuses it.
TEST(ClientConnectionExtended, ACallThatIsRefusedBeforeItLeftMayBeAnsweredLate) {
  NotedCall call;
  Connected one(with_hello());
  get_acquainted(one);
  one.submit(call);
  one.end_batch();
  one.receive(test::server_control(2, 1));
  one.connection.deliver_failures();
  expect_failed(call, Errc::draining);
  one.take();
  ASSERT_EQ(one.seen.size(), 3u);
  EXPECT_EQ(one.seen[2].format, test::kDrained);
  EXPECT_EQ(one.seen[2].client_id, 2u);
  one.receive(test::framework_error(2, 7, 0));
  EXPECT_FALSE(one.connection.has_ended());
}

TEST(ClientConnectionExtended, ControlFramesThatItDoesNotKnowAreSkippedAndCounted) {
  NotedCall call;
  Connected one(with_hello());
  get_acquainted(one);
  one.submit(call);
  one.end_batch();
  one.take();
  const auto with = [](std::uint8_t flag, std::uint32_t blob, std::uint32_t msg = 0) {
    test::AnswerBytes frame;
    frame.seq = 0;
    frame.flag = flag;
    frame.msg_length = msg;
    frame.blob_length = blob;
    frame.body.resize(blob + (flag % 2 == 0 ? msg : 0), std::byte{1});  // kind 1, were it a control frame
    return frame.bytes();
  };
  const std::vector<base::Bytes> frames{test::server_control(0),
                                        test::server_control(3),
                                        test::server_control(4),
                                        test::server_control(255),
                                        with(2, 23),
                                        with(2, 0),
                                        with(0, 24),
                                        with(1, 24, 7),
                                        with(3, 24, 7)};
  for (const base::Bytes& frame : frames) one.receive(frame);
  EXPECT_EQ(one.connection.state(), ClientConnection::State::open) << one.connection.end_reason();
  EXPECT_EQ(one.connection.stats().responses_control, frames.size());
  one.receive(test::answer(2));
  EXPECT_EQ(call.answers, 1);
}

TEST(ClientConnectionExtended, OnlyAPeerThatHasTheFeatureAsksItToLeave) {
  NotedCall call;
  Connected one(with_hello());
  get_acquainted(one, test::kFeatureCancel);
  one.submit(call);
  one.take();
  one.receive(test::joined(test::server_control(1), test::server_control(2, 1)));
  EXPECT_EQ(one.connection.state(), ClientConnection::State::open);
  EXPECT_FALSE(one.connection.has_failures());
}

TEST(ClientConnectionExtended, AControlFrameIsNoAnswerToTheHello) {
  NotedCall call;
  Connected one(with_hello());
  one.submit(call);
  one.take();
  one.receive(test::server_control(2, 1));
  EXPECT_EQ(one.connection.hello(), HelloState::plain);
  EXPECT_EQ(one.connection.state(), ClientConnection::State::open);
  EXPECT_FALSE(one.connection.has_failures());
}

// --- Whatever happens, in whatever order -----------------------------------------------------------------------------

// A peer that answers the hello as a plain one does is sent what a connection without hellos sends, seqs aside.
RC_GTEST_PROP(ClientConnectionExtended, OnceThePeerIsPlainItSendsWhatItAlwaysSent, ()) {
  ClientStreamConfig config;
  config.hello = HelloMode::off;
  config.window = test::pick<std::uint32_t>(1, 4);
  config.call_timeout = 100ms;
  config.tick = 10ms;
  config.acquaint_interval = 10ms;
  std::deque<NotedCall> of_off, of_plain;
  {
    Connected off(config);
    config.hello = HelloMode::automatic;
    Connected plain(config);
    plain.take();
    plain.receive(test::answer(1));
    plain.seen.clear();
    const auto both = [&](auto&& act) {
      act(off, of_off, 0u);
      act(plain, of_plain, 1u);
    };
    std::size_t answered = 0;
    const int steps = test::pick(0, 100);
    for (int i = 0; i < steps; ++i) {
      const auto size = test::pick<std::size_t>(0, 60);
      const CallOptions options{.idempotent = size % 2 == 0, .criticality = wire::Criticality::critical, .attempt = 2};
      switch (test::pick(0, 8)) {
        case 0:
        case 1:
        case 2:
          both([&](Connected& one, std::deque<NotedCall>& calls, unsigned) {
            one.submit(calls.emplace_back(), std::string(size, 'x'), options);
            one.end_batch();
          });
          break;
        case 3:
          if (answered >= off.seen.size()) break;
          both([&](Connected& one, std::deque<NotedCall>&, unsigned more) {
            one.receive(test::answer(off.seen[answered].seq + more));
          });
          ++answered;
          break;
        case 4:
          both([&](Connected& one, std::deque<NotedCall>&, unsigned) {
            one.now += base::Duration(size * 1'000'000);
            one.connection.check_deadlines(one.now, false);
          });
          break;
        case 5:
          both([&](Connected& one, std::deque<NotedCall>& calls, unsigned) {
            if (!calls.empty() && calls.back().is_in_flight()) one.connection.tell_unwanted(calls.back());
          });
          break;
        case 6:
          both([&](Connected& one, std::deque<NotedCall>&, unsigned) {
            if (one.connection.peer_is_due(one.now)) one.connection.check_peer(one.now, {}, false);
          });
          break;
        default:
          both([&](Connected& one, std::deque<NotedCall>&, unsigned) {
            one.take();
            one.connection.deliver_failures();
          });
          break;
      }
    }
    off.take();
    plain.take();
    RC_ASSERT(off.seen.size() == plain.seen.size());
    for (std::size_t i = 0; i < off.seen.size(); ++i) {
      const SeenRequest& a = off.seen[i];
      const SeenRequest& b = plain.seen[i];
      RC_ASSERT(a.seq + 1 == b.seq);
      RC_ASSERT(std::tie(a.action, a.msg, a.blob, a.client_id, a.format) ==
                std::tie(b.action, b.msg, b.blob, b.client_id, b.format));
    }
  }
}

// Calls, cancels and a server that asks the client to leave, in any order: each call ends once, what is said to have been refused
// was behind the last that was taken, at most one cancel goes out for each call, and no request follows `drained`.
RC_GTEST_PROP(ClientConnectionExtended, EveryCallEndsOnceAndWhatItSaysIsTrue, ()) {
  ClientStreamConfig config = with_hello(test::pick_of({HelloMode::automatic, HelloMode::required}));
  config.window = test::pick<std::uint32_t>(1, 6);
  config.call_timeout = 200ms;
  config.tick = 10ms;
  config.write_buffer_max = test::pick<base::ByteCount>(1, 300);
  struct Asked {
    NotedCall call;
    std::string msg;
  };
  std::deque<Asked> calls;
  std::vector<SeenRequest> seen;
  wire::Seq taken_until = ~wire::Seq{0};
  {
    Connected one(config);
    std::size_t answered = 0;
    bool is_known = false;
    const int steps = test::pick(0, 150);
    for (int i = 0; i < steps && !one.connection.has_ended(); ++i) {
      const std::size_t known = one.seen.size();
      switch (test::pick(0, 14)) {
        case 0:
        case 1:
        case 2:
        case 3: {
          Asked& asked = calls.emplace_back();
          asked.msg = std::to_string(calls.size());
          one.submit(asked.call, asked.msg);
          if (test::one_in(2)) one.end_batch();
          break;
        }
        case 4: one.take(test::pick<std::size_t>(0, 120)); break;
        case 5: one.take(); break;
        case 6:
          if (known == 0 || is_known) break;
          is_known = true;
          one.receive(test::one_in(4) ? test::answer(1) : test::hello_answer());
          break;
        case 7:
        case 8:
          while (is_known && answered < known && (one.seen[answered].format & 0x80) != 0) ++answered;
          if (is_known && answered < known) one.receive(test::answer(one.seen[answered++].seq));
          break;
        case 9:
          if (!calls.empty()) {
            NotedCall& call = calls[test::pick<std::size_t>(0, calls.size())].call;
            if (call.is_in_flight()) one.connection.tell_unwanted(call);
          }
          break;
        case 10: one.now += test::pick<std::int64_t>(0, 60) * 1ms; break;
        case 11: one.connection.check_deadlines(one.now, false); break;
        case 12:
          if (!test::one_in(5) || one.connection.hello() != HelloState::extended) break;
          if (test::one_in(2)) {
            one.receive(test::server_control(1));
          } else {
            const auto last = test::pick<wire::Seq>(0, 30);
            taken_until = std::min(taken_until, last);
            one.receive(test::server_control(2, last));
          }
          break;
        default:
          one.end_batch();
          one.connection.deliver_failures();
          break;
      }
    }
    if (!one.connection.has_ended()) one.take();
    seen = one.seen;
    RC_ASSERT(one.connection.hello() == HelloState::extended || of_format(one, test::kCancel).empty());
  }
  std::map<std::string, wire::Seq> seqs;
  std::set<wire::Seq> cancelled;
  bool has_left = false;
  wire::Seq last = 0;
  for (const SeenRequest& request : seen) {
    if (request.is_ping && request.format == test::kCancel) {
      RC_ASSERT(cancelled.insert(request.seq).second && request.seq <= last);
    } else if (request.is_ping && request.format == test::kDrained) {
      RC_ASSERT(!std::exchange(has_left, true));
      RC_ASSERT(request.client_id == last);
    } else {
      RC_ASSERT(request.seq == ++last);
      RC_ASSERT(!has_left);
      if (!request.is_ping) seqs[request.msg] = request.seq;
    }
  }
  for (const Asked& asked : calls) {
    RC_ASSERT(asked.call.answers + asked.call.failures == 1);
    if (asked.call.failures == 0 || asked.call.error->errc() != Errc::draining) continue;
    RC_ASSERT(asked.call.error->ran() == Ran::no);
    if (seqs.contains(asked.msg)) RC_ASSERT(seqs[asked.msg] > taken_until);
  }
}

}  // namespace
}  // namespace razor::stream
