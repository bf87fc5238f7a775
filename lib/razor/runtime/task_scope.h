#pragma once
// TaskScope: owns the Tasks that are spawned into it. Destroying the scope destroys those that have not finished, so a
// loop never outlives what it refers to. A Task that destroys its own scope is destroyed at its next suspension.

#include <cstddef>
#include <string_view>

#include "razor/runtime/root_task.h"
#include "razor/runtime/runtime.h"
#include "razor/runtime/task.h"

namespace razor::runtime {

class TaskScope {
 public:
  /// `executor` outlives the scope.
  explicit TaskScope(Executor& executor) : executor_(executor) {}
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;
  ~TaskScope() { cancel(); }

  /// Runs `task` from the next turn on. `name` is a literal: it appears when an exception escapes the task, which ends
  /// the program.
  void spawn(std::string_view name, Task<void> task);

  /// Runs `task` right here until it suspends for the first time; what then remains goes on as if spawned.
  void run_inline(std::string_view name, Task<void> task);

  /// Registers a coroutine that is driven by someone else.
  void adopt(RootTask& root);

  /// Destroys the unfinished tasks.
  void cancel() { cancel_all(roots_); }

  bool empty() const { return roots_.empty(); }

 private:
  Executor& executor_;
  ScopeRootList roots_;
};

}  // namespace razor::runtime
