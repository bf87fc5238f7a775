// DeadlineWheel against a plain table of deadlines. A wheel that rounds the wrong way expires early or a tick too late;
// one that forgets its rounds expires what is due 64 ticks later; one that skips buckets after a gap never expires some.

#include "razor/stream/deadline_wheel.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <memory>
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
  std::vector<int> expire(Duration now) {
    DeadlineList expired;
    wheel_.expire(at(now), expired);
    std::vector<int> ids;
    while (DeadlineEntry* entry = expired.pop_front()) ids.push_back(static_cast<Entry*>(entry)->id);
    return ids;
  }

  DeadlineWheel wheel_{100ms};
  Entry one_{1};
  Entry two_{2};
  Entry three_{3};
};

TEST_F(DeadlineWheelTest, ExpiresAtTheFirstTickAtOrAfterTheDeadline) {
  wheel_.insert(one_, at(1001ms));
  wheel_.insert(two_, at(1100ms));
  wheel_.insert(three_, at(1101ms));
  EXPECT_EQ(expire(1000ms), (std::vector<int>{}));
  EXPECT_EQ(expire(1100ms - 1ns), (std::vector<int>{}));
  EXPECT_EQ(expire(1100ms), (std::vector{1, 2}));
  EXPECT_EQ(expire(1200ms - 1ns), (std::vector<int>{}));
  EXPECT_EQ(expire(1200ms), (std::vector{3}));
}

TEST_F(DeadlineWheelTest, NextTickIsTheOneAfterNow) {
  EXPECT_EQ(wheel_.next_tick(at(0ms)), at(100ms));
  EXPECT_EQ(wheel_.next_tick(at(99ms)), at(100ms));
  EXPECT_EQ(wheel_.next_tick(at(100ms)), at(200ms));
}

TEST_F(DeadlineWheelTest, EntriesOfOneTickExpireInTheOrderTheyEntered) {
  wheel_.insert(three_, at(1050ms));
  wheel_.insert(one_, at(1090ms));
  wheel_.insert(two_, at(1010ms));
  EXPECT_EQ(expire(1100ms), (std::vector{3, 1, 2}));
}

TEST_F(DeadlineWheelTest, WhatHasPassedAlreadyIsDueAtTheNextTick) {
  EXPECT_EQ(expire(1000ms), (std::vector<int>{}));
  wheel_.insert(one_, at(5ms));
  wheel_.insert(two_, at(1000ms));
  wheel_.insert(three_, TimePoint::min());
  EXPECT_EQ(expire(1099ms), (std::vector<int>{}));
  EXPECT_EQ(expire(1100ms), (std::vector{1, 2, 3}));
}

TEST_F(DeadlineWheelTest, ALaterRoundOfTheWheelIsNotDueYet) {
  wheel_.insert(one_, at(100ms));
  wheel_.insert(two_, at(100ms + 64 * 100ms));
  wheel_.insert(three_, at(100ms + 128 * 100ms));
  EXPECT_EQ(expire(100ms), (std::vector{1}));
  EXPECT_EQ(expire(6499ms), (std::vector<int>{}));
  EXPECT_EQ(expire(6500ms), (std::vector{2}));
  EXPECT_EQ(expire(12'899ms), (std::vector<int>{}));
  EXPECT_EQ(expire(12'900ms), (std::vector{3}));
}

TEST_F(DeadlineWheelTest, NothingIsForgottenOverAGapLongerThanTheWheel) {
  EXPECT_EQ(expire(100ms), (std::vector<int>{}));
  wheel_.insert(one_, at(200ms));
  wheel_.insert(two_, at(10s));
  wheel_.insert(three_, at(20min));
  EXPECT_EQ(expire(10min), (std::vector{1, 2}));
  EXPECT_EQ(expire(2h), (std::vector{3}));
}

TEST_F(DeadlineWheelTest, NoDeadlineAtAllNeverExpires) {
  wheel_.insert(one_, TimePoint::max());
  EXPECT_EQ(expire(24h * 365 * 200), (std::vector<int>{}));
  EXPECT_TRUE(one_.is_linked());
}

TEST_F(DeadlineWheelTest, WhatIsRemovedOrDestroyedDoesNotExpire) {
  wheel_.insert(one_, at(100ms));
  wheel_.insert(three_, at(100ms));
  {
    Entry short_lived(4);
    wheel_.insert(short_lived, at(100ms));
    DeadlineWheel::remove(one_);
  }
  EXPECT_EQ(expire(1s), (std::vector{3}));
  wheel_.insert(one_, at(2s));
  EXPECT_EQ(expire(2s), (std::vector{1}));
}

TEST_F(DeadlineWheelTest, AnEntryThatMovesKeepsItsDeadline) {
  wheel_.insert(one_, at(100ms));
  Entry moved(std::move(one_));
  EXPECT_FALSE(one_.is_linked());
  EXPECT_EQ(expire(99ms), (std::vector<int>{}));
  EXPECT_EQ(expire(100ms), (std::vector{1}));
}

// --- Model -----------------------------------------------------------------------------------------------------------

struct WheelAndModel {
  explicit WheelAndModel(Duration tick_span, TimePoint start) : tick(tick_span), now(start), wheel(tick_span) {}

  struct Known {
    std::unique_ptr<Entry> entry;
    TimePoint deadline;
    TimePoint inserted;
  };

  void insert(TimePoint deadline) {
    const int id = next_id++;
    Known& known = entries[id];
    known = {std::make_unique<Entry>(id), deadline, now};
    wheel.insert(*known.entry, deadline);
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
      RC_ASSERT(base::saturating_add(due(known), tick) > now);
    }
  }

  Duration tick;
  TimePoint now;
  DeadlineWheel wheel;
  int next_id = 0;
  std::map<int, Known> entries;
};

Duration some_ticks(Duration tick, int from, int to) {
  return pick(from, to) * tick + Duration(pick<std::int64_t>(0, tick.count() + 1));
}

// A time that is interesting for a wheel of 64 ticks that stands at `now`.
TimePoint some_deadline(TimePoint now, Duration tick) {
  switch (pick(0, 7)) {
    case 0: return now - some_ticks(tick, 0, 200);
    case 1: return now;
    case 2: return TimePoint::max();
    case 3: return now + some_ticks(tick, 60, 70);
    case 4: return now + some_ticks(tick, 120, 1000);
    default: return now + some_ticks(tick, 0, 5);
  }
}

RC_GTEST_PROP(DeadlineWheel, IsNeverEarlyAndAtMostOneTickLate, ()) {
  const Duration tick = pick_of<Duration>({1ms, 7ms, 10ms, 100ms, 1s});
  const TimePoint start(Duration(pick<std::int64_t>(0, Duration(24h * 1000).count())));
  WheelAndModel both(tick, start);
  const int steps = pick(0, 300);
  for (int i = 0; i < steps; ++i) {
    const TimePoint next = both.wheel.next_tick(both.now);
    RC_ASSERT(next > both.now);
    RC_ASSERT(next <= both.now + tick);
    switch (pick(0, 10)) {
      case 0: both.look_at(next + some_ticks(tick, 0, 3)); break;
      case 1: both.look_at(next + some_ticks(tick, 50, 200)); break;
      case 2: both.remove_one(pick<std::size_t>(0, 1000)); break;
      case 3:
      case 4: both.look_at(next); break;
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
    wheel.insert(*entries.back(), deadline);
  }
}

}  // namespace
}  // namespace razor::stream
