// Keepalive against what it says of itself: a ping after ping_interval of silence while something is owed, dead when
// another ping_timeout passes, any byte is a sign of life. A keepalive that forgets to await its ping never says dead;
// one that goes on while nothing is owed, or reckons from a planned time instead of the real one, says it falsely.

#include "razor/stream/keepalive.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/pick.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::TimePoint;
using Verdict = Keepalive::Verdict;

constexpr TimePoint kStart(100s);

TEST(Keepalive, AsksNothingWhileNothingIsOwed) {
  Keepalive keepalive(1s, 2s);
  EXPECT_EQ(keepalive.next_check(), TimePoint::max());
  EXPECT_EQ(keepalive.check(kStart), Verdict::alive);
  EXPECT_EQ(keepalive.check(kStart + 1h), Verdict::alive);
}

TEST(Keepalive, PingsAfterSilenceAndThenGivesUp) {
  Keepalive keepalive(1s, 2s);
  keepalive.on_owed(kStart);
  EXPECT_EQ(keepalive.next_check(), kStart + 1s);
  EXPECT_EQ(keepalive.check(kStart + 1s - 1ns), Verdict::alive);
  EXPECT_EQ(keepalive.check(kStart + 1s), Verdict::send_ping);
  EXPECT_EQ(keepalive.next_check(), kStart + 3s);
  EXPECT_EQ(keepalive.check(kStart + 3s - 1ns), Verdict::alive) << "a second ping";
  EXPECT_EQ(keepalive.check(kStart + 3s), Verdict::dead);
}

TEST(Keepalive, SilenceIsReckonedFromTheFirstCallThatIsOwed) {
  Keepalive keepalive(1s, 2s);
  keepalive.on_owed(kStart);
  keepalive.on_owed(kStart + 500ms);
  EXPECT_EQ(keepalive.check(kStart + 1s), Verdict::send_ping);
}

TEST(Keepalive, AnyByteIsASignOfLife) {
  Keepalive keepalive(1s, 2s);
  keepalive.on_owed(kStart);
  keepalive.on_bytes(kStart + 900ms);
  EXPECT_EQ(keepalive.check(kStart + 1s), Verdict::alive);
  EXPECT_EQ(keepalive.check(kStart + 1900ms), Verdict::send_ping);
  keepalive.on_bytes(kStart + 3s);
  EXPECT_EQ(keepalive.check(kStart + 3900ms), Verdict::alive);
  EXPECT_EQ(keepalive.check(kStart + 4s), Verdict::send_ping);
}

TEST(Keepalive, StopsWhenAllIsAnsweredAndBeginsAnew) {
  Keepalive keepalive(1s, 2s);
  keepalive.on_owed(kStart);
  EXPECT_EQ(keepalive.check(kStart + 1s), Verdict::send_ping);
  keepalive.on_nothing_owed();
  EXPECT_EQ(keepalive.check(kStart + 1h), Verdict::alive);
  keepalive.on_owed(kStart + 2h);
  EXPECT_EQ(keepalive.check(kStart + 2h + 1s - 1ns), Verdict::alive);
  EXPECT_EQ(keepalive.check(kStart + 2h + 1s), Verdict::send_ping);
}

TEST(Keepalive, AfterAPauseThePeerStillHasItsWholeTime) {
  Keepalive keepalive(1s, 2s);
  keepalive.on_owed(kStart);
  EXPECT_EQ(keepalive.check(kStart + 1h), Verdict::send_ping);
  EXPECT_EQ(keepalive.check(kStart + 1h + 2s - 1ns), Verdict::alive);
  EXPECT_EQ(keepalive.check(kStart + 1h + 2s), Verdict::dead);
}

TEST(Keepalive, NoLimitNeverPings) {
  Keepalive keepalive(Duration::max(), Duration::max());
  keepalive.on_owed(kStart);
  EXPECT_EQ(keepalive.next_check(), TimePoint::max());
  EXPECT_EQ(keepalive.check(kStart + 24h * 365), Verdict::alive);
}

// Checked at random times against the history of what happened.
RC_GTEST_PROP(Keepalive, SaysDeadOnlyAfterAPingThatNoByteFollowed, ()) {
  const Duration interval = test::pick_of<Duration>({10ms, 1s, 3s});
  const Duration timeout = test::pick_of<Duration>({10ms, 2s, 5s});
  Keepalive keepalive(interval, timeout);
  TimePoint now = kStart;
  bool owed = false;
  TimePoint silent_since = now;             // of the last byte, or since something is owed
  TimePoint given_up_at = TimePoint::max();  // when a ping that no byte followed has had its time
  const int steps = test::pick(0, 200);
  for (int i = 0; i < steps; ++i) {
    now += Duration(test::pick<std::int64_t>(0, Duration(interval + timeout).count() / 2));
    switch (test::pick(0, 6)) {
      case 0:
        if (!owed) {
          silent_since = now;
          given_up_at = TimePoint::max();
        }
        owed = true;
        keepalive.on_owed(now);
        break;
      case 1:
        if (test::one_in(3)) {
          owed = false;
          keepalive.on_nothing_owed();
        }
        break;
      case 2:
        silent_since = now;
        given_up_at = TimePoint::max();
        keepalive.on_bytes(now);
        break;
      default: {
        const TimePoint planned = keepalive.next_check();
        RC_ASSERT((planned == TimePoint::max()) == !owed);
        if (test::one_in(3) && owed) now = std::max(now, planned);
        const Verdict verdict = keepalive.check(now);
        if (!owed) {
          RC_ASSERT(verdict == Verdict::alive);
        } else if (given_up_at != TimePoint::max()) {
          RC_ASSERT((verdict == Verdict::dead) == (now >= given_up_at));
          RC_ASSERT(verdict != Verdict::send_ping);
        } else {
          RC_ASSERT((verdict == Verdict::send_ping) == (now >= silent_since + interval));
          RC_ASSERT(verdict != Verdict::dead);
          if (verdict == Verdict::send_ping) given_up_at = now + timeout;
        }
        if (verdict == Verdict::dead) return;  // the connection ends
      }
    }
  }
}

}  // namespace
}  // namespace razor::stream
