// with_deadline: what a task returns, or timed_out. If the task were not destroyed at its deadline its sentinel would
// live on; if it were given up early, the clock below, which only the test moves, would show it.

#include "razor/runtime/with_deadline.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>

#include "razor/runtime/event.h"
#include "razor/runtime/when.h"
#include "tests/support/live_count.h"
#include "tests/support/manual_runtime.h"

namespace razor::runtime {
namespace {

using namespace std::chrono_literals;
using base::Result;
using test::LiveCount;
using test::ManualClock;
using test::ManualExecutor;
using test::Running;

class WithDeadlineTest : public testing::Test {
 protected:
  Task<int> number_once_set() { return number_once_set_in(event_, count_.sentinel()); }
  static Task<int> number_once_set_in(Event& event, LiveCount::Sentinel) {
    co_await event.wait();
    co_return 7;
  }
  static Task<Result<int>> within(Clock& clock, base::TimePoint at, Task<int> task) {
    co_return co_await with_deadline(clock, at, std::move(task));
  }

  LiveCount count_;
  ManualClock clock_;
  ManualExecutor executor_;
  Event event_{executor_};
};

TEST_F(WithDeadlineTest, GivesTheResultOfATaskThatFinishesInTime) {
  Running<Result<int>> running(within(clock_, clock_.now() + 10ms, number_once_set()));
  clock_.advance(10ms - 1ns);
  event_.set();
  executor_.run_all();
  ASSERT_TRUE(running.finished());
  EXPECT_EQ(running.take().value(), 7);
  EXPECT_EQ(clock_.timers_armed(), 0u);
}

TEST_F(WithDeadlineTest, DestroysTheTaskAtTheDeadlineAndNotBefore) {
  Running<Result<int>> running(within(clock_, clock_.now() + 10ms, number_once_set()));
  clock_.advance(10ms - 1ns);
  EXPECT_EQ(count_.alive(), 1);
  EXPECT_FALSE(running.finished());
  clock_.advance(1ns);
  EXPECT_EQ(count_.alive(), 0);
  ASSERT_TRUE(running.finished());
  EXPECT_EQ(running.take().error(), std::errc::timed_out);
  event_.set();
  EXPECT_EQ(executor_.ready_count(), 0u) << "the task still waits";
}

TEST_F(WithDeadlineTest, ATaskThatWasWokenButDidNotRunByTheDeadlineIsGivenUp) {
  Running<Result<int>> running(within(clock_, clock_.now() + 10ms, number_once_set()));
  event_.set();
  clock_.advance(10ms);
  executor_.run_all();
  ASSERT_TRUE(running.finished());
  EXPECT_EQ(running.take().error(), std::errc::timed_out);
}

TEST_F(WithDeadlineTest, ATaskRunsToItsFirstSuspensionEvenWhenItIsTooLate) {
  clock_.advance(1s);
  event_.set();
  Running<Result<int>> finishes(within(clock_, clock_.now() - 1ms, number_once_set()));
  ASSERT_TRUE(finishes.finished());
  EXPECT_EQ(finishes.take().value(), 7);

  event_.reset();
  Running<Result<int>> waits(within(clock_, clock_.now() - 1ms, number_once_set()));
  EXPECT_FALSE(waits.finished()) << "given up inside the call instead of in a turn of its own";
  clock_.advance(0ns);
  ASSERT_TRUE(waits.finished());
  EXPECT_EQ(waits.take().error(), std::errc::timed_out);
}

TEST_F(WithDeadlineTest, NoDeadlineIsTheEndOfTime) {
  Running<Result<int>> running(within(clock_, base::TimePoint::max(), number_once_set()));
  clock_.advance(std::chrono::hours(1'000'000));
  EXPECT_FALSE(running.finished());
  event_.set();
  executor_.run_all();
  EXPECT_EQ(running.take().value(), 7);
}

TEST_F(WithDeadlineTest, DestroyingTheAwaitDestroysTheTaskAndTheTimer) {
  std::optional<Running<Result<int>>> running;
  running.emplace(within(clock_, clock_.now() + 10ms, number_once_set()));
  running.reset();
  EXPECT_EQ(count_.alive(), 0);
  EXPECT_EQ(clock_.timers_armed(), 0u);
}

Task<Result<int>> refuse() { co_return std::errc::connection_refused; }
Task<Result<int>> refuse_within(Clock& clock, base::TimePoint at) { co_return co_await with_deadline(clock, at, refuse()); }

TEST_F(WithDeadlineTest, AResultIsNotWrappedInAnother) {
  Running<Result<int>> running(refuse_within(clock_, clock_.now() + 1s));
  EXPECT_EQ(running.take().error(), std::errc::connection_refused);
}

Task<void> wait_for(Event& event) { co_await event.wait(); }
Task<Result<void>> wait_within(Clock& clock, base::TimePoint at, Event& event) {
  co_return co_await with_deadline(clock, at, wait_for(event));
}

TEST_F(WithDeadlineTest, OfATaskWithoutResultSaysWhetherItFinished) {
  Running<Result<void>> late(wait_within(clock_, clock_.now() + 1s, event_));
  clock_.advance(1s);
  EXPECT_EQ(late.take().error(), std::errc::timed_out);
  event_.set();
  Running<Result<void>> in_time(wait_within(clock_, clock_.now() + 1s, event_));
  EXPECT_TRUE(in_time.take().ok());
}

Task<std::unique_ptr<int>> give_owned() { co_return std::make_unique<int>(5); }
Task<int> owned_within(Clock& clock, base::TimePoint at) {
  Result<std::unique_ptr<int>> owned = co_await with_deadline(clock, at, give_owned());
  co_return **owned;
}

TEST_F(WithDeadlineTest, PassesOnResultsThatCanOnlyBeMoved) {
  EXPECT_EQ(Running<int>(owned_within(clock_, clock_.now() + 1s)).take(), 5);
}

Task<int> fail_once_set(Event& event) {
  co_await event.wait();
  throw std::runtime_error("failed in time");
}

TEST_F(WithDeadlineTest, ThrowsWhatEscapesTheTask) {
  Running<Result<int>> running(within(clock_, clock_.now() + 1s, fail_once_set(event_)));
  event_.set();
  executor_.run_all();
  ASSERT_TRUE(running.finished());
  EXPECT_THROW((void)running.take(), std::runtime_error);
}

Task<Result<int>> within_two(Clock& clock, base::TimePoint outer, base::TimePoint inner, Task<int> task) {
  auto with_inner = [](Clock& at_clock, base::TimePoint at, Task<int> timed) -> Task<Result<int>> {
    co_return co_await with_deadline(at_clock, at, std::move(timed));
  };
  co_return co_await with_deadline(clock, outer, with_inner(clock, inner, std::move(task)));
}

TEST_F(WithDeadlineTest, TheEarlierOfTwoDeadlinesDecides) {
  Running<Result<int>> inner_first(within_two(clock_, clock_.now() + 2s, clock_.now() + 1s, number_once_set()));
  Running<Result<int>> outer_first(within_two(clock_, clock_.now() + 1s, clock_.now() + 2s, number_once_set()));
  Running<Result<int>> both_at_once(within_two(clock_, clock_.now() + 1s, clock_.now() + 1s, number_once_set()));
  clock_.advance(1s);
  for (auto* running : {&inner_first, &outer_first, &both_at_once}) {
    ASSERT_TRUE(running->finished());
    EXPECT_EQ(running->take().error(), std::errc::timed_out);
  }
  EXPECT_EQ(clock_.timers_armed(), 0u);
  EXPECT_EQ(count_.alive(), 0);
}

}  // namespace
}  // namespace razor::runtime
