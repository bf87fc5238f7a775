// StallWatch: a process that stood still while peers sent is told from one that had nothing to do. Taking the second for the first
// refuses fresh calls as expired; missing the first runs calls whose callers have given up.

#include "razor/stream/internal/stall_watch.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/pick.h"
#include "tests/support/time_points.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::TimePoint;
using test::kStart;

TEST(StallWatch, AnIdleProcessHasNotStoodStill) {
  StallWatch watch;
  EXPECT_EQ(watch.next_tick(), TimePoint::max());
  EXPECT_EQ(watch.lateness(kStart), Duration::zero());
  EXPECT_EQ(watch.lateness(kStart + 1h), Duration::zero());
}

TEST(StallWatch, ATimerThatIsLateByMoreThanTheLeastIsAStall) {
  StallWatch watch;
  EXPECT_TRUE(watch.on_activity(kStart)) << "its timer is to be armed";
  EXPECT_EQ(watch.next_tick(), kStart + 1s);
  EXPECT_EQ(watch.lateness(kStart + 1s), Duration::zero());
  EXPECT_EQ(watch.lateness(kStart + 1s + 100ms), Duration::zero()) << "a busy machine";
  EXPECT_EQ(watch.lateness(kStart + 1s + 100ms + 1ns), 100ms + 1ns);
  EXPECT_EQ(watch.lateness(kStart + 31s), 30s);
}

TEST(StallWatch, WhatIsReadBehindAStallDoesNotHideIt) {
  StallWatch watch;
  watch.on_activity(kStart);
  EXPECT_FALSE(watch.on_activity(kStart + 5s)) << "its timer is armed";
  EXPECT_EQ(watch.lateness(kStart + 5s), 4s) << "all that is read in this turn is as old";
  watch.on_tick(kStart + 5s);
  EXPECT_EQ(watch.lateness(kStart + 5s), Duration::zero());
}

TEST(StallWatch, ItRunsWhileThereIsSomethingToDoAndThenStops) {
  StallWatch watch;
  watch.on_activity(kStart);
  watch.on_tick(kStart + 1s);
  EXPECT_EQ(watch.next_tick(), kStart + 2s) << "something was read in the last period";
  watch.on_activity(kStart + 1500ms);
  watch.on_tick(kStart + 2s);
  EXPECT_EQ(watch.next_tick(), kStart + 3s);
  watch.on_tick(kStart + 3s);
  EXPECT_EQ(watch.next_tick(), TimePoint::max()) << "nothing was";
  EXPECT_EQ(watch.lateness(kStart + 1h), Duration::zero());
  EXPECT_TRUE(watch.on_activity(kStart + 1h)) << "it begins anew";
}

// A process runs, reads now and then, and stands still now and then. While its timer fires in time, nothing counts as older than
// it is; behind a stall what is read counts as older, by all of the stall but the rest of a period, and by no more than the stall.
RC_GTEST_PROP(StallWatch, SaysHowLongItStoodStill, ()) {
  StallWatch watch;
  TimePoint now = kStart;
  TimePoint read_at = kStart;
  watch.on_activity(now);
  const int steps = test::pick(0, 60);
  for (int i = 0; i < steps; ++i) {
    if (test::one_in(6)) {
      const Duration stall = test::pick(0, 5000) * 1ms;
      const bool had_read = now == read_at;
      now += stall;
      const Duration late = watch.lateness(now);
      RC_ASSERT(late >= Duration::zero() && late <= stall);
      RC_ASSERT(late == Duration::zero() || late > StallWatch::kLeast);
      if (had_read && stall - StallWatch::kPeriod > StallWatch::kLeast) RC_ASSERT(late >= stall - StallWatch::kPeriod);
    } else {
      // The loop runs: the timer fires when it is due.
      const TimePoint until = now + test::pick(0, 1500) * 1ms;
      while (watch.next_tick() <= until) {
        now = std::max(now, watch.next_tick());
        watch.on_tick(now);
      }
      now = until;
      RC_ASSERT(watch.lateness(now) == Duration::zero());
    }
    if (watch.next_tick() <= now) watch.on_tick(now);
    if (test::one_in(2)) {
      watch.on_activity(read_at = now);
      RC_ASSERT(watch.next_tick() > now && watch.next_tick() <= now + StallWatch::kPeriod);
    }
  }
}

}  // namespace
}  // namespace razor::stream
