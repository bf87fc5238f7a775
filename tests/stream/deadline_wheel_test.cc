// DeadlineWheel against a plain table of deadlines. A wheel that rounds the wrong way expires early or a tick too late;
// one that forgets its rounds expires what is due 32 ticks later; one that skips buckets after a gap never expires some.

#include "razor/stream/deadline_wheel.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "tests/support/pick.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::TimePoint;
using test::pick;
using test::pick_of;

struct Entry final : DeadlineEntry {
  explicit Entry(int entry_id) : id(entry_id) {}
  int id;
};

TimePoint at(Duration since_start) { return TimePoint(since_start); }

class DeadlineWheelTest : public testing::Test {
 protected:
  void insert(Entry& entry, TimePoint deadline) { wheel_.insert(entry, deadline, now_); }
  void insert(Entry& entry, Duration deadline) { insert(entry, at(deadline)); }
  std::vector<int> expire(Duration now) {
    now_ = at(now);
    DeadlineList expired;
    wheel_.expire(at(now), expired);
    std::vector<int> ids;
    while (DeadlineEntry* entry = expired.pop_front()) ids.push_back(static_cast<Entry*>(entry)->id);
    return ids;
  }

  TimePoint now_{};
  DeadlineWheel wheel_{100ms};
  Entry one_{1};
  Entry two_{2};
  Entry three_{3};
};

TEST_F(DeadlineWheelTest, ExpiresAtTheFirstTickAtOrAfterTheDeadline) {
  insert(one_, 1001ms);
  insert(two_, 1100ms);
  insert(three_, 1101ms);
  EXPECT_EQ(expire(1000ms), (std::vector<int>{}));
  EXPECT_EQ(expire(1100ms - 1ns), (std::vector<int>{}));
  EXPECT_EQ(expire(1100ms), (std::vector{1, 2}));
  EXPECT_EQ(expire(1200ms - 1ns), (std::vector<int>{}));
  EXPECT_EQ(expire(1200ms), (std::vector{3}));
}

TEST_F(DeadlineWheelTest, NextTickIsTheFirstThatHoldsAnythingAndIsAfterNow) {
  EXPECT_EQ(wheel_.next_tick(at(0ms)), TimePoint::max());
  insert(one_, 1001ms);
  insert(two_, 301ms);
  EXPECT_EQ(wheel_.next_tick(at(0ms)), at(400ms));
  EXPECT_EQ(wheel_.next_tick(at(399ms)), at(400ms));
  EXPECT_EQ(wheel_.next_tick(at(400ms)), at(500ms));  // overdue
  DeadlineWheel::remove(two_);
  EXPECT_EQ(wheel_.next_tick(at(0ms)), at(1100ms));
  DeadlineWheel::remove(one_);
  EXPECT_EQ(wheel_.next_tick(at(0ms)), TimePoint::max());
}

