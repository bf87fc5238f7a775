#pragma once
// What tests wait for: the next turn, a number of turns, a condition.

#include <utility>

#include "razor/runtime/runtime.h"

namespace razor::test {

/// `co_await NextTurn(executor)`: goes to the end of the ready queue.
class [[nodiscard]] NextTurn final : public runtime::Waiter {
 public:
  explicit NextTurn(runtime::Executor& executor) : executor_(executor) {}
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) {
    suspend(waiting);
    executor_.schedule(*this);
  }
  void await_resume() const noexcept {}

 private:
  runtime::Executor& executor_;
};

/// Lets what is ready run, `count` times.
inline runtime::Task<void> turns(runtime::Executor& executor, int count) {
  for (int i = 0; i < count; ++i) co_await NextTurn(executor);
}

/// True as soon as `holds()` is; false when it still is not after 5 seconds of the Runtime's time.
template <class Predicate>
runtime::Task<bool> eventually(runtime::Clock& clock, Predicate holds) {
  const base::TimePoint limit = clock.now() + std::chrono::seconds(5);
  while (!holds()) {
    if (clock.now() >= limit) co_return false;
    co_await clock.sleep_for(std::chrono::milliseconds(1));
  }
  co_return true;
}

}  // namespace razor::test
