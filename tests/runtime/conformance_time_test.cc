// RuntimeConformance, Clock and Timer: order, and never early. That a timer fires at all is seen by `run` coming to its
// end. What the queue of timers does by itself is tested in timer_test.cc.

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "razor/runtime/event.h"
#include "razor/runtime/task_scope.h"
#include "razor/runtime/when.h"
#include "tests/runtime/conformance_test.h"
#include "tests/support/coroutine_asserts.h"
#include "tests/support/waiting.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::TimePoint;
using runtime::Clock;
using runtime::Task;
using runtime::Timer;
using runtime::when_all;

using Conformance = RuntimeConformance;

class CallingTimer final : public Timer {
 public:
  CallingTimer(Clock& clock, std::function<void()> then)
      : Timer(clock, [](Timer& timer) { static_cast<CallingTimer&>(timer).then_(); }), then_(std::move(then)) {}

 private:
  std::function<void()> then_;
};

// Timers that note their numbers, and whether they fired too early.
class NotedTimers {
 public:
  NotedTimers(Clock& clock, std::vector<Duration> delays) : clock_(clock) {
    const TimePoint start = clock.now();
    due_.resize(delays.size());
    for (std::size_t i = 0; i < delays.size(); ++i) {
      timers_.push_back(std::make_unique<CallingTimer>(clock, [this, i] {
        if (clock_.now() < due_[i]) ++early_;
        fired_.push_back(i);
      }));
      arm(i, start + delays[i]);
    }
    EXPECT_TRUE(fired_.empty()) << "fired inside arm()";
  }

  void arm(std::size_t index, TimePoint at) {
    due_[index] = at;
    timers_[index]->arm(at);
  }

  Task<void> until_fired(std::size_t count) {
    const bool all = co_await eventually(clock_, [this, count] { return fired_.size() >= count; });
    EXPECT_TRUE(all);
    EXPECT_EQ(early_, 0);
  }

  Timer& operator[](std::size_t index) { return *timers_[index]; }
  const std::vector<std::size_t>& fired() const { return fired_; }

 private:
  Clock& clock_;
  std::vector<std::unique_ptr<CallingTimer>> timers_;
  std::vector<TimePoint> due_;
  std::vector<std::size_t> fired_;
  int early_ = 0;
};

Task<void> order_of_timers(Conformance& test) {
  NotedTimers timers(test.clock(), {5ms, 1ms, 3ms, 2ms, 4ms});
  co_await timers.until_fired(5);
  EXPECT_EQ(timers.fired(), (std::vector<std::size_t>{1, 3, 2, 4, 0}));
}

TEST_P(RuntimeConformance, TimersFireInTheOrderOfTheirTimes) { run(order_of_timers(*this)); }

Task<void> order_of_arming(Conformance& test) {
  NotedTimers timers(test.clock(), {2ms, 1ms, 2ms, 1ms, 2ms, 1ms});
  co_await timers.until_fired(6);
  EXPECT_EQ(timers.fired(), (std::vector<std::size_t>{1, 3, 5, 0, 2, 4}));
}

TEST_P(RuntimeConformance, TimersOfOneTimeFireInTheOrderOfArming) {
  if (!maker().runs_in_order()) GTEST_SKIP() << "the order is another each time";
  run(order_of_arming(*this));
}

