// TaskScope and Executor::spawn: who runs when, and who is destroyed with whom. A task that outlived its scope would
// keep its sentinel alive; one destroyed twice would stop ASan.

#include "razor/runtime/task_scope.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "razor/runtime/event.h"
#include "tests/support/live_count.h"
#include "tests/support/manual_runtime.h"

namespace razor::runtime {
namespace {

using test::LiveCount;
using test::ManualExecutor;

class TaskScopeTest : public testing::Test {
 protected:
  Task<void> note(int number) { return note_in(notes_, number); }
  static Task<void> note_in(std::vector<int>& notes, int number) {
    notes.push_back(number);
    co_return;
  }
  static Task<void> note_around(std::vector<int>& notes, Event& event, int before, int after) {
    notes.push_back(before);
    co_await event.wait();
    notes.push_back(after);
  }
  static Task<void> hold(LiveCount::Sentinel, Event& event) { co_await event.wait(); }

  LiveCount count_;
  std::vector<int> notes_;
  ManualExecutor executor_;
  Event event_{executor_};
};

TEST_F(TaskScopeTest, SpawnedTasksRunInLaterTurnsInTheOrderOfSpawning) {
  TaskScope scope(executor_);
  scope.spawn("one", note(1));
  executor_.spawn("two", note(2));
  scope.spawn("three", note(3));
  EXPECT_TRUE(notes_.empty());
  executor_.run_one();
  EXPECT_EQ(notes_, (std::vector{1}));
  executor_.run_all();
  EXPECT_EQ(notes_, (std::vector{1, 2, 3}));
  EXPECT_TRUE(scope.empty());
}

TEST_F(TaskScopeTest, RunInlineRunsToTheFirstSuspensionHere) {
  TaskScope scope(executor_);
  scope.run_inline("waits", note_around(notes_, event_, 1, 3));
  scope.run_inline("ends", note(2));
  EXPECT_EQ(notes_, (std::vector{1, 2}));
  EXPECT_FALSE(scope.empty());
  event_.set();
  executor_.run_all();
  EXPECT_EQ(notes_, (std::vector{1, 2, 3}));
  EXPECT_TRUE(scope.empty());
}

TEST_F(TaskScopeTest, DestroyingTheScopeDestroysItsTasksAndNoOthers) {
  executor_.spawn("outside", hold(count_.sentinel(), event_));
  std::optional<TaskScope> scope(executor_);
  scope->spawn("waits", hold(count_.sentinel(), event_));
  executor_.run_all();
  scope->spawn("not started", hold(count_.sentinel(), event_));
  EXPECT_EQ(count_.alive(), 3);
  scope.reset();
  EXPECT_EQ(count_.alive(), 1);
  EXPECT_EQ(executor_.ready_count(), 0u);
  event_.set();
  executor_.run_all();
  EXPECT_EQ(count_.alive(), 0);
}

TEST_F(TaskScopeTest, IsUsableAfterItWasCancelled) {
  TaskScope scope(executor_);
  scope.spawn("waits", hold(count_.sentinel(), event_));
  scope.cancel();
  EXPECT_TRUE(scope.empty());
  EXPECT_EQ(count_.alive(), 0);
  scope.spawn("again", note(1));
  executor_.run_all();
  EXPECT_EQ(notes_, (std::vector{1}));
}

TEST_F(TaskScopeTest, TheExecutorDestroysWhatIsLeftWhenItGoes) {
  LiveCount count;
  std::optional<Event> event;
  {
    ManualExecutor executor;
    event.emplace(executor);
    executor.spawn("waits", hold(count.sentinel(), *event));
    executor.run_all();
    executor.spawn("not started", hold(count.sentinel(), *event));
    EXPECT_EQ(count.alive(), 2);
  }
  EXPECT_EQ(count.alive(), 0);
}

Task<void> cancel_own_scope(std::optional<TaskScope>& scope, LiveCount& count, Event& event, std::vector<int>& notes) {
  const LiveCount::Sentinel mine = count.sentinel();
  scope.reset();
  EXPECT_EQ(count.alive(), 1) << "destroyed while it runs";
  notes.push_back(1);
  co_await event.wait();
  notes.push_back(2);
}

TEST_F(TaskScopeTest, ATaskThatDestroysItsScopeIsDestroyedAtItsNextSuspension) {
  for (const bool run_inline : {false, true}) {
    std::optional<TaskScope> scope(executor_);
    notes_.clear();
    if (run_inline) {
      scope->run_inline("inline", cancel_own_scope(scope, count_, event_, notes_));
    } else {
      scope->spawn("spawned", cancel_own_scope(scope, count_, event_, notes_));
      executor_.run_all();
    }
    EXPECT_EQ(count_.alive(), 0);
    EXPECT_EQ(notes_, (std::vector{1}));
  }
  event_.set();
  executor_.run_all();
  EXPECT_EQ(notes_, (std::vector{1}));
}

// What many objects do when they are destroyed: close what they belong to.
class CancelsScope {
 public:
  explicit CancelsScope(TaskScope& scope) : scope_(&scope) {}
  CancelsScope(CancelsScope&& other) noexcept : scope_(std::exchange(other.scope_, nullptr)) {}
  ~CancelsScope() {
    if (scope_ != nullptr) scope_->cancel();
  }

