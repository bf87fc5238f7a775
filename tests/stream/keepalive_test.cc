// Keepalive against what it says of itself: a ping after ping_interval of silence while something is owed; dead when bytes
// stay under way and unacknowledged; silent when a ping arrived, is not answered, and the peer is known to answer pings first.
// One that forgets to look at acknowledgements says dead of a machine that lives, or never; one that goes on while nothing is
// owed, or reckons from a planned time instead of the real one, says it falsely.

#include "razor/stream/internal/keepalive.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <optional>
#include <utility>

#include "tests/support/pick.h"
#include "tests/support/time_points.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::TimePoint;
using Verdict = Keepalive::Verdict;

using test::kStart;

TEST(Keepalive, AsksNothingWhileNothingIsOwed) {
  Keepalive keepalive(1s, 2s);
  EXPECT_EQ(keepalive.next_check(), TimePoint::max());
  EXPECT_EQ(keepalive.check(kStart, {}), Verdict::alive);
  EXPECT_EQ(keepalive.check(kStart + 1h, {}), Verdict::alive);
}

// A peer as a keepalive sees it: how much was sent, and how much of it is acknowledged.
struct Sent {
  base::ByteCount total = 0;
  base::ByteCount acknowledged = 0;
  SentBytes bytes() const { return {acknowledged, total - acknowledged}; }
};

// At `now`; a ping that is asked for is sent.
Verdict check(Keepalive& keepalive, TimePoint now, Sent& sent) {
  const Verdict verdict = keepalive.check(now, sent.bytes());
  if (verdict == Verdict::send_ping) keepalive.on_ping(sent.total += 32);
  return verdict;
}

// Every time that it wants to, up to `until`; the first verdict that is not `alive`, and when.
std::pair<Verdict, TimePoint> check_until(Keepalive& keepalive, TimePoint until, Sent& sent) {
  for (TimePoint at = keepalive.next_check(); at <= until; at = keepalive.next_check()) {
    const Verdict verdict = check(keepalive, at, sent);
    if (verdict != Verdict::alive) return {verdict, at};
  }
  return {Verdict::alive, until};
}

TEST(Keepalive, AMachineThatAcknowledgesNothingIsDeadAfterItsPing) {
  Keepalive keepalive(1s, 2s);
  Sent sent{100, 0};
  keepalive.on_owed(kStart);
  EXPECT_EQ(keepalive.next_check(), kStart + 1s);
  EXPECT_EQ(check(keepalive, kStart + 1s - 1ns, sent), Verdict::alive);
  EXPECT_EQ(check(keepalive, kStart + 1s, sent), Verdict::send_ping);
  EXPECT_EQ(check_until(keepalive, kStart + 1h, sent), std::pair(Verdict::dead, kStart + 3s));
}

TEST(Keepalive, SilenceIsReckonedFromTheFirstCallThatIsOwed) {
  Keepalive keepalive(1s, 2s);
  Sent sent;
  keepalive.on_owed(kStart);
  keepalive.on_owed(kStart + 500ms);
  EXPECT_EQ(check(keepalive, kStart + 1s, sent), Verdict::send_ping);
}

TEST(Keepalive, AnyByteIsASignOfLife) {
  Keepalive keepalive(1s, 2s);
  Sent sent;
  keepalive.on_owed(kStart);
  keepalive.on_bytes(kStart + 900ms);
  EXPECT_EQ(check(keepalive, kStart + 1s, sent), Verdict::alive);
  EXPECT_EQ(check(keepalive, kStart + 1900ms, sent), Verdict::send_ping);
  keepalive.on_bytes(kStart + 3s);
  EXPECT_EQ(check(keepalive, kStart + 3900ms, sent), Verdict::alive);
  EXPECT_EQ(check(keepalive, kStart + 4s, sent), Verdict::send_ping);
}

TEST(Keepalive, StopsWhenAllIsAnsweredAndBeginsAnew) {
  Keepalive keepalive(1s, 2s);
  Sent sent;
  keepalive.on_owed(kStart);
  EXPECT_EQ(check(keepalive, kStart + 1s, sent), Verdict::send_ping);
  keepalive.on_nothing_owed();
  EXPECT_EQ(check(keepalive, kStart + 1h, sent), Verdict::alive);
  keepalive.on_owed(kStart + 2h);
  EXPECT_EQ(check(keepalive, kStart + 2h + 1s - 1ns, sent), Verdict::alive);
  EXPECT_EQ(check(keepalive, kStart + 2h + 1s, sent), Verdict::send_ping);
}