Task<void> timers_never_early(Conformance& test) {
  std::vector<Duration> delays;
  for (int i = 0; i < 200; ++i) delays.push_back(Duration(i * 7'919 % 5'000'000));
  NotedTimers timers(test.clock(), delays);
  co_await timers.until_fired(delays.size());
  EXPECT_EQ(timers.fired().size(), delays.size());
}

TEST_P(RuntimeConformance, TimersFireOnceEachAndNeverEarly) { run(timers_never_early(*this)); }

Task<void> timers_in_the_past(Conformance& test) {
  NotedTimers timers(test.clock(), {-1ns, -1h, 0ns});
  co_await timers.until_fired(3);
  EXPECT_EQ(timers.fired(), (std::vector<std::size_t>{1, 0, 2}));
  CallingTimer first(test.clock(), [] {});
  first.arm(TimePoint::min());
  const bool fired = co_await eventually(test.clock(), [&first] { return !first.armed(); });
  EXPECT_TRUE(fired);
}

TEST_P(RuntimeConformance, TimersArmedInThePastFireSoonButNotInsideArm) { run(timers_in_the_past(*this)); }

Task<void> move_timers(Conformance& test) {
  NotedTimers timers(test.clock(), {1ms, 2ms, 3ms, 1h});
  const TimePoint later = test.clock().now() + 5ms;
  timers.arm(0, later);
  timers[1].disarm();
  timers.arm(3, test.clock().now() + 1ms);
  EXPECT_EQ(timers[0].at(), later);
  EXPECT_FALSE(timers[1].armed());
  co_await timers.until_fired(3);
  EXPECT_GE(test.clock().now(), later);
  EXPECT_EQ(timers.fired().size(), 3u);
  EXPECT_EQ(timers.fired().back(), 0u);
  EXPECT_EQ(std::ranges::count(timers.fired(), 1u), 0);
}

TEST_P(RuntimeConformance, AnArmedTimerCanBeMovedAndDisarmed) { run(move_timers(*this)); }

Task<void> arm_when_firing(Conformance& test) {
  int fired = 0;
  runtime::Event done(test.executor());
  std::unique_ptr<CallingTimer> again;
  again = std::make_unique<CallingTimer>(test.clock(), [&] {
    if (++fired < 10) {
      again->arm(test.clock().now() + (fired % 2 == 0 ? Duration(100us) : Duration(-1s)));
      EXPECT_TRUE(again->armed());
      EXPECT_LT(fired, 10) << "fired inside arm()";
    } else {
      done.set();
    }
  });
  again->arm(test.clock().now());
  co_await done.wait();
  EXPECT_EQ(fired, 10);
  EXPECT_FALSE(again->armed());
}

TEST_P(RuntimeConformance, ATimerMayArmItselfAnewWhenItFires) { run(arm_when_firing(*this)); }

Task<void> starve_timers(Conformance& test) {
  bool stop = false;
  int fired = 0;
  std::unique_ptr<CallingTimer> greedy;
  greedy = std::make_unique<CallingTimer>(test.clock(), [&] {
    ++fired;
    if (!stop) greedy->arm(TimePoint::min());
  });
  greedy->arm(TimePoint::min());
  const bool fires_on = co_await eventually(test.clock(), [&fired] { return fired >= 10; });
  EXPECT_TRUE(fires_on);
  const StreamPair pair = co_await test.connected_pair();
  const base::Result<void> written = co_await write_owned(*pair.client, Pattern::bytes(10));
  EXPECT_TRUE(written.ok());
  const base::Result<base::Bytes> got = co_await read_up_to(*pair.server, 10);
  EXPECT_TRUE(got.ok());
  stop = true;
}

// Regression: such a timer kept every other one from firing.
TEST_P(RuntimeConformance, ATimerThatAlwaysArmsItselfInThePastStarvesNobody) {
  if (!maker().time_passes_while_busy()) GTEST_SKIP() << "time waits for it";
  run(starve_timers(*this));
}

Task<void> destroy_timers_that_are_due(Conformance& test) {
  int fired = 0;
  auto doomed = std::make_unique<CallingTimer>(test.clock(), [&fired] { ++fired; });
  auto itself = std::make_unique<CallingTimer>(test.clock(), [] {});
  CallingTimer disarmed(test.clock(), [&fired] { ++fired; });
  bool done = false;
  CallingTimer first(test.clock(), [&] {
    doomed.reset();
    disarmed.disarm();
    done = true;
  });
  itself = std::make_unique<CallingTimer>(test.clock(), [&itself] { itself.reset(); });
  const TimePoint at = test.clock().now() + 1ms;
  first.arm(at);
  doomed->arm(at);
  disarmed.arm(at);
  itself->arm(at);
  const bool all = co_await eventually(test.clock(), [&] { return done && itself == nullptr; });
  EXPECT_TRUE(all);
  EXPECT_EQ(fired, 0);
}

TEST_P(RuntimeConformance, ATimerMayDestroyItselfAndOthersWhenItFires) { run(destroy_timers_that_are_due(*this)); }

Task<void> note_after_sleep(Clock& clock, TimePoint at, std::vector<int>& notes, int number) {
  co_await clock.sleep_until(at);
  EXPECT_GE(clock.now(), at);
  notes.push_back(number);
}

Task<void> sleep_in_order(Conformance& test) {
  std::vector<int> notes;
  const TimePoint start = test.clock().now();
  co_await when_all(
      note_after_sleep(test.clock(), start + 3ms, notes, 3), note_after_sleep(test.clock(), start + 1ms, notes, 1),
      note_after_sleep(test.clock(), start - 1h, notes, 0), note_after_sleep(test.clock(), start + 2ms, notes, 2));
  EXPECT_EQ(notes, (std::vector{0, 1, 2, 3}));
  EXPECT_GE(test.clock().now(), start + 3ms);
}

TEST_P(RuntimeConformance, SleepersWakeInOrderAndNeverEarly) { run(sleep_in_order(*this)); }

Task<void> sleep_for_ever(Conformance& test) {
  std::vector<int> notes;
  runtime::TaskScope scope(test.executor());
  scope.spawn("sleeper", note_after_sleep(test.clock(), TimePoint::max(), notes, 1));
  auto sleep_for = [](Clock& clock, std::vector<int>& list) -> Task<void> {
    co_await clock.sleep_for(Duration::max());
    list.push_back(2);
  };
  scope.spawn("sleeper", sleep_for(test.clock(), notes));
  co_await test.clock().sleep_for(2ms);
  co_await test.clock().sleep_for(Duration::zero());
  co_await test.clock().sleep_for(-5s);
  EXPECT_TRUE(notes.empty());
}

TEST_P(RuntimeConformance, TheEndOfTimeNeverComes) { run(sleep_for_ever(*this)); }

Task<void> time_goes_forward(Conformance& test) {
  TimePoint last = test.clock().now();
  for (int i = 0; i < 1000; ++i) {
    const TimePoint now = test.clock().now();
    EXPECT_GE(now, last);
    last = now;
    if (i % 100 == 0) co_await test.clock().sleep_for(10us);
  }
}

TEST_P(RuntimeConformance, TimeNeverGoesBack) { run(time_goes_forward(*this)); }

}  // namespace
}  // namespace razor::test
