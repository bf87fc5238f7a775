// RetryBudget against the list of all calls and takes. One that pays in too much, or fills up too early, has some 10 s
// with too many takes; one that pays in too little, or forgets to fill up, refuses what the list allows.

#include "razor/pool/internal/retry_budget.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/support/pick.h"
#include "tests/support/time_points.h"

namespace razor::pool {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::TimePoint;
using test::at;
using test::pick;
using test::pick_of;

TEST(RetryBudget, GivesTheBurstThenAPartOfTheCalls) {
  RetryBudget budget(20, 2);
  EXPECT_EQ(budget.tokens(at(0s)), 2);
  EXPECT_TRUE(budget.take(at(0s)));
  EXPECT_TRUE(budget.take(at(0s)));
  EXPECT_FALSE(budget.take(at(0s)));
  for (int i = 0; i < 4; ++i) budget.on_call();
  EXPECT_EQ(budget.tokens(at(1s)), 0);
  EXPECT_FALSE(budget.take(at(1s)));
  budget.on_call();
  EXPECT_EQ(budget.tokens(at(1s)), 1);
  EXPECT_TRUE(budget.take(at(1s)));
  EXPECT_FALSE(budget.take(at(1s)));
}

TEST(RetryBudget, ManyCallsSaveUpNoMoreThanTheBurst) {
  RetryBudget budget(100, 3);
  for (int i = 0; i < 1000; ++i) budget.on_call();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.take(at(0s)));
  EXPECT_FALSE(budget.take(at(0s)));
}

TEST(RetryBudget, IsFullAgainTenSecondsAfterTheLastTake) {
  RetryBudget budget(0, 3);
  EXPECT_LE(budget.full_at(), at(0s));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.take(at(2s)));
  EXPECT_FALSE(budget.take(at(8s))) << "a refusal takes nothing, so it postpones nothing";
  EXPECT_EQ(budget.full_at(), at(12s));
  EXPECT_EQ(budget.tokens(at(12s - 1ns)), 0);
  EXPECT_FALSE(budget.take(at(12s - 1ns)));
  EXPECT_EQ(budget.tokens(at(12s)), 3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.take(at(12s)));
  EXPECT_FALSE(budget.take(at(12s)));
}

// --- Model -----------------------------------------------------------------------------------------------------------

// Counts in hundredths of a token, as the percentage does.
struct BudgetAndEvents {
  BudgetAndEvents(std::uint32_t of_calls, std::uint32_t burst)
      : percent(of_calls), most(std::int64_t{burst} * 100), budget(of_calls, burst) {}

  struct Event {
    TimePoint time;
    bool is_take;
  };
  std::int64_t change(const Event& event) const { return event.is_take ? -100 : percent; }

  // What the promise leaves: the least over all windows that end now, back to the take before which it was quiet.
  std::int64_t room() const {
    std::int64_t least = most;
    std::int64_t room_in_window = most;
    TimePoint later_take = now;
    for (auto event = events.rbegin(); event != events.rend(); ++event) {
      if (event->is_take && later_take - event->time >= 10s) break;
      if (event->is_take) later_take = event->time;
      room_in_window += change(*event);
      least = std::min(least, room_in_window);
    }
    return least;
  }

  void call() {
    budget.on_call();
    events.push_back({now, false});
  }
  void take() {
    const bool expected = room() >= 100;
    RC_ASSERT(budget.take(now) == expected);
    if (!expected) return;
    events.push_back({now, true});
    RC_ASSERT(budget.full_at() == now + 10s);
  }

  // The takes within any 10 s are covered by the calls within them and the burst. The window's end is not in it: what
  // happens exactly 10 s later belongs to the next one.
  void check_all_windows() const {
    for (auto first = events.begin(); first != events.end(); ++first) {
      std::int64_t left = most;
      for (auto event = first; event != events.end() && event->time - first->time < 10s; ++event) {
        left += change(*event);
        RC_ASSERT(left >= 0);
      }
    }
  }

  std::int64_t percent;
  std::int64_t most;
  TimePoint now = at(pick<std::int64_t>(0, 1000) * 1s);
  RetryBudget budget;
  std::vector<Event> events;
};

void some_time_passes(BudgetAndEvents& both) {
  switch (pick(0, 8)) {
    case 0: both.now += 10s - 1ns; break;
    case 1: both.now += 10s; break;
    case 2: both.now += Duration(pick<std::int64_t>(0, 20'000'000'000)); break;
    default: both.now += Duration(pick<std::int64_t>(0, 2'000'000'000)); break;
  }
}

RC_GTEST_PROP(RetryBudget, KeepsItsPromiseInEveryWindowAndRefusesNothingElse, ()) {
  const auto percent = pick_of<std::uint32_t>({0, 1, 10, 20, 33, 50, 99, 100, 150});
  const auto burst = pick_of<std::uint32_t>({0, 1, 2, 3, 10, 100});
  BudgetAndEvents both(percent, burst);
  const int pauses_one_in = pick_of({3, 10, 100});
  const int takes_in_ten = pick(1, 10);
  const int steps = pick(0, 400);
  for (int i = 0; i < steps; ++i) {
    if (pick(0, pauses_one_in) == 0) some_time_passes(both);
    if (pick(0, 10) < takes_in_ten) {
      both.take();
    } else {
      both.call();
    }
    RC_ASSERT(both.budget.tokens(both.now) == both.room() / 100);
  }
  both.check_all_windows();
  both.now += 10s;
  RC_ASSERT(both.budget.full_at() <= both.now);
  RC_ASSERT(both.budget.tokens(both.now) == std::int64_t{burst});
}

}  // namespace
}  // namespace razor::pool
