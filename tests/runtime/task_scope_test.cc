// TaskScope and Spawner::spawn: who runs when, and who is destroyed with whom. A task that outlived its scope would
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
using test::ManualSpawner;

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
  ManualSpawner spawner_;
  Event event_{spawner_};
};

TEST_F(TaskScopeTest, SpawnedTasksRunInLaterTurnsInTheOrderOfSpawning) {
  TaskScope scope(spawner_);
  scope.spawn("one", note(1));
  spawner_.spawn("two", note(2));
  scope.spawn("three", note(3));
  EXPECT_TRUE(notes_.empty());
  spawner_.run_one();
  EXPECT_EQ(notes_, (std::vector{1}));
  spawner_.run_all();
  EXPECT_EQ(notes_, (std::vector{1, 2, 3}));
  EXPECT_TRUE(scope.empty());
}

TEST_F(TaskScopeTest, RunInlineRunsToTheFirstSuspensionHere) {
  TaskScope scope(spawner_);
  scope.run_inline("waits", note_around(notes_, event_, 1, 3));
  scope.run_inline("ends", note(2));
  EXPECT_EQ(notes_, (std::vector{1, 2}));
  EXPECT_FALSE(scope.empty());
  event_.set();
  spawner_.run_all();
  EXPECT_EQ(notes_, (std::vector{1, 2, 3}));
  EXPECT_TRUE(scope.empty());
}

TEST_F(TaskScopeTest, DestroyingTheScopeDestroysItsTasksAndNoOthers) {
  spawner_.spawn("outside", hold(count_.sentinel(), event_));
  std::optional<TaskScope> scope(spawner_);
  scope->spawn("waits", hold(count_.sentinel(), event_));
  spawner_.run_all();
  scope->spawn("not started", hold(count_.sentinel(), event_));
  EXPECT_EQ(count_.alive(), 3);
  scope.reset();
  EXPECT_EQ(count_.alive(), 1);
  EXPECT_EQ(spawner_.ready_count(), 0u);
  event_.set();
  spawner_.run_all();
  EXPECT_EQ(count_.alive(), 0);
}

TEST_F(TaskScopeTest, IsUsableAfterItWasCancelled) {
  TaskScope scope(spawner_);
  scope.spawn("waits", hold(count_.sentinel(), event_));
  scope.cancel();
  EXPECT_TRUE(scope.empty());
  EXPECT_EQ(count_.alive(), 0);
  scope.spawn("again", note(1));
  spawner_.run_all();
  EXPECT_EQ(notes_, (std::vector{1}));
}

TEST_F(TaskScopeTest, TheSpawnerDestroysWhatIsLeftWhenItGoes) {
  LiveCount count;
  std::optional<Event> event;
  {
    ManualSpawner spawner;
    event.emplace(spawner);
    spawner.spawn("waits", hold(count.sentinel(), *event));
    spawner.run_all();
    spawner.spawn("not started", hold(count.sentinel(), *event));
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
    std::optional<TaskScope> scope(spawner_);
    notes_.clear();
    if (run_inline) {
      scope->run_inline("inline", cancel_own_scope(scope, count_, event_, notes_));
    } else {
      scope->spawn("spawned", cancel_own_scope(scope, count_, event_, notes_));
      spawner_.run_all();
    }
    EXPECT_EQ(count_.alive(), 0);
    EXPECT_EQ(notes_, (std::vector{1}));
  }
  event_.set();
  spawner_.run_all();
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
  TaskScope scope(spawner_);
  scope.spawn("argument", cancel_scope_at_end(CancelsScope(scope), count_.sentinel(), event_));
  scope.spawn("local", cancel_scope_from_a_local(scope, count_.sentinel(), event_));
  scope.spawn("another", hold(count_.sentinel(), event_));
  spawner_.run_all();
  scope.cancel();
  EXPECT_EQ(count_.alive(), 0);
  EXPECT_TRUE(scope.empty());

  Event never(spawner_);
  scope.spawn("another", hold(count_.sentinel(), never));
  scope.spawn("ends", cancel_scope_at_end(CancelsScope(scope), count_.sentinel(), event_));
  event_.set();
  spawner_.run_all();
  EXPECT_EQ(count_.alive(), 0);
  EXPECT_TRUE(scope.empty());
}

struct OwnsScope {
  OwnsScope(Spawner& spawner, LiveCount& count) : scope(spawner), alive(count.sentinel()) {}
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
    ManualSpawner spawner;
    Event event(spawner);
    auto ends = std::make_shared<OwnsScope>(spawner, count);
    ends->scope.spawn("ends", own_the_scope(ends, event));
    ends.reset();
    spawner.run_all();
    event.set();
    spawner.run_all();
    EXPECT_EQ(count.alive(), 0) << "the task ended, and its scope with it";

    event.reset();
    auto waits = std::make_shared<OwnsScope>(spawner, count);
    waits->scope.spawn("waits", own_the_scope(waits, event));
    waits.reset();
    spawner.run_all();
    EXPECT_EQ(count.alive(), 1);
  }
  EXPECT_EQ(count.alive(), 0) << "the spawner went, the task with it, and the scope with that";
}

class SpawnsAtEnd {
 public:
  SpawnsAtEnd(TaskScope& scope, Task<void> task) : scope_(&scope), task_(std::move(task)) {}
  SpawnsAtEnd(SpawnsAtEnd&& other) noexcept
      : scope_(std::exchange(other.scope_, nullptr)), task_(std::move(other.task_)) {}
  ~SpawnsAtEnd() {
    if (scope_ != nullptr) scope_->spawn("spawned by a destructor", std::move(task_));
  }

 private:
  TaskScope* scope_;
  Task<void> task_;
};
Task<void> spawn_at_end(SpawnsAtEnd, Event& event) { co_await event.wait(); }

TEST_F(TaskScopeTest, WhatIsSpawnedWhileItIsCancelledIsDestroyedToo) {
  TaskScope scope(spawner_);
  scope.spawn("spawns", spawn_at_end(SpawnsAtEnd(scope, hold(count_.sentinel(), event_)), event_));
  spawner_.run_all();
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
  ManualSpawner spawner;
  TaskScope scope(spawner);
  EXPECT_DEATH(
      {
        spawner.spawn("tea maker", throw_text());
        spawner.run_all();
      },
      "an exception escaped the task 'tea maker': no more tea");
  EXPECT_DEATH(scope.run_inline("five thrower", throw_number()), "an exception escaped the task 'five thrower'");
}

// A root that is no Task, as a pending call is.
class CountedRoot final : public Root {
 public:
  explicit CountedRoot(int& cancelled) : cancelled_(cancelled) {}
  void cancel() override {
    ++cancelled_;
    leave_lists();
  }

 private:
  int& cancelled_;
};

TEST_F(TaskScopeTest, AdoptedRootsAreCancelledOnceWithTheScopeOrTheSpawner) {
  int cancelled = 0;
  CountedRoot with_scope(cancelled);
  {
    TaskScope scope(spawner_);
    scope.adopt(with_scope);
  }
  EXPECT_EQ(cancelled, 1);

  CountedRoot with_spawner(cancelled);
  std::optional<TaskScope> scope;
  {
    ManualSpawner spawner;
    scope.emplace(spawner);
    scope->adopt(with_spawner);
  }
  EXPECT_EQ(cancelled, 2);
  scope.reset();
  EXPECT_EQ(cancelled, 2);
}

}  // namespace
}  // namespace razor::runtime
