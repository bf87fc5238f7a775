// Task: values and exceptions through awaits, and what destroying one does. If destroying a Task did not cancel it, the
// sentinels below would stay alive; if it destroyed one that runs too early, ASan would stop at the next line it runs.

#include "razor/runtime/task.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "razor/runtime/event.h"
#include "razor/runtime/when.h"
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

Task<int> give(int value) { co_return value; }
Task<int> give_later(Event& event, int value) {
  co_await event.wait();
  co_return value;
}

// --- Values ----------------------------------------------------------------------------------------------------------

Task<int> sum_of(Task<int> first, Task<int> second) {
  const int a = co_await std::move(first);
  const int b = co_await std::move(second);
  co_return a + b;
}

TEST(Task, GivesItsResultToTheOneThatAwaitsIt) {
  Running<int> sum(sum_of(give(1), give(2)));
  ASSERT_TRUE(sum.finished());
  EXPECT_EQ(sum.take(), 3);
}

TEST(Task, GivesItsResultAlsoWhenItSuspends) {
  ManualExecutor executor;
  Event event(executor);
  Running<int> sum(sum_of(give_later(event, 1), give_later(event, 2)));
  EXPECT_FALSE(sum.finished());
  event.set();
  EXPECT_FALSE(sum.finished()) << "woken inside set() instead of in a turn of its own";
  executor.run_all();
  ASSERT_TRUE(sum.finished());
  EXPECT_EQ(sum.take(), 3);
}

Task<std::unique_ptr<int>> give_owned(int value) { co_return std::make_unique<int>(value); }
Task<std::string> give_text() { co_return "converted"; }
Task<int> take_owned() {
  const std::unique_ptr<int> owned = co_await give_owned(7);
  co_return *owned;
}

TEST(Task, MovesResultsThatCannotBeCopied) {
  EXPECT_EQ(Running<int>(take_owned()).take(), 7);
  EXPECT_EQ(Running<std::string>(give_text()).take(), "converted");
}

struct NoDefault {
  explicit NoDefault(int given) : value(given) {}
  int value;
};
Task<NoDefault> give_no_default() { co_return NoDefault(5); }

TEST(Task, ResultsNeedNoDefaultConstructor) { EXPECT_EQ(Running<NoDefault>(give_no_default()).take().value, 5); }

Task<LiveCount::Sentinel> give_sentinel(LiveCount& count) { co_return count.sentinel(); }

TEST(Task, AResultThatNobodyTakesIsDestroyed) {
  LiveCount count;
  {
    Running<LiveCount::Sentinel> running(give_sentinel(count));
    EXPECT_EQ(count.alive(), 1);
  }
  EXPECT_EQ(count.alive(), 0);
}

Task<void> note(std::vector<int>& notes, int number) {
  notes.push_back(number);
  co_return;
}
Task<void> note_in_order(std::vector<int>& notes) {
  Task<void> last = note(notes, 3);
  notes.push_back(1);
  co_await note(notes, 2);
  co_await last;
}

TEST(Task, StartsWhenItIsAwaitedAndNotBefore) {
  std::vector<int> notes;
  Task<void> task = note_in_order(notes);
  EXPECT_TRUE(notes.empty());
  Running<void> running(std::move(task));
  EXPECT_EQ(notes, (std::vector{1, 2, 3}));
}

// --- Exceptions ------------------------------------------------------------------------------------------------------

Task<int> fail_later(Event& event) {
  co_await event.wait();
  throw std::runtime_error("from below");
}
Task<std::string> catch_from(Task<int> failing) {
  try {
    co_await std::move(failing);
  } catch (const std::runtime_error& error) {
    co_return error.what();
  }
  co_return "nothing was thrown";
}
Task<int> pass_through(Task<int> failing) { co_return co_await std::move(failing); }

TEST(Task, AnExceptionIsThrownAgainWhereTheTaskIsAwaited) {
  ManualExecutor executor;
  Event event(executor);
  event.set();
  Running<std::string> at_once(catch_from(pass_through(fail_later(event))));
  EXPECT_EQ(at_once.take(), "from below");

  event.reset();
  Running<std::string> later(catch_from(pass_through(fail_later(event))));
  event.set();
  executor.run_all();
  ASSERT_TRUE(later.finished());
  EXPECT_EQ(later.take(), "from below");
}

Task<void> fail_void() {
  throw std::logic_error("nothing to give");
  co_return;
}

TEST(Task, AnExceptionThatNobodyTakesIsDroppedWithTheTask) {
  Running<void> running(fail_void());
  EXPECT_TRUE(running.finished());
  Running<void> taken(fail_void());
  EXPECT_THROW(taken.take(), std::logic_error);
}

// --- Depth -----------------------------------------------------------------------------------------------------------

constexpr int kDepth = 10'000;

Task<int> depth_of(int levels, Event& event) {
  if (levels == 0) {
    co_await event.wait();
    co_return 0;
  }
  co_return 1 + co_await depth_of(levels - 1, event);
}

