#pragma once
// Task<T>: a lazy coroutine. It starts when it is awaited or spawned, runs on its Runtime's thread, and is cancelled by
// destroying it. An exception that escapes it is thrown again where it is awaited.
//
//   razor::Task<int> twice(razor::Task<int> inner) { co_return 2 * co_await std::move(inner); }

#include <optional>
#include <type_traits>

#include "razor/base/check.h"
#include "razor/runtime/coroutine.h"

namespace razor::runtime {

template <class T>
class Task;

namespace detail {

template <class T>
class TaskPromise final : public PromiseBase {
 public:
  Task<T> get_return_object();

  template <std::convertible_to<T> U>
  void return_value(U&& value) {
    result_.emplace(std::forward<U>(value));
  }

  T take() {
    if (exception()) std::rethrow_exception(exception());
    return std::move(*result_);
  }

 private:
  std::optional<T> result_;
};

template <>
class TaskPromise<void> final : public PromiseBase {
 public:
  Task<void> get_return_object();
  void return_void() {}
  void take() {
    if (exception()) std::rethrow_exception(exception());
  }
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;
  using value_type = T;

  Task() = default;
  Task(Task&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(promise_, other.promise_);
    return *this;
  }
  /// Cancels what the coroutine waits for. A Task that is on the stack is destroyed when it suspends (coroutine.h).
  ~Task() { reset(); }

  void reset() {
    if (promise_ != nullptr) std::exchange(promise_, nullptr)->destroy();
  }

  explicit operator bool() const { return promise_ != nullptr; }

  /// Starts the Task inline and waits for its end. At most once: awaiting it again, or after it was moved from, ends the
  /// program.
  /// Errors: throws what escaped the coroutine.
  auto operator co_await() noexcept {
    checked().claim("awaited");
    return Awaiter(*promise_);
  }

  /// The coroutine underneath, still owned by this Task. For those who drive it themselves (roots, when_all).
  promise_type& promise() { return checked(); }

 private:
  friend promise_type;

  class Awaiter final : public ChildAwaiter {
   public:
    explicit Awaiter(promise_type& child) : child_(child) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    ~Awaiter() {
      if (parent_waits()) abandon(child_);
    }

    bool await_ready() const noexcept { return child_.finished(); }
    template <std::derived_from<PromiseBase> Promise>
    bool await_suspend(std::coroutine_handle<Promise> parent) {
      child_.resume();
      if (child_.finished()) return false;
      suspend_parent(parent.promise());
      child_.set_continuation(this);
      return true;
    }
    T await_resume() { return child_.take(); }

    void child_finished() override { resume_parent(); }
    PromiseBase* running_child() override { return child_.running(); }

   private:
    promise_type& child_;
  };

  explicit Task(promise_type& promise) : promise_(&promise) {}

  promise_type& checked() {
    RAZOR_CHECK(promise_ != nullptr, "use of an empty Task: it was moved from, is done with, or never held a coroutine");
    return *promise_;
  }

  promise_type* promise_ = nullptr;
};

template <class T>
Task<T> detail::TaskPromise<T>::get_return_object() {
  set_handle(std::coroutine_handle<TaskPromise>::from_promise(*this));
  return Task<T>(*this);
}

inline Task<void> detail::TaskPromise<void>::get_return_object() {
  set_handle(std::coroutine_handle<TaskPromise>::from_promise(*this));
  return Task<void>(*this);
}

}  // namespace razor::runtime

namespace razor {
using runtime::Task;
}  // namespace razor
