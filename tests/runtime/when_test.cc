// when_all and when_any. A child that were started late, waited for in vain, or left running would show in the notes
// and the sentinels.

#include "razor/runtime/when.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "razor/runtime/bounded_queue.h"
#include "razor/runtime/event.h"
#include "razor/runtime/with_deadline.h"
#include "tests/support/live_count.h"
#include "tests/support/manual_runtime.h"

namespace razor::runtime {
namespace {

using namespace std::chrono_literals;
using test::LiveCount;
using test::ManualClock;
using test::ManualExecutor;
using test::Running;

class WhenTest : public testing::Test {
 protected:
  static Task<int> number(Event& event, LiveCount::Sentinel, int value) {
    co_await event.wait();
    co_return value;
  }
  Task<int> number(Event& event, int value) { return number(event, count_.sentinel(), value); }
  static Task<int> fail(Event& event, std::string what) {
    co_await event.wait();
    throw std::runtime_error(what);
  }

  LiveCount count_;
  ManualClock clock_;
  ManualExecutor executor_;
  Event first_{executor_};
  Event second_{executor_};
};

using WhenAll = WhenTest;
using WhenAny = WhenTest;

// --- when_all --------------------------------------------------------------------------------------------------------

Task<std::vector<int>> all_of_two(Task<int> a, Task<int> b) {
  auto [x, y] = co_await when_all(std::move(a), std::move(b));
  co_return std::vector{x, y};
}

TEST_F(WhenAll, WaitsForTheLastAndKeepsTheOrder) {
  Running<std::vector<int>> running(all_of_two(number(first_, 1), number(second_, 2)));
  second_.set();
  executor_.run_all();
  EXPECT_FALSE(running.finished());
  first_.set();
  executor_.run_all();
  ASSERT_TRUE(running.finished());
  EXPECT_EQ(running.take(), (std::vector{1, 2}));
  EXPECT_EQ(count_.alive(), 0);
}

TEST_F(WhenAll, EndsAtOnceWhenNobodySuspends) {
  first_.set();
  Running<std::vector<int>> running(all_of_two(number(first_, 1), number(first_, 2)));
  ASSERT_TRUE(running.finished());
  EXPECT_EQ(running.take(), (std::vector{1, 2}));
}

Task<void> note(std::vector<int>& notes, int value) {
  notes.push_back(value);
  co_return;
}
Task<void> note_after(Event& event, std::vector<int>& notes, int value) {
  co_await event.wait();
  notes.push_back(value);
}
Task<void> all_in_order(Event& event, std::vector<int>& notes) {
  auto [a, b, c] = co_await when_all(note(notes, 1), note_after(event, notes, 3), note(notes, 2));
  static_assert(std::is_same_v<decltype(a), std::monostate>, "nothing is a monostate");
  (void)b, (void)c;
}

TEST_F(WhenAll, StartsItsTasksOneAfterTheOtherWhereItIsAwaited) {
  std::vector<int> notes;
  const Running<void> running(all_in_order(first_, notes));
  EXPECT_EQ(notes, (std::vector{1, 2}));
  first_.set();
  executor_.run_all();
  EXPECT_EQ(notes, (std::vector{1, 2, 3}));
  EXPECT_TRUE(running.finished());
}

Task<int> all_of_nothing() {
  const std::tuple<> nothing = co_await when_all();
  const std::vector<int> none = co_await when_all(std::vector<Task<int>>());
  (void)nothing;
  co_return static_cast<int>(none.size());
}

TEST_F(WhenAll, OfNothingEndsAtOnce) { EXPECT_EQ(Running<int>(all_of_nothing()).take(), 0); }

Task<std::vector<int>> all_of(std::vector<Task<int>> tasks) { co_return co_await when_all(std::move(tasks)); }

TEST_F(WhenAll, OfManyGivesTheirResultsInOrder) {
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 1000; ++i) tasks.push_back(number(i % 3 == 0 ? first_ : second_, i));
  Running<std::vector<int>> running(all_of(std::move(tasks)));
  second_.set();
  executor_.run_all();
  EXPECT_FALSE(running.finished());
  first_.set();
  executor_.run_all();
  ASSERT_TRUE(running.finished());
  const std::vector<int> results = running.take();
  ASSERT_EQ(results.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)], i);
}

