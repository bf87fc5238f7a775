#pragma once
// with_deadline: a Task that is given up when its time is over.

#include <system_error>

#include "razor/runtime/runtime.h"

namespace razor::runtime {
namespace detail {

template <class T>
struct TimedResult {
  using type = base::Result<T>;
};
template <class T>
struct TimedResult<base::Result<T>> {
  using type = base::Result<T>;
};

}  // namespace detail

template <class T>
class [[nodiscard]] WithDeadline final : public ChildAwaiter {
 public:
  using Outcome = typename detail::TimedResult<T>::type;

  WithDeadline(Clock& clock, base::TimePoint deadline, Task<T> task)
      : task_(std::move(task)), clock_(clock), timer_(clock, *this), deadline_(deadline) {}
  /// Only before it is awaited.
  WithDeadline(WithDeadline&& other) noexcept : WithDeadline(other.clock_, other.deadline_, std::move(other.task_)) {}

  bool await_ready() const noexcept { return false; }
  template <std::derived_from<PromiseBase> Promise>
  bool await_suspend(std::coroutine_handle<Promise> parent) {
    task_.promise().claim("awaited with a deadline");
    task_.promise().resume();
    if (task_.promise().finished()) return false;
    task_.promise().set_continuation(this);
    suspend_parent(parent.promise());
    timer_.arm(deadline_);
    return true;
  }
  Outcome await_resume() {
    if (!task_) return std::make_error_code(std::errc::timed_out);
    if constexpr (std::is_void_v<T>) {
      task_.promise().take();
      return {};
    } else {
      return task_.promise().take();
    }
  }

  void child_finished() override {
    timer_.disarm();
    resume_parent();
  }
  PromiseBase* running_child() override { return task_ ? task_.promise().running() : nullptr; }

 private:
  struct DeadlineTimer final : Timer {
    DeadlineTimer(Clock& clock, WithDeadline& waiting)
        : Timer(clock, [](Timer& timer) { static_cast<DeadlineTimer&>(timer).owner.give_up(); }), owner(waiting) {}
    WithDeadline& owner;
  };

  void give_up() {
    task_.reset();
    resume_parent();
  }

  Task<T> task_;
  Clock& clock_;
  DeadlineTimer timer_;
  base::TimePoint deadline_;
};

/// `co_await with_deadline(clock, at, task)`: what `task` returns, as a Result, or `std::errc::timed_out` once it is
/// `at` and the task has not finished: then it is destroyed. A Task<Result<T>> gives a Result<T>.
///
/// Time:   the task runs until its first suspension even when `at` has passed; never given up before `at`.
/// Cancel: destroying the await destroys the task.
template <class T>
WithDeadline<T> with_deadline(Clock& clock, base::TimePoint at, Task<T> task) {
  return WithDeadline<T>(clock, at, std::move(task));
}

}  // namespace razor::runtime

namespace razor {
using runtime::with_deadline;
}  // namespace razor
