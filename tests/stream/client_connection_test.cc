// ClientConnection without a Runtime: what goes out, what comes back, who waits, and how everything ends, byte by byte and
// nanosecond by nanosecond.

#include "razor/stream/internal/client_connection.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>

#include "tests/stream/connected.h"
#include "tests/support/pick.h"
#include "tests/support/plain_config.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using base::Errc;
using base::Ran;
using base::TimePoint;

using test::kStart;

TEST(ClientConnection, ARequestGoesOutWithItsHeadAndItsResponseEndsTheCall) {
  NotedCall call;
  Connected one;
  one.submit(call, "hello");
  EXPECT_TRUE(one.connection.batch_is_open());
  one.end_batch();
  EXPECT_FALSE(one.connection.batch_is_open());
  one.take();
  ASSERT_EQ(one.seen.size(), 1u);
  EXPECT_EQ(one.seen[0].seq, 1u);
  EXPECT_EQ(one.seen[0].client_id, 77u);
  EXPECT_EQ(one.seen[0].action, Connected::kAction);
  EXPECT_EQ(one.seen[0].msg, "hello");
  EXPECT_EQ(call.answers, 0);
  one.receive(test::answer(1, "world"));
  EXPECT_EQ(call.answers, 1);
  EXPECT_EQ(one.connection.stats().calls_answered, 1u);
}

TEST(ClientConnection, CallsAboveTheWindowWaitAndGoOutInTheirOrder) {
  ClientStreamConfig config = test::plain_config();
  config.window = 1;
  NotedCall first, second, third;
  Connected one(config);
  one.submit(first, "1");
  one.submit(second, "2");
  one.submit(third, "3");
  one.end_batch();
  one.take();
  EXPECT_EQ(one.seen.size(), 1u);
  EXPECT_EQ(one.connection.stats().queued, 2u);
  one.receive(test::answer(1));
  one.take();
  ASSERT_EQ(one.seen.size(), 2u);
  EXPECT_EQ(one.seen[1].msg, "2");
  one.receive(test::answer(2));
  one.take();
  ASSERT_EQ(one.seen.size(), 3u);
  EXPECT_EQ(one.seen[2].msg, "3");
}

TEST(ClientConnection, ACallThatFailsIsToldOnlyWhenFailuresAreDelivered) {
  ClientStreamConfig config = test::plain_config();
  config.limits.msg_bytes_max = 3;
  NotedCall call;
  Connected one(config);
  one.submit(call, "too large");
  EXPECT_TRUE(one.connection.has_failures());
  EXPECT_EQ(call.failures, 0);
  one.connection.deliver_failures();
  EXPECT_EQ(call.failures, 1);
  EXPECT_EQ(call.error->errc(), Errc::too_large);
  EXPECT_FALSE(one.connection.has_output()) << "nothing of it is left in the output";
}

TEST(ClientConnection, AtItsDeadlineACallSaysWhetherItMayHaveRun) {
  ClientStreamConfig config = test::plain_config();
  config.window = 1;
  config.call_timeout = 100ms;
  config.tick = 10ms;
  NotedCall sent, waits;
  Connected one(config);
  one.submit(sent);
  one.submit(waits);
  one.end_batch();
  one.take();
  EXPECT_EQ(one.connection.next_timer(kStart), kStart + 100ms);
  one.connection.check_deadlines(kStart + 99ms, false);
  EXPECT_FALSE(one.connection.has_failures());
  one.connection.check_deadlines(kStart + 100ms, false);
  one.connection.deliver_failures();
  EXPECT_EQ(sent.error->ran(), Ran::maybe);
  EXPECT_EQ(waits.error->ran(), Ran::no);
  one.receive(test::answer(1));
  EXPECT_EQ(sent.answers, 0);
  EXPECT_EQ(one.connection.stats().responses_late, 1u);
}

// Only what the transport took whole can have run; what it took a part of is cut off, and what it took nothing of was not sent.
TEST(ClientConnection, WhenItEndsEachCallSaysHowFarItsFrameHadGone) {
  NotedCall whole, part, none;
  Connected one;
  one.submit(whole, "12345678");
  one.submit(part, "12345678");
  one.submit(none, "12345678");
  one.end_batch();
  one.take(40 + 1);
  one.connection.terminate(Errc::connection_lost, "it is gone");
  one.connection.deliver_failures();
  EXPECT_EQ(whole.error->ran(), Ran::maybe);
  EXPECT_FALSE(whole.was_cut_off());
  EXPECT_EQ(part.error->ran(), Ran::no);
  EXPECT_TRUE(part.was_cut_off());
  EXPECT_EQ(none.error->ran(), Ran::no);
  EXPECT_FALSE(none.was_cut_off());
}

TEST(ClientConnection, AResponseToWhatWasNeverSentEndsIt) {
  NotedCall call;
  Connected one;
  one.submit(call);
  one.end_batch();
  one.take();
  one.receive(test::answer(2));
  EXPECT_TRUE(one.connection.has_ended());
  EXPECT_EQ(one.connection.end_reason(), "10.0.0.1:80 answered seq 2, which was never sent");
  one.connection.deliver_failures();
  EXPECT_EQ(call.error->errc(), Errc::bad_frame);
}

