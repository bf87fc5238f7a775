// Timer and TimerQueue. A heap that loses an index, fires early, or forgets the order of arming disagrees with the
// multimap of the model test.

#include "razor/runtime/timer.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "tests/support/manual_runtime.h"

namespace razor::runtime {
namespace {

using namespace std::chrono_literals;
using test::ManualClock;

class NotingTimer final : public Timer {
 public:
  NotingTimer(Clock& clock, std::vector<int>& notes, int number)
      : Timer(clock, [](Timer& timer) { static_cast<NotingTimer&>(timer).fire(); }), notes_(notes), number_(number) {}

  std::function<void()> then = [] {};

 private:
  void fire() {
    notes_.push_back(number_);
    then();  // last: it may destroy this timer
  }

  std::vector<int>& notes_;
  int number_;
};

class TimerTest : public testing::Test {
 protected:
  std::vector<int> notes_;
  ManualClock clock_;
  NotingTimer one_{clock_, notes_, 1};
  NotingTimer two_{clock_, notes_, 2};
  NotingTimer three_{clock_, notes_, 3};
};

TEST_F(TimerTest, FiresOnceAtItsTimeAndNotBefore) {
  one_.arm(clock_.now() + 10ms);
  EXPECT_TRUE(one_.armed());
  EXPECT_EQ(one_.at(), clock_.now() + 10ms);
  clock_.advance(10ms - 1ns);
  EXPECT_TRUE(notes_.empty());
  clock_.advance(1ns);
  EXPECT_EQ(notes_, (std::vector{1}));
  EXPECT_FALSE(one_.armed());
  clock_.advance(1h);
  EXPECT_EQ(notes_, (std::vector{1}));
}

TEST_F(TimerTest, FireInTheOrderOfTheirTimesAndThenOfArming) {
  three_.arm(clock_.now() + 2ms);
  two_.arm(clock_.now() + 1ms);
  one_.arm(clock_.now() + 1ms);
  clock_.advance(5ms);
  EXPECT_EQ(notes_, (std::vector{2, 1, 3}));
}

TEST_F(TimerTest, ArmingAgainMovesIt) {
  one_.arm(clock_.now() + 1ms);
  two_.arm(clock_.now() + 2ms);
  one_.arm(clock_.now() + 3ms);
  EXPECT_EQ(clock_.timers_armed(), 2u);
  clock_.advance(2ms);
  EXPECT_EQ(notes_, (std::vector{2}));
  clock_.advance(1ms);
  EXPECT_EQ(notes_, (std::vector{2, 1}));

  one_.arm(clock_.now() + 1ms);
  two_.arm(clock_.now() + 1ms);
  one_.arm(clock_.now() + 1ms);  // the same time, but now it was armed after the other
  clock_.advance(1ms);
  EXPECT_EQ(notes_, (std::vector{2, 1, 2, 1}));
}

TEST_F(TimerTest, DisarmedOnesDoNotFire) {
  one_.arm(clock_.now() + 1ms);
  one_.disarm();
  one_.disarm();
  {
    NotingTimer dies(clock_, notes_, 4);
    dies.arm(clock_.now() + 1ms);
  }
  EXPECT_EQ(clock_.timers_armed(), 0u);
  clock_.advance(1s);
  EXPECT_TRUE(notes_.empty());
}

TEST_F(TimerTest, OneThatFiresMayDisarmOrDestroyOthersThatAreDue) {
  auto dies = std::make_unique<NotingTimer>(clock_, notes_, 4);
  one_.then = [&] {
    two_.disarm();
    dies.reset();
  };
  one_.arm(clock_.now() + 1ms);
  two_.arm(clock_.now() + 1ms);
  dies->arm(clock_.now() + 1ms);
  three_.arm(clock_.now() + 1ms);
  clock_.advance(1ms);
  EXPECT_EQ(notes_, (std::vector{1, 3}));
}

TEST_F(TimerTest, MayDestroyItselfWhenItFires) {
  auto dies = std::make_unique<NotingTimer>(clock_, notes_, 4);
  dies->then = [&dies] { dies.reset(); };
  dies->arm(clock_.now() + 1ms);
  clock_.advance(1ms);
  EXPECT_EQ(notes_, (std::vector{4}));
  EXPECT_EQ(dies, nullptr);
}

// Regression: a timer that armed itself in the past when it fired was always the earliest. The others never fired.
TEST_F(TimerTest, OneThatArmsItselfInThePastLetsTheOthersFire) {
  one_.then = [&] {
    if (notes_.size() < 10) one_.arm(base::TimePoint());
  };
  clock_.advance(1s);
  one_.arm(clock_.now());
  two_.arm(clock_.now() + 1ms);
  three_.arm(clock_.now() + 1ms);
  clock_.advance(1ms);
  EXPECT_EQ(notes_, (std::vector{1, 2, 3})) << "what was armed meanwhile waits for the next turn";
  EXPECT_TRUE(one_.armed());
  clock_.advance(1ms);
  EXPECT_EQ(notes_, (std::vector{1, 2, 3, 1}));
}

TEST(TimerQueueDeathTest, ForeignAndDoubledTimersAreBugs) {
  std::vector<int> notes;
  ManualClock clock;
  NotingTimer timer(clock, notes, 1);
  TimerQueue queue;
  EXPECT_DEATH(queue.remove(timer), "timer is not in this queue");
  EXPECT_DEATH(
      {
        queue.insert(timer, base::TimePoint());
        queue.insert(timer, base::TimePoint());
      },
      "timer is queued already");
}

TEST(TimerQueue, ClearDisarmsAllWithoutFiring) {
  std::vector<int> notes;
  ManualClock clock;
  TimerQueue queue;
  NotingTimer one(clock, notes, 1);
  NotingTimer two(clock, notes, 2);
  queue.insert(one, base::TimePoint(1ms));
  queue.insert(two, base::TimePoint(2ms));
  queue.clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(one.armed());
  EXPECT_FALSE(queue.fire_one(base::TimePoint::max()));
  EXPECT_TRUE(notes.empty());
}

// Timers beside a multimap from (time, order of arming) to their numbers.
class TimersAndMultimap {
 public:
  static constexpr int kTimers = 12;