TEST_F(WhenAll, ThrowsTheFirstExceptionWhenAllHaveFinished) {
  Running<std::vector<int>> running(all_of_two(fail(first_, "one"), fail(second_, "two")));
  second_.set();
  executor_.run_all();
  EXPECT_FALSE(running.finished());
  first_.set();
  executor_.run_all();
  ASSERT_TRUE(running.finished());
  try {
    running.take();
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "one");
  }
}

TEST_F(WhenAll, DestroyingTheAwaitDestroysAll) {
  std::optional<Running<std::vector<int>>> running;
  running.emplace(all_of_two(number(first_, 1), number(second_, 2)));
  first_.set();
  executor_.run_all();  // one has finished, one waits
  running.reset();
  EXPECT_EQ(count_.alive(), 0);
  second_.set();
  EXPECT_EQ(executor_.ready_count(), 0u);
}

Task<std::unique_ptr<int>> give_owned(int value) { co_return std::make_unique<int>(value); }
Task<int> sum_of_owned() {
  auto [a, b] = co_await when_all(give_owned(1), give_owned(2));
  std::vector<Task<std::unique_ptr<int>>> more;
  more.push_back(give_owned(3));
  const std::vector<std::unique_ptr<int>> results = co_await when_all(std::move(more));
  co_return *a + *b + *results[0];
}

TEST_F(WhenAll, PassesOnResultsThatCanOnlyBeMoved) { EXPECT_EQ(Running<int>(sum_of_owned()).take(), 6); }

// --- when_any --------------------------------------------------------------------------------------------------------

Task<std::pair<std::size_t, int>> any_of_two(Task<int> a, Task<int> b) {
  const std::variant<int, int> first = co_await when_any(std::move(a), std::move(b));
  co_return std::pair(first.index(), first.index() == 0 ? std::get<0>(first) : std::get<1>(first));
}
Task<std::pair<std::size_t, int>> any_of(std::vector<Task<int>> tasks) { co_return co_await when_any(std::move(tasks)); }

TEST_F(WhenAny, EndsWithTheFirstAndDestroysTheOthers) {
  Running<std::pair<std::size_t, int>> running(any_of_two(number(first_, 1), number(second_, 2)));
  EXPECT_FALSE(running.finished());
  second_.set();
  executor_.run_all();
  ASSERT_TRUE(running.finished());
  EXPECT_EQ(running.take(), std::pair(std::size_t{1}, 2));
  EXPECT_EQ(count_.alive(), 0);
  first_.set();
  EXPECT_EQ(executor_.ready_count(), 0u) << "the other one still waits";
}

TEST_F(WhenAny, ATaskThatFinishesAtOnceWinsAndTheNextIsNotStarted) {
  first_.set();
  Running<std::pair<std::size_t, int>> running(any_of_two(number(first_, 1), number(first_, 2)));
  ASSERT_TRUE(running.finished());
  EXPECT_EQ(running.take(), std::pair(std::size_t{0}, 1));
  Running<std::pair<std::size_t, int>> second_is_ready(any_of_two(number(second_, 1), number(first_, 2)));
  EXPECT_EQ(second_is_ready.take(), std::pair(std::size_t{1}, 2));
  EXPECT_EQ(count_.alive(), 0);
}

TEST_F(WhenAny, OfTwoThatAreWokenTogetherTheFirstToRunWins) {
  Running<std::pair<std::size_t, int>> running(any_of_two(number(first_, 1), number(second_, 2)));
  second_.set();
  first_.set();
  executor_.run_all();
  EXPECT_EQ(running.take(), std::pair(std::size_t{1}, 2));
}