TEST_F(DeadlineWheelTest, WithoutAFixedTickShortDeadlinesHaveShortOnes) {
  DeadlineWheel wheel;
  std::vector<std::unique_ptr<Entry>> entries;
  for (const Duration timeout : {1ms, 50ms, 79ms, 160ms, 400ms, 3000ms, 5200ms, 20'000ms, 3'600'000ms}) {
    Entry& entry = *entries.emplace_back(std::make_unique<Entry>(0));
    const TimePoint now = at(12'345'678us);
    wheel.insert(entry, now + timeout, now);
    const TimePoint end = wheel.next_tick(now);
    EXPECT_GT(end, now);
    if (timeout < 20s) {  // within one round: the look is when it ends
      EXPECT_GE(end, now + timeout);
      EXPECT_LE(end, now + timeout + std::max<Duration>(10ms, timeout / 8));
    }
    DeadlineWheel::remove(entry);
  }
}

TEST(TickOf, IsAnEighthBetweenTenMillisecondsAndASecondOrWhatIsFixed) {
  EXPECT_EQ(tick_of(50ms), 10ms);
  EXPECT_EQ(tick_of(400ms), 50ms);
  EXPECT_EQ(tick_of(20s), 1s);
  EXPECT_EQ(tick_of(Duration::max()), 1s);
  EXPECT_EQ(tick_of(Duration::min()), 10ms);
  EXPECT_EQ(tick_of(20s, 300ms), 300ms);
  EXPECT_EQ(tick_of(20s, 0s), 10ms);
}

TEST_F(DeadlineWheelTest, EntriesOfOneTickExpireInTheOrderTheyEntered) {
  insert(three_, 1050ms);
  insert(one_, 1090ms);
  insert(two_, 1010ms);
  EXPECT_EQ(expire(1100ms), (std::vector{3, 1, 2}));
}

TEST_F(DeadlineWheelTest, WhatHasPassedAlreadyIsDueAtTheNextTick) {
  EXPECT_EQ(expire(1000ms), (std::vector<int>{}));
  insert(one_, 5ms);
  insert(two_, 1000ms);
  insert(three_, TimePoint::min());
  EXPECT_EQ(expire(1099ms), (std::vector<int>{}));
  EXPECT_EQ(expire(1100ms), (std::vector{1, 2, 3}));
}

TEST_F(DeadlineWheelTest, ALaterRoundOfTheWheelIsNotDueYet) {
  insert(one_, 100ms);
  insert(two_, 100ms + 64 * 100ms);
  insert(three_, 100ms + 128 * 100ms);
  EXPECT_EQ(expire(100ms), (std::vector{1}));
  EXPECT_EQ(expire(6499ms), (std::vector<int>{}));
  EXPECT_EQ(expire(6500ms), (std::vector{2}));
  EXPECT_EQ(expire(12'899ms), (std::vector<int>{}));
  EXPECT_EQ(expire(12'900ms), (std::vector{3}));
}

TEST_F(DeadlineWheelTest, NothingIsForgottenOverAGapLongerThanTheWheel) {
  EXPECT_EQ(expire(100ms), (std::vector<int>{}));
  insert(one_, 200ms);
  insert(two_, 10s);
  insert(three_, 20min);
  EXPECT_EQ(expire(10min), (std::vector{1, 2}));
  EXPECT_EQ(expire(2h), (std::vector{3}));
}

TEST_F(DeadlineWheelTest, NoDeadlineAtAllNeverExpires) {
  insert(one_, TimePoint::max());
  EXPECT_EQ(expire(24h * 365 * 200), (std::vector<int>{}));
  EXPECT_TRUE(one_.is_linked());
}

TEST_F(DeadlineWheelTest, WhatIsRemovedOrDestroyedDoesNotExpire) {
  insert(one_, 100ms);
  insert(three_, 100ms);
  {
    Entry short_lived(4);
    insert(short_lived, 100ms);
    DeadlineWheel::remove(one_);
  }
  EXPECT_EQ(expire(1s), (std::vector{3}));
  insert(one_, 2s);
  EXPECT_EQ(expire(2s), (std::vector{1}));
}

TEST_F(DeadlineWheelTest, AnEntryThatMovesKeepsItsDeadline) {
  insert(one_, 100ms);
  Entry moved(std::move(one_));
  EXPECT_FALSE(one_.is_linked());
  EXPECT_EQ(expire(99ms), (std::vector<int>{}));
  EXPECT_EQ(expire(100ms), (std::vector{1}));
}

// --- Model -----------------------------------------------------------------------------------------------------------

struct WheelAndModel {
  WheelAndModel(std::optional<Duration> fixed, TimePoint start) : fixed_tick(fixed), now(start), wheel(fixed) {}

  struct Known {
    std::unique_ptr<Entry> entry;
    TimePoint deadline;
    TimePoint inserted;
  };

  void insert(TimePoint deadline) {
    const int id = next_id++;
    Known& known = entries[id];
    known = {std::make_unique<Entry>(id), deadline, now};
    wheel.insert(*known.entry, deadline, now);
  }

  void remove_one(std::size_t which) {
    if (entries.empty()) return;
    auto victim = entries.begin();
    std::advance(victim, which % entries.size());
    if (which % 2 == 0) DeadlineWheel::remove(*victim->second.entry);
    entries.erase(victim);
  }

  // The deadline of the entry, or the time it was entered when that had passed already.
  TimePoint due(const Known& known) const { return std::max(known.deadline, known.inserted); }

  void look_at(TimePoint later) {
    now = later;
    DeadlineList expired;
    wheel.expire(now, expired);
    while (DeadlineEntry* entry = expired.pop_front()) {
      const auto found = entries.find(static_cast<Entry*>(entry)->id);
      RC_ASSERT(found != entries.end());
      RC_ASSERT(found->second.deadline <= now);
      entries.erase(found);
    }
    for (const auto& [id, known] : entries) {
      RC_ASSERT(known.entry->is_linked());
      RC_ASSERT(base::saturating_add(due(known), tick_of(known)) > now);
    }
  }

  // CONTRACT 2: τ.
  Duration tick_of(const Known& known) const { return stream::tick_of(known.deadline - known.inserted, fixed_tick); }
  // A loop that looks whenever it is told to ends each in time.
  void look_until(TimePoint later) {
    while (true) {
      const TimePoint next = wheel.next_tick(now);
      RC_ASSERT(next > now);
      if (next > later) break;
      look_at(next);
    }
    now = later;
    for (const auto& [id, known] : entries) RC_ASSERT(base::saturating_add(due(known), tick_of(known)) > now);
  }

  std::optional<Duration> fixed_tick;
  TimePoint now;
  DeadlineWheel wheel;
  int next_id = 0;
  std::map<int, Known> entries;
};

Duration some_ticks(Duration tick, int from, int to) {
  return pick(from, to) * tick + Duration(pick<std::int64_t>(0, tick.count() + 1));
}

// A time that is interesting for a wheel of 32 ticks that stands at `now`.
TimePoint some_deadline(TimePoint now, Duration tick) {
  switch (pick(0, 7)) {
    case 0: return now - some_ticks(tick, 0, 200);
    case 1: return now;
    case 2: return TimePoint::max();
    case 3: return now + some_ticks(tick, 28, 36);
    case 4: return now + some_ticks(tick, 120, 1000);
    default: return now + some_ticks(tick, 0, 5);
  }
}

RC_GTEST_PROP(DeadlineWheel, IsNeverEarlyAndAtMostOneTickLate, ()) {
  const Duration tick = pick_of<Duration>({10ms, 11ms, 70ms, 100ms, 1s});
  const bool is_fixed = pick(0, 2) == 1;
  const TimePoint start(Duration(pick<std::int64_t>(0, Duration(24h * 1000).count())));
  WheelAndModel both(is_fixed ? std::optional(tick) : std::nullopt, start);
  const int steps = pick(0, 300);
  for (int i = 0; i < steps; ++i) {
    const TimePoint next = both.wheel.next_tick(both.now);
    RC_ASSERT(next > both.now);
    switch (pick(0, 10)) {
      case 0: both.look_at(std::min(next, both.now + 1h) + some_ticks(tick, 0, 3)); break;
      case 1: both.look_at(both.now + some_ticks(tick, 50, 200)); break;
      case 2: both.remove_one(pick<std::size_t>(0, 1000)); break;
      case 3:
      case 4: both.look_until(both.now + some_ticks(tick, 0, 40)); break;
      default: both.insert(some_deadline(both.now, tick)); break;
    }
  }
  // All that has a deadline at all ends some day.
  both.look_at(both.now + 24h * 365);
  for (const auto& [id, known] : both.entries) RC_ASSERT(known.deadline == TimePoint::max());
}

// Deadlines that agree are computed once; the memory of the last one must not leak into the next.
RC_GTEST_PROP(DeadlineWheel, SeveralEntriesOfOneDeadlineExpireTogether, ()) {
  DeadlineWheel wheel(10ms);
  std::vector<std::unique_ptr<Entry>> entries;
  std::vector<TimePoint> deadlines;
  TimePoint now{};
  const int steps = pick(0, 200);
  for (int i = 0; i < steps; ++i) {
    const int step = pick(0, 60);
    if (step >= 50) {
      now += 10ms * (step - 49);
      DeadlineList expired;
      wheel.expire(now, expired);
      while (DeadlineEntry* entry = expired.pop_front()) {
        RC_ASSERT(deadlines[static_cast<std::size_t>(static_cast<Entry*>(entry)->id)] <= now);
      }
      for (const auto& entry : entries) {
        if (entry->is_linked()) RC_ASSERT(deadlines[static_cast<std::size_t>(entry->id)] > now - 10ms);
      }
      continue;
    }
    const TimePoint deadline = now + 5ms * (step % 5);
    entries.push_back(std::make_unique<Entry>(static_cast<int>(entries.size())));
    deadlines.push_back(deadline);
    wheel.insert(*entries.back(), deadline, now);
  }
}

}  // namespace
}  // namespace razor::stream