  TimersAndMultimap() {
    for (int i = 0; i < kTimers; ++i) timers_[i] = std::make_unique<NotingTimer>(clock_, fired_, i);
  }

  void step() {
    const int number = *rc::gen::inRange(0, kTimers);
    switch (*rc::gen::weightedElement<int>({{6, 0}, {2, 1}, {1, 2}, {2, 3}})) {
      case 0: arm(number, clock_.now() + *rc::gen::inRange(-5, 20) * 1ns); break;
      case 1: disarm(number); break;
      case 2: replace_by_a_new_one(number); break;
      case 3: advance(*rc::gen::inRange(0, 10) * 1ns); break;
    }
    RC_ASSERT(clock_.timers_armed() == model_.size());
  }

 private:
  using Key = std::pair<base::TimePoint, int>;

  void arm(int number, base::TimePoint at) {
    forget(number);
    timers_[number]->arm(at);
    model_.emplace(Key(at, armed_total_++), number);
    RC_ASSERT(timers_[number]->armed());
    RC_ASSERT(timers_[number]->at() == at);
  }
  void disarm(int number) {
    forget(number);
    timers_[number]->disarm();
    RC_ASSERT(!timers_[number]->armed());
  }
  void replace_by_a_new_one(int number) {
    forget(number);
    timers_[number] = std::make_unique<NotingTimer>(clock_, fired_, number);
  }
  void forget(int number) {
    std::erase_if(model_, [number](const auto& entry) { return entry.second == number; });
  }
  void advance(base::Duration span) {
    std::vector<int> expected;
    while (!model_.empty() && model_.begin()->first.first <= clock_.now() + span) {
      expected.push_back(model_.begin()->second);
      model_.erase(model_.begin());
    }
    fired_.clear();
    clock_.advance(span);
    RC_ASSERT(fired_ == expected);
  }

  ManualClock clock_;
  std::vector<int> fired_;
  std::unique_ptr<NotingTimer> timers_[kTimers];
  std::multimap<Key, int> model_;
  int armed_total_ = 0;
};

RC_GTEST_PROP(TimerQueue, AgreesWithAMultimap, ()) {
  const int steps = *rc::gen::inRange(0, 300);
  TimersAndMultimap both;
  for (int i = 0; i < steps; ++i) both.step();
}

}  // namespace
}  // namespace razor::runtime