 private:
  TaskScope* scope_;
};

Task<void> cancel_scope_at_end(CancelsScope, LiveCount::Sentinel, Event& event) { co_await event.wait(); }
Task<void> cancel_scope_from_a_local(TaskScope& scope, LiveCount::Sentinel, Event& event) {
  const CancelsScope closes(scope);
  co_await event.wait();
}

// Regression: a task stayed in its scope while its frame was being destroyed. A destructor in that frame that cancelled
// the scope destroyed the task a second time.
TEST_F(TaskScopeTest, ATaskWhoseDestructorsCancelItsScopeIsDestroyedOnce) {
  TaskScope scope(executor_);
  scope.spawn("argument", cancel_scope_at_end(CancelsScope(scope), count_.sentinel(), event_));
  scope.spawn("local", cancel_scope_from_a_local(scope, count_.sentinel(), event_));
  scope.spawn("another", hold(count_.sentinel(), event_));
  executor_.run_all();
  scope.cancel();
  EXPECT_EQ(count_.alive(), 0);
  EXPECT_TRUE(scope.empty());

  Event never(executor_);
  scope.spawn("another", hold(count_.sentinel(), never));
  scope.spawn("ends", cancel_scope_at_end(CancelsScope(scope), count_.sentinel(), event_));
  event_.set();
  executor_.run_all();
  EXPECT_EQ(count_.alive(), 0);
  EXPECT_TRUE(scope.empty());
}

struct OwnsScope {
  OwnsScope(Executor& executor, LiveCount& count) : scope(executor), alive(count.sentinel()) {}
  TaskScope scope;
  LiveCount::Sentinel alive;
};
Task<void> own_the_scope(std::shared_ptr<OwnsScope> owner, Event& event) {
  co_await event.wait();
  owner.reset();
}

TEST(TaskScope, ATaskMayOwnTheScopeThatItRunsIn) {
  LiveCount count;
  {
    ManualExecutor executor;
    Event event(executor);
    auto ends = std::make_shared<OwnsScope>(executor, count);
    ends->scope.spawn("ends", own_the_scope(ends, event));
    ends.reset();
    executor.run_all();
    event.set();
    executor.run_all();
    EXPECT_EQ(count.alive(), 0) << "the task ended, and its scope with it";

    event.reset();
    auto waits = std::make_shared<OwnsScope>(executor, count);
    waits->scope.spawn("waits", own_the_scope(waits, event));
    waits.reset();
    executor.run_all();
    EXPECT_EQ(count.alive(), 1);
  }
  EXPECT_EQ(count.alive(), 0) << "the executor went, the task with it, and the scope with that";
}

class SpawnsAtEnd {
 public:
  SpawnsAtEnd(TaskScope& scope, Task<void> task) : scope_(&scope), task_(std::move(task)) {}
  SpawnsAtEnd(SpawnsAtEnd&& other) noexcept : scope_(std::exchange(other.scope_, nullptr)), task_(std::move(other.task_)) {}
  ~SpawnsAtEnd() {
    if (scope_ != nullptr) scope_->spawn("spawned by a destructor", std::move(task_));
  }

 private:
  TaskScope* scope_;
  Task<void> task_;
};
Task<void> spawn_at_end(SpawnsAtEnd, Event& event) { co_await event.wait(); }

TEST_F(TaskScopeTest, WhatIsSpawnedWhileItIsCancelledIsDestroyedToo) {
  TaskScope scope(executor_);
  scope.spawn("spawns", spawn_at_end(SpawnsAtEnd(scope, hold(count_.sentinel(), event_)), event_));
  executor_.run_all();
  scope.cancel();
  EXPECT_EQ(count_.alive(), 0);
  EXPECT_TRUE(scope.empty());
}

Task<void> throw_text() {
  throw std::runtime_error("no more tea");
  co_return;
}
Task<void> throw_number() {
  throw 5;
  co_return;
}

TEST(TaskScopeDeathTest, AnExceptionThatEscapesARootEndsTheProgramWithItsName) {
  ManualExecutor executor;
  TaskScope scope(executor);
  EXPECT_DEATH(
      {
        executor.spawn("tea maker", throw_text());
        executor.run_all();
      },
      "an exception escaped the task 'tea maker': no more tea");
  EXPECT_DEATH(scope.run_inline("five thrower", throw_number()), "an exception escaped the task 'five thrower'");
}

// A root that is no Task, as a pending call is.
class CountedRoot final : public RootTask {
 public:
  explicit CountedRoot(int& cancelled) : cancelled_(cancelled) {}
  void cancel() override {
    ++cancelled_;
    leave_lists();
  }

 private:
  int& cancelled_;
};

TEST_F(TaskScopeTest, AdoptedRootsAreCancelledOnceWithTheScopeOrTheExecutor) {
  int cancelled = 0;
  CountedRoot with_scope(cancelled);
  {
    TaskScope scope(executor_);
    scope.adopt(with_scope);
  }
  EXPECT_EQ(cancelled, 1);

  CountedRoot with_executor(cancelled);
  std::optional<TaskScope> scope;
  {
    ManualExecutor executor;
    scope.emplace(executor);
    scope->adopt(with_executor);
  }
  EXPECT_EQ(cancelled, 2);
  scope.reset();
  EXPECT_EQ(cancelled, 2);
}

}  // namespace
}  // namespace razor::runtime