TEST(Keepalive, AfterAPauseThePeerStillHasItsWholeTime) {
  Keepalive keepalive(1s, 2s);
  Sent sent;
  keepalive.on_owed(kStart);
  EXPECT_EQ(check(keepalive, kStart + 1h, sent), Verdict::send_ping);
  EXPECT_EQ(check_until(keepalive, kStart + 2h, sent), std::pair(Verdict::dead, kStart + 1h + 2s));
}

TEST(Keepalive, WhatIsAcknowledgedIsASignOfLifeOfTheMachine) {
  Keepalive keepalive(1s, 2s);
  Sent sent{12'000'000, 0};
  keepalive.on_owed(kStart);
  EXPECT_EQ(check(keepalive, kStart + 1s, sent), Verdict::send_ping);
  for (TimePoint at = kStart + 1s; at < kStart + 100s; at += 1s) {
    sent.acknowledged += 100'000;
    EXPECT_EQ(check_until(keepalive, at + 1s, sent).first, Verdict::alive);
  }
  const auto [verdict, at] = check_until(keepalive, kStart + 1h, sent);
  EXPECT_EQ(verdict, Verdict::dead);
  EXPECT_GE(at, kStart + 102s);
  EXPECT_LE(at, kStart + 103s);
}

TEST(Keepalive, WhatWaitsForThePeersRoomSaysNothingOfItsMachine) {
  Keepalive keepalive(1s, 2s);
  keepalive.on_owed(kStart);
  EXPECT_EQ(keepalive.check(kStart + 1s, {5000, 0}), Verdict::send_ping);
  keepalive.on_ping(9000);
  for (TimePoint at = keepalive.next_check(); at < kStart + 1h; at = keepalive.next_check()) {
    ASSERT_EQ(keepalive.check(at, {5000, 0}), Verdict::alive);
  }
}

TEST(Keepalive, AKnownPeerIsSilentWhenAPingThatArrivedIsNotAnswered) {
  for (const bool is_known : {false, true}) {
    Keepalive keepalive(1s, 2s);
    if (is_known) keepalive.on_known();
    Sent sent{100, 100};
    keepalive.on_owed(kStart);
    EXPECT_EQ(check(keepalive, kStart + 1s, sent), Verdict::send_ping);
    sent.acknowledged = sent.total;
    const auto [verdict, at] = check_until(keepalive, kStart + 1h, sent);
    // Another one, to see whether its machine is still there.
    EXPECT_EQ(verdict, is_known ? Verdict::silent : Verdict::send_ping);
    EXPECT_EQ(at, kStart + 3125ms);
    EXPECT_EQ(keepalive.is_silent(), is_known);
    if (is_known) {
      EXPECT_EQ(check_until(keepalive, kStart + 1h, sent), std::pair(Verdict::send_ping, kStart + 4125ms));
    }
    keepalive.on_bytes(kStart + 5s);
    EXPECT_FALSE(keepalive.is_silent());
  }
}

