#pragma once
// Outcome: what a Task ended with, kept where a plain function, another thread or an asio::awaitable can take it.

#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <variant>

#include "razor/runtime/task.h"

namespace razor::asio {

template <class T>
class Outcome {
 public:
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  bool finished() const { return finished_; }
  const bool& finished_flag() const { return finished_; }

  T take() {
    if (error_) std::rethrow_exception(error_);
    if constexpr (!std::is_void_v<T>) return *std::move(value_);
  }

  void fail(std::exception_ptr error) {
    error_ = std::move(error);
    finished_ = true;
  }
  void fail(const char* what) { fail(std::make_exception_ptr(std::runtime_error(what))); }

  static runtime::Task<void> capture(runtime::Task<T> task, Outcome& outcome) {
    try {
      if constexpr (std::is_void_v<T>) {
        co_await task;
      } else {
        outcome.value_.emplace(co_await task);
      }
    } catch (...) {
      outcome.error_ = std::current_exception();
    }
    outcome.finished_ = true;
  }

 private:
  std::optional<Value> value_;
  std::exception_ptr error_;
  bool finished_ = false;
};

}  // namespace razor::asio