TEST_F(WhenAny, OfManyGivesTheIndexToo) {
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 100; ++i) tasks.push_back(number(i == 42 ? second_ : first_, i));
  Running<std::pair<std::size_t, int>> running(any_of(std::move(tasks)));
  second_.set();
  executor_.run_all();
  ASSERT_TRUE(running.finished());
  EXPECT_EQ(running.take(), std::pair(std::size_t{42}, 42));
  EXPECT_EQ(count_.alive(), 0);
}

TEST_F(WhenAny, ThrowsWhatTheFirstThrew) {
  Running<std::pair<std::size_t, int>> running(any_of_two(number(first_, 1), fail(second_, "first to end")));
  second_.set();
  executor_.run_all();
  ASSERT_TRUE(running.finished());
  EXPECT_THROW((void)running.take(), std::runtime_error);
  EXPECT_EQ(count_.alive(), 0);

  first_.reset();
  Running<std::pair<std::size_t, int>> loses(any_of_two(fail(first_, "too late"), number(second_, 2)));
  EXPECT_EQ(loses.take(), std::pair(std::size_t{1}, 2));
}

TEST_F(WhenAny, DestroyingTheAwaitDestroysAll) {
  std::optional<Running<std::pair<std::size_t, int>>> running;
  running.emplace(any_of_two(number(first_, 1), number(second_, 2)));
  running.reset();
  EXPECT_EQ(count_.alive(), 0);
}

Task<std::pair<std::size_t, int>> any_of_all(Task<int> a, Task<int> b, Task<int> c) {
  auto both = all_of_two(std::move(a), std::move(b));
  std::variant<std::vector<int>, int> first = co_await when_any(std::move(both), std::move(c));
  const int value = first.index() == 0 ? std::get<0>(first)[0] * 10 + std::get<0>(first)[1] : std::get<1>(first);
  co_return std::pair(first.index(), value);
}

TEST_F(WhenAny, MayContainAWhenAll) {
  Event never(executor_);
  Running<std::pair<std::size_t, int>> running(any_of_all(number(first_, 1), number(second_, 2), number(never, 3)));
  second_.set();
  first_.set();
  executor_.run_all();
  ASSERT_TRUE(running.finished());
  EXPECT_EQ(running.take(), std::pair(std::size_t{0}, 12));
  EXPECT_EQ(count_.alive(), 0);
}

TEST(WhenAnyDeathTest, OfNothingIsABug) {
  EXPECT_DEATH((void)when_any(std::vector<Task<int>>()), "when_any of nothing never ends");
}

// Regression: only Tasks and Event::wait() could be passed; the other awaitables of the library could not be moved.
Task<std::size_t> first_of_all_kinds(Clock& clock, Event& event, BoundedQueue<int>& empty, BoundedQueue<int>& full) {
  std::vector<int> notes;
  auto first = co_await when_any(event.wait(), empty.receive(), full.send(2), clock.sleep_for(5ms),
                                 clock.sleep_until(clock.now() + 3ms), when_all(event.wait(), event.wait()),
                                 with_deadline(clock, clock.now() + 4ms, note_after(event, notes, 1)));
  co_return first.index();
}

TEST_F(WhenAny, TakesAnythingThatCanBeAwaited) {
  BoundedQueue<int> empty(executor_, 1);
  BoundedQueue<int> full(executor_, 1);
  full.try_send(1);
  Running<std::size_t> timed(first_of_all_kinds(clock_, first_, empty, full));
  clock_.advance(3ms);
  ASSERT_TRUE(timed.finished());
  EXPECT_EQ(timed.take(), 4u);
  EXPECT_EQ(clock_.timers_armed(), 0u);

  Running<std::size_t> received(first_of_all_kinds(clock_, first_, empty, full));
  empty.try_send(1);
  executor_.run_all();
  ASSERT_TRUE(received.finished());
  EXPECT_EQ(received.take(), 1u);

  Running<std::size_t> sent(first_of_all_kinds(clock_, first_, empty, full));
  (void)full.try_receive();
  executor_.run_all();
  ASSERT_TRUE(sent.finished());
  EXPECT_EQ(sent.take(), 2u);
  EXPECT_EQ(full.try_receive(), 2);
}

}  // namespace
}  // namespace razor::runtime