TEST(Keepalive, APingThatHasNotArrivedSaysNothingOfTheProcess) {
  Keepalive keepalive(1s, 2s);
  keepalive.on_known();
  Sent sent{10'000, 0};
  keepalive.on_owed(kStart);
  EXPECT_EQ(check(keepalive, kStart + 1s, sent), Verdict::send_ping);
  TimePoint at = kStart + 1s;
  for (; sent.acknowledged < 10'000; at += 500ms) {
    sent.acknowledged += 100;
    EXPECT_EQ(check_until(keepalive, at, sent).first, Verdict::alive);
  }
  sent.acknowledged = sent.total;
  const auto [verdict, silent_at] = check_until(keepalive, kStart + 1h, sent);
  EXPECT_EQ(verdict, Verdict::silent);
  EXPECT_GE(silent_at, at + 2s - 500ms);
  EXPECT_LE(silent_at, at + 2s + 125ms);
}

TEST(Keepalive, AMachineThatDiesWhileItsProcessIsSilentIsNoticed) {
  Keepalive keepalive(1s, 2s);
  keepalive.on_known();
  Sent sent{100, 100};
  keepalive.on_owed(kStart);
  EXPECT_EQ(check(keepalive, kStart + 1s, sent), Verdict::send_ping);
  sent.acknowledged = sent.total;
  EXPECT_EQ(check_until(keepalive, kStart + 1h, sent).first, Verdict::silent);
  const auto [verdict, pinged_at] = check_until(keepalive, kStart + 1h, sent);
  EXPECT_EQ(verdict, Verdict::send_ping);
  const auto [end, at] = check_until(keepalive, kStart + 1h, sent);
  EXPECT_EQ(end, Verdict::dead);
  EXPECT_LE(at, pinged_at + 3s);
}

// A call was sent and acknowledged while an earlier ping was there and not answered, then the way was cut. Looked at a whole
// second later, the acknowledgement seemed fresh, and the connection was kept for 3.3 s and more (swarm, seeds 2188, 2270).
TEST(Keepalive, DeathCountsFromTheLastAcknowledgementWhileAPingIsThere) {
  for (const base::Duration acknowledged_after : {120ms, 300ms, 640ms, 980ms}) {
    Keepalive keepalive(1s, 2s);
    Sent sent{100, 100};
    keepalive.on_owed(kStart);
    EXPECT_EQ(check(keepalive, kStart + 1s, sent), Verdict::send_ping);
    sent.acknowledged = sent.total;
    const TimePoint last = kStart + 1s + acknowledged_after;
    EXPECT_EQ(check_until(keepalive, last, sent).first, Verdict::alive);
    sent.acknowledged = sent.total += 128;
    sent.total += 74;
    std::pair<Verdict, TimePoint> end;
    do {
      end = check_until(keepalive, kStart + 1h, sent);
    } while (end.first == Verdict::send_ping);
    EXPECT_EQ(end.first, Verdict::dead);
    EXPECT_LE(end.second, last + 3125ms);
  }
}

TEST(Keepalive, NoLimitNeverPings) {
  Keepalive keepalive(Duration::max(), Duration::max());
  Sent sent;
  keepalive.on_owed(kStart);
  EXPECT_EQ(keepalive.next_check(), TimePoint::max());
  EXPECT_EQ(check(keepalive, kStart + 24h * 365, sent), Verdict::alive);
}

// Checked at random times against the history of what happened.
RC_GTEST_PROP(Keepalive, SaysWhatTheHistoryBearsOut, ()) {
  const Duration interval = test::pick_of<Duration>({10ms, 1s, 3s});
  const Duration timeout = test::pick_of<Duration>({10ms, 2s, 5s});
  Keepalive keepalive(interval, timeout);
  bool is_known = false;
  Sent sent;
  TimePoint now = kStart;
  TimePoint heard_at = now;  // bytes, or the first call that is owed
  TimePoint moved_at = now;  // something was acknowledged, or nothing was under way
  std::optional<TimePoint> pinged_at;  // since then nothing came
  base::ByteCount ping_end = 0;
  keepalive.on_owed(now);
  const int steps = test::pick(0, 300);
  for (int i = 0; i < steps; ++i) {
    now += Duration(test::pick<std::int64_t>(0, Duration(interval + timeout).count() / 4));
    switch (test::pick(0, 6)) {
      case 0:
        if (!test::one_in(4)) break;
        heard_at = now;
        pinged_at.reset();
        keepalive.on_bytes(now);
        RC_ASSERT(!keepalive.is_silent());
        break;
      case 1:
        if (sent.total == sent.acknowledged) moved_at = now;
        sent.total += test::pick(0, 1000);
        break;
      case 2: {
        const auto count = test::pick<base::ByteCount>(0, sent.total - sent.acknowledged);
        if (count > 0) moved_at = now;
        sent.acknowledged += count;
        break;
      }
      case 3:
        if (test::one_in(10)) {
          is_known = true;
          keepalive.on_known();
        }
        break;
      default: {
        if (test::one_in(2)) now = std::max(now, keepalive.next_check());
        if (sent.total == sent.acknowledged) moved_at = now;
        const bool was_silent = keepalive.is_silent();
        switch (check(keepalive, now, sent)) {
          case Verdict::alive: break;
          case Verdict::send_ping:
            RC_ASSERT(now >= heard_at + interval);
            RC_ASSERT(!pinged_at || now >= *pinged_at + timeout);
            if (!pinged_at) pinged_at = now;
            ping_end = sent.total;
            break;
          case Verdict::silent:
            RC_ASSERT(is_known && !was_silent);
            RC_ASSERT(pinged_at && now >= *pinged_at + timeout);
            RC_ASSERT(sent.acknowledged >= ping_end || now >= moved_at + timeout);
            break;
          case Verdict::dead:
            RC_ASSERT(pinged_at && now >= *pinged_at + timeout);
            RC_ASSERT(sent.total > sent.acknowledged);
            RC_ASSERT(now >= moved_at + timeout || moved_at <= *pinged_at);
            return;  // the connection ends
        }
        RC_ASSERT(keepalive.next_check() > now);
      }
    }
  }
}

}  // namespace
}  // namespace razor::stream
