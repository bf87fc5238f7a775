#pragma once
// when_all and when_any: several awaitables at a time, in one coroutine.
//
//   auto [sum, product] = co_await razor::when_all(calc.add(1, 2), calc.multiply(3, 4));

#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "razor/runtime/task.h"

namespace razor::runtime {
namespace detail {

template <class Awaitable>
decltype(auto) awaiter_of(Awaitable&& awaitable) {
  if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); }) {
    return std::forward<Awaitable>(awaitable).operator co_await();
  } else {
    return std::forward<Awaitable>(awaitable);
  }
}

/// What `co_await` of it gives; std::monostate for nothing.
template <class Awaitable>
using AwaitResult = std::remove_cvref_t<decltype(awaiter_of(std::declval<Awaitable>()).await_resume())>;
template <class Awaitable>
using AwaitValue = std::conditional_t<std::is_void_v<AwaitResult<Awaitable>>, std::monostate, AwaitResult<Awaitable>>;

template <class Awaitable>
Task<AwaitValue<Awaitable>> as_task(Awaitable awaitable) {
  if constexpr (std::is_void_v<AwaitResult<Awaitable>>) {
    co_await std::move(awaitable);
    co_return std::monostate{};
  } else {
    co_return co_await std::move(awaitable);
  }
}

/// Starts a number of Tasks inline, one after the other, and resumes the parent when enough have finished.
template <class Derived>
class Gather : public ChildAwaiter {
 public:
  Gather() = default;
  Gather(Gather&&) = default;

  bool await_ready() const noexcept { return false; }
  template <std::derived_from<PromiseBase> Promise>
  bool await_suspend(std::coroutine_handle<Promise> parent) {
    static_cast<Derived*>(this)->for_each_task([this](auto& task) {
      if (enough_) return;
      task.promise().claim("awaited");
      task.promise().set_continuation(this);
      ++running_;
      task.promise().resume();
    });
    if (enough()) return false;
    suspend_parent(parent.promise());
    return true;
  }

  void child_finished() override {
    --running_;
    if (Derived::kFirstIsEnough) enough_ = true;
    // False while the tasks are being started; and the one that was enough has resumed the parent already.
    if (parent_waits() && enough()) resume_parent();
  }

  PromiseBase* running_child() override {
    PromiseBase* running = nullptr;
    static_cast<Derived*>(this)->for_each_task([&running](auto& task) {
      if (running == nullptr && task) running = task.promise().running();
    });
    return running;
  }

 private:
  bool enough() const { return enough_ || running_ == 0; }

  std::size_t running_ = 0;
  bool enough_ = false;
};

template <class... T>
class [[nodiscard]] WhenAll final : public Gather<WhenAll<T...>> {
 public:
  static constexpr bool kFirstIsEnough = false;
  explicit WhenAll(Task<T>... tasks) : tasks_(std::move(tasks)...) {}

  template <class Visit>
  void for_each_task(Visit visit) {
    std::apply([&](auto&... task) { (visit(task), ...); }, tasks_);
  }
  std::tuple<T...> await_resume() {
    return std::apply([](auto&... task) { return std::tuple<T...>{task.promise().take()...}; }, tasks_);
  }

 private:
  std::tuple<Task<T>...> tasks_;
};

template <class T>
class [[nodiscard]] WhenAllOf final : public Gather<WhenAllOf<T>> {
 public:
  static constexpr bool kFirstIsEnough = false;
  explicit WhenAllOf(std::vector<Task<T>> tasks) : tasks_(std::move(tasks)) {}

  template <class Visit>
  void for_each_task(Visit visit) {
    for (Task<T>& task : tasks_) visit(task);
  }
  std::vector<T> await_resume() {
    std::vector<T> results;
    results.reserve(tasks_.size());
    for (Task<T>& task : tasks_) results.push_back(task.promise().take());
    return results;
  }

 private:
  std::vector<Task<T>> tasks_;
};

template <class... T>
class [[nodiscard]] WhenAny final : public Gather<WhenAny<T...>> {
 public:
  static constexpr bool kFirstIsEnough = true;
  explicit WhenAny(Task<T>... tasks) : tasks_(std::move(tasks)...) {}

  template <class Visit>
  void for_each_task(Visit visit) {
    std::apply([&](auto&... task) { (visit(task), ...); }, tasks_);
  }
  std::variant<T...> await_resume() { return take_first(std::index_sequence_for<T...>{}); }

 private:
  template <std::size_t... Index>
  std::variant<T...> take_first(std::index_sequence<Index...>) {
    std::optional<std::variant<T...>> first;
    ((!first && std::get<Index>(tasks_).promise().finished()
          ? void(first.emplace(std::in_place_index<Index>, std::get<Index>(tasks_).promise().take()))
          : std::get<Index>(tasks_).reset()),
     ...);
    return *std::move(first);
  }

  std::tuple<Task<T>...> tasks_;
};

template <class T>
class [[nodiscard]] WhenAnyOf final : public Gather<WhenAnyOf<T>> {
 public:
  static constexpr bool kFirstIsEnough = true;
  explicit WhenAnyOf(std::vector<Task<T>> tasks) : tasks_(std::move(tasks)) {
    RAZOR_CHECK(!tasks_.empty(), "when_any of nothing never ends");
  }

  template <class Visit>
  void for_each_task(Visit visit) {
    for (Task<T>& task : tasks_) visit(task);
  }
  std::pair<std::size_t, T> await_resume() {
    std::size_t index = 0;
    while (!tasks_[index].promise().finished()) ++index;
    T value = tasks_[index].promise().take();
    tasks_.clear();
    return {index, std::move(value)};
  }

 private:
  std::vector<Task<T>> tasks_;
};

}  // namespace detail

/// `co_await when_all(a, b, …)`: starts all, waits for all, gives a std::tuple of their results, in order; a result of
/// void is a std::monostate. An exception of one is thrown when all have finished.
/// Cancel: destroying the await cancels all.
template <class... Awaitable>
auto when_all(Awaitable... awaitables) {
  return detail::WhenAll<detail::AwaitValue<Awaitable>...>(detail::as_task(std::move(awaitables))...);
}

/// The same for any number of awaitables of one type: gives a std::vector.
template <class Awaitable>
auto when_all(std::vector<Awaitable> awaitables) {
  std::vector<Task<detail::AwaitValue<Awaitable>>> tasks;
  tasks.reserve(awaitables.size());
  for (Awaitable& awaitable : awaitables) tasks.push_back(detail::as_task(std::move(awaitable)));
  return detail::WhenAllOf<detail::AwaitValue<Awaitable>>(std::move(tasks));
}

/// `co_await when_any(a, b, …)`: waits for the first to finish, cancels the others, and gives a std::variant whose
/// index says which it was. Of several that have finished it is the first in order.
template <class... Awaitable>
auto when_any(Awaitable... awaitables) {
  return detail::WhenAny<detail::AwaitValue<Awaitable>...>(detail::as_task(std::move(awaitables))...);
}

/// The same for any number, at least one, of one type: gives the index and the result.
template <class Awaitable>
auto when_any(std::vector<Awaitable> awaitables) {
  std::vector<Task<detail::AwaitValue<Awaitable>>> tasks;
  tasks.reserve(awaitables.size());
  for (Awaitable& awaitable : awaitables) tasks.push_back(detail::as_task(std::move(awaitable)));
  return detail::WhenAnyOf<detail::AwaitValue<Awaitable>>(std::move(tasks));
}

}  // namespace razor::runtime

namespace razor {
using runtime::when_all;
using runtime::when_any;
}  // namespace razor