TEST(Task, NestsTenThousandDeepWhenNobodySuspends) {
  ManualExecutor executor;
  Event event(executor);
  event.set();
  EXPECT_EQ(Running<int>(depth_of(kDepth, event)).take(), kDepth);
}

TEST(Task, NestsTenThousandDeepWhenTheInnermostSuspends) {
  ManualExecutor executor;
  Event event(executor);
  Running<int> running(depth_of(kDepth, event));
  event.set();
  executor.run_all();
  ASSERT_TRUE(running.finished());
  EXPECT_EQ(running.take(), kDepth);
}

TEST(Task, TenThousandThatWaitForEachOtherAreDestroyedTogether) {
  ManualExecutor executor;
  Event event(executor);
  {
    Running<int> running(depth_of(kDepth, event));
  }
  event.set();
  EXPECT_EQ(executor.ready_count(), 0u);
}

Task<int> count_up_to(int limit) {
  int count = 0;
  while (count < limit) count += co_await give(1);
  co_return count;
}

TEST(Task, AwaitingInALoopNeedsNoStack) { EXPECT_EQ(Running<int>(count_up_to(1'000'000)).take(), 1'000'000); }

// --- Destroying one that does not run --------------------------------------------------------------------------------

Task<void> hold(LiveCount::Sentinel, Event& event) { co_await event.wait(); }
Task<void> hold_below(LiveCount& count, Event& event) {
  const LiveCount::Sentinel mine = count.sentinel();
  co_await hold(count.sentinel(), event);
}

TEST(Task, DestroyedBeforeItStartedItFreesItsArguments) {
  ManualExecutor executor;
  Event event(executor);
  LiveCount count;
  {
    const Task<void> task = hold(count.sentinel(), event);
    EXPECT_EQ(count.alive(), 1);
  }
  EXPECT_EQ(count.alive(), 0);
}

TEST(Task, DestroyedWhileItWaitsItLeavesTheListItWaitsIn) {
  ManualExecutor executor;
  Event event(executor);
  LiveCount count;
  Running<void> first(hold_below(count, event));
  Running<void> second(hold_below(count, event));
  EXPECT_EQ(count.alive(), 4);
  first.cancel();
  EXPECT_EQ(count.alive(), 2);
  event.set();
  EXPECT_EQ(executor.ready_count(), 1u);
  second.cancel();
  EXPECT_EQ(count.alive(), 0);
  EXPECT_EQ(executor.ready_count(), 0u) << "a destroyed coroutine is still in the ready queue";
  executor.run_all();
  EXPECT_FALSE(first.finished());
  EXPECT_FALSE(second.finished());
}

TEST(Task, MoveAssignmentDestroysWhatWasThereAtTheEndOfTheStatement) {
  ManualExecutor executor;
  Event event(executor);
  LiveCount count;
  Task<void> task = hold(count.sentinel(), event);
  task = Task<void>();
  EXPECT_FALSE(task);
  EXPECT_EQ(count.alive(), 0);
}

TEST(TaskDeathTest, UseOfAnEmptyTaskIsABug) {
  Task<int> task;
  EXPECT_DEATH((void)task.promise(), "use of an empty Task");
  EXPECT_DEATH((void)task.operator co_await(), "use of an empty Task");
}

// --- Destroying one that runs ----------------------------------------------------------------------------------------

// Owns a running Task, and lets what runs inside it destroy it.
class Owner {
 public:
  explicit Owner(ManualExecutor& executor) : event(executor), later(executor) {}

  void start(Task<void> task) { running.emplace(std::move(task)); }
  void destroy_task() { running->cancel(); }

  Event event;  // what tasks wait for before they destroy themselves
  Event later;  // what they wait for after
  LiveCount count;
  std::vector<std::string> steps;
  std::optional<Running<void>> running;
};

Task<void> destroy_itself_then_wait(Owner& owner) {
  const LiveCount::Sentinel mine = owner.count.sentinel();
  owner.destroy_task();
  owner.steps.push_back("still runs");
  EXPECT_EQ(owner.count.alive(), 1) << "destroyed before it suspended";
  co_await owner.later.wait();
  owner.steps.push_back("runs after it was destroyed");
}

TEST(Task, DestroyedWhileItRunsItGoesOnToItsNextSuspension) {
  ManualExecutor executor;
  Owner owner(executor);
  owner.start(destroy_itself_then_wait(owner));
  EXPECT_EQ(owner.count.alive(), 0);
  owner.later.set();
  executor.run_all();
  EXPECT_EQ(owner.steps, (std::vector<std::string>{"still runs"}));
}

Task<void> destroy_itself_then_finish(Owner& owner) {
  const LiveCount::Sentinel mine = owner.count.sentinel();
  owner.destroy_task();
  co_await give(1);  // does not suspend
  owner.steps.push_back("reached its end");
}

TEST(Task, DestroyedWhileItRunsItMayReachItsEndButTellsNobody) {
  ManualExecutor executor;
  Owner owner(executor);
  owner.start(destroy_itself_then_finish(owner));
  EXPECT_EQ(owner.count.alive(), 0);
  EXPECT_EQ(owner.steps, (std::vector<std::string>{"reached its end"}));
  EXPECT_FALSE(owner.running->finished());
}

