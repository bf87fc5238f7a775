#include "razor/runtime/task_scope.h"

namespace razor::runtime {
namespace {

// A spawned Task. Owned by its lists: deletes itself when the Task has finished or is cancelled.
class SpawnedTask final : public RootTask, public Continuation, public Runnable {
 public:
  static void* operator new(std::size_t bytes) { return FramePool::allocate(bytes); }
  static void operator delete(void* task, std::size_t bytes) noexcept { FramePool::deallocate(task, bytes); }

  SpawnedTask(std::string_view name, Task<void> task)
      : Runnable([](Runnable& ready) { static_cast<SpawnedTask&>(ready).start(); }), name_(name), task_(std::move(task)) {}

  void cancel() override { end(); }

  void start() {
    task_.promise().claim("spawned");
    task_.promise().set_continuation(this);
    task_.promise().resume();
  }

  void child_finished() override {
    abort_if_it_threw();
    end();
  }

 private:
  ~SpawnedTask() = default;

  // Out of the lists first: destroying the Task may destroy the scope that has this in its list.
  void end() {
    leave_lists();
    delete this;
  }

  void abort_if_it_threw() {
    const std::exception_ptr& escaped = task_.promise().exception();
    if (escaped == nullptr) return;
    try {
      std::rethrow_exception(escaped);
    } catch (const std::exception& error) {
      RAZOR_CHECK(false, "an exception escaped the task '{}': {}", name_, error.what());
    } catch (...) {
      RAZOR_CHECK(false, "an exception escaped the task '{}'", name_);
    }
  }

  std::string_view name_;
  Task<void> task_;
};

}  // namespace

void Executor::spawn(std::string_view name, Task<void> task) {
  check_use(name);
  auto* spawned = new SpawnedTask(name, std::move(task));
  roots_.push_back(*spawned);
  schedule(*spawned);
}

void TaskScope::spawn(std::string_view name, Task<void> task) {
  executor_.check_use(name);
  auto* spawned = new SpawnedTask(name, std::move(task));
  adopt(*spawned);
  executor_.schedule(*spawned);
}

void TaskScope::run_inline(std::string_view name, Task<void> task) {
  auto* spawned = new SpawnedTask(name, std::move(task));
  adopt(*spawned);  // first: the task may destroy this scope
  spawned->start();
}

void TaskScope::adopt(RootTask& root) {
  executor_.roots().push_back(root);
  roots_.push_back(root);
}

}  // namespace razor::runtime