TEST(ClientConnection, AResponseBeforeItsRequestLeftEndsIt) {
  NotedCall call;
  Connected one;
  one.submit(call);
  one.end_batch();
  one.receive(test::answer(1));
  EXPECT_TRUE(one.connection.has_ended());
  one.connection.deliver_failures();
  EXPECT_EQ(call.answers, 0);
  EXPECT_EQ(call.error->ran(), Ran::no);
}

TEST(ClientConnection, AfterAWriteFailedWhatWasSentMayStillBeAnswered) {
  NotedCall sent, unsent;
  Connected one;
  one.submit(sent);
  one.submit(unsent);
  one.end_batch();
  one.take(32);
  one.connection.on_write_failed("broken pipe");
  one.connection.deliver_failures();
  EXPECT_EQ(unsent.error->ran(), Ran::no);
  EXPECT_EQ(one.connection.state(), ClientConnection::State::draining);
  EXPECT_FALSE(one.connection.is_drained());
  one.receive(test::answer(1));
  EXPECT_EQ(sent.answers, 1);
  EXPECT_TRUE(one.connection.is_drained());
}

TEST(ClientConnection, APeerThatOwesAndIsSilentIsPingedThenDead) {
  ClientStreamConfig config = test::plain_config();
  config.ping_interval = 1s;
  config.ping_timeout = 2s;
  NotedCall call;
  Connected one(config);
  one.submit(call);
  one.end_batch();
  one.take();
  EXPECT_FALSE(one.connection.peer_is_due(kStart + 999ms));
  ASSERT_TRUE(one.connection.peer_is_due(kStart + 1s));
  one.connection.check_peer(kStart + 1s, {0, 32}, false);
  one.take();
  EXPECT_TRUE(one.seen.back().is_ping);
  EXPECT_EQ(one.seen.back().format, wire::kPromptPingFormat);
  for (TimePoint at = kStart + 1s; at < kStart + 3s; at += 125ms) one.connection.check_peer(at, {0, 64}, false);
  EXPECT_FALSE(one.connection.has_ended());
  one.connection.check_peer(kStart + 3s, {0, 64}, false);
  EXPECT_TRUE(one.connection.has_ended());
}

TEST(ClientConnection, InputThatNobodyReadIsASignOfLife) {
  NotedCall call;
  Connected one;
  one.submit(call);
  one.end_batch();
  one.take();
  one.connection.check_peer(kStart + 1s, {0, 32}, false);
  for (TimePoint at = kStart + 1s; at <= kStart + 3s; at += 125ms) one.connection.check_peer(at, {0, 64}, true);
  EXPECT_FALSE(one.connection.has_ended());
}

TEST(ClientConnection, ACancelledCallKeepsItsPlaceUntilItsResponse) {
  ClientStreamConfig config = test::plain_config();
  config.window = 1;
  auto call = std::make_unique<NotedCall>();
  Connected one(config);
  one.submit(*call);
  one.end_batch();
  one.take();
  one.connection.cancel(*call);
  call.reset();
  EXPECT_EQ(one.connection.stats().in_flight, 1u);
  EXPECT_EQ(one.connection.stats().calls_abandoned, 1u);
  one.receive(test::answer(1));
  EXPECT_EQ(one.connection.stats().in_flight, 0u);
}

// --- Whatever happens, in whatever order -----------------------------------------------------------------------------

// Every call ends exactly once, the window is kept, and requests go out in the order they were submitted.
RC_GTEST_PROP(ClientConnection, EveryCallEndsOnce, ()) {
  ClientStreamConfig config = test::plain_config();
  config.window = test::pick<std::uint32_t>(1, 6);
  config.queue_calls_max = test::pick<std::uint32_t>(0, 6);
  config.call_timeout = 100ms;
  config.tick = 10ms;
  config.write_buffer_max = test::pick<base::ByteCount>(1, 200);
  std::deque<NotedCall> calls;
  {
    Connected one(config);
    const int steps = test::pick(0, 150);
    std::size_t answered = 0;
    for (int i = 0; i < steps && !one.connection.has_ended(); ++i) {
      switch (test::pick(0, 12)) {
        case 0:
        case 1:
        case 2:
        case 3:
          one.submit(calls.emplace_back(), std::string(test::pick<std::size_t>(0, 60), 'x'));
          one.end_batch();
          break;
        case 4:
        case 5: one.take(test::pick<std::size_t>(0, 120)); break;
        case 6: one.take(); break;
        case 7:
        case 8:
          if (answered < one.seen.size()) one.receive(test::answer(one.seen[answered++].seq));
          break;
        case 9: one.now += test::pick<std::int64_t>(0, 60) * 1ms; break;
        case 10: one.connection.check_deadlines(one.now, test::one_in(2)); break;
        default: one.connection.deliver_failures(); break;
      }
      RC_ASSERT(one.connection.stats().in_flight <= config.window);
      RC_ASSERT(one.connection.stats().queued <= config.queue_calls_max);
      for (std::size_t k = 0; k < one.seen.size(); ++k) RC_ASSERT(one.seen[k].seq == k + 1);
    }
    if (test::one_in(4)) one.connection.on_write_failed("broken pipe");
  }
  for (const NotedCall& call : calls) RC_ASSERT(call.answers + call.failures == 1);
}

}  // namespace
}  // namespace razor::stream