// What the tests below destroy from inside: a chain of coroutines, where the innermost uses what belongs to the outer.
Task<void> destroy_the_root(Owner& owner, const std::string& of_the_parent, bool suspend_before, bool suspend_after) {
  const LiveCount::Sentinel mine = owner.count.sentinel();
  if (suspend_before) co_await owner.event.wait();
  owner.destroy_task();
  owner.steps.push_back(of_the_parent);
  if (suspend_after) co_await owner.later.wait();
  owner.steps.push_back("child ends");
}

using Middle = std::function<Task<void>(Owner&, Task<void>)>;

Task<void> call_with_own_text(Owner& owner, const Middle& middle, bool suspend_before, bool suspend_after) {
  const LiveCount::Sentinel mine = owner.count.sentinel();
  const std::string text = "the parent's own text, too long for the small string";
  co_await middle(owner, destroy_the_root(owner, text, suspend_before, suspend_after));
  owner.steps.push_back("parent goes on");
  co_await owner.later.wait();
  owner.steps.push_back("parent runs after it was destroyed");
}

// Through what the outer coroutine may wait for the inner one.
Task<void> directly(Owner&, Task<void> child) { return child; }
Task<void> through_another(Owner&, Task<void> child) { co_await std::move(child); }
Task<void> through_when_all(Owner& owner, Task<void> child) {
  co_await when_all(std::move(child), hold(owner.count.sentinel(), owner.later));
}
Task<void> through_when_all_of_many(Owner& owner, Task<void> child) {
  std::vector<Task<void>> tasks;
  tasks.push_back(hold(owner.count.sentinel(), owner.later));
  tasks.push_back(std::move(child));
  co_await when_all(std::move(tasks));
}
Task<void> through_when_any(Owner& owner, Task<void> child) {
  co_await when_any(hold(owner.count.sentinel(), owner.later), std::move(child));
}
Task<void> through_when_any_of_many(Owner& owner, Task<void> child) {
  std::vector<Task<void>> tasks;
  tasks.push_back(hold(owner.count.sentinel(), owner.later));
  tasks.push_back(std::move(child));
  co_await when_any(std::move(tasks));
}
ManualClock& still_clock() {
  static ManualClock clock;
  return clock;
}
Task<void> through_with_deadline(Owner&, Task<void> child) {
  (void)co_await with_deadline(still_clock(), TimePoint::max(), std::move(child));
}

struct WayToWait {
  const char* name;
  Task<void> (*middle)(Owner&, Task<void>);
  bool waits_for_more = false;  // it does not go on when the child alone has ended

  friend std::ostream& operator<<(std::ostream& out, const WayToWait& way) { return out << way.name; }
};

class TaskDestroyedFromBelow : public testing::TestWithParam<WayToWait> {
 protected:
  // Destroys the outermost Task from inside the innermost, and gives what ran from then on.
  std::vector<std::string> steps_when_destroyed(bool suspend_before, bool suspend_after) {
    ManualExecutor executor;
    Owner owner(executor);
    const Middle middle = GetParam().middle;
    owner.start(call_with_own_text(owner, middle, suspend_before, suspend_after));
    owner.event.set();
    executor.run_all();
    EXPECT_EQ(owner.count.alive(), 0) << "not destroyed when all of it was suspended";
    owner.later.set();
    executor.run_all();
    EXPECT_FALSE(owner.running->finished());
    return owner.steps;
  }

  static constexpr const char* kText = "the parent's own text, too long for the small string";
};

TEST_P(TaskDestroyedFromBelow, IsDestroyedWhenTheInnermostSuspends) {
  EXPECT_EQ(steps_when_destroyed(false, true), (std::vector<std::string>{kText}));
}

// Regression: only a coroutine that was itself on the stack outlived its own destruction. One whose child had suspended
// once, and ran again, was destroyed under that child: the child's references into its parent dangled.
TEST_P(TaskDestroyedFromBelow, IsDestroyedWhenTheInnermostSuspendsAgain) {
  EXPECT_EQ(steps_when_destroyed(true, true), (std::vector<std::string>{kText}));
}

TEST_P(TaskDestroyedFromBelow, GoesOnToItsOwnNextSuspensionWhenTheInnermostEnds) {
  std::vector<std::string> expected = {kText, "child ends"};
  if (!GetParam().waits_for_more) expected.push_back("parent goes on");
  EXPECT_EQ(steps_when_destroyed(false, false), expected);
  EXPECT_EQ(steps_when_destroyed(true, false), expected);
}

INSTANTIATE_TEST_SUITE_P(Through, TaskDestroyedFromBelow,
                         testing::Values(WayToWait{"Await", directly}, WayToWait{"AnotherTask", through_another},
                                         WayToWait{"WhenAll", through_when_all, true},
                                         WayToWait{"WhenAllOfMany", through_when_all_of_many, true},
                                         WayToWait{"WhenAny", through_when_any},
                                         WayToWait{"WhenAnyOfMany", through_when_any_of_many},
                                         WayToWait{"WithDeadline", through_with_deadline}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace razor::runtime
