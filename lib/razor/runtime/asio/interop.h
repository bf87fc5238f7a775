#pragma once
// For programs that are written with Boost.Asio: razor calls inside asio::awaitable, and with completion tokens.
//
//   razor::Reply<int> sum = co_await razor::asio::use(calc.add(1, 2));       // in a boost::asio::awaitable
//   razor::asio::start(calc.add(1, 2), [](razor::Reply<int> sum) { … });     // a callback, use_future, deferred …
//   int value = co_await razor::asio::use(runtime, task());                  // any razor::Task
//
// Cancelling the operation (a cancellation slot, `||` of awaitables) stops waiting for the call, which then gives
// `cancelled`; a Task is destroyed, and its awaitable throws operation_aborted.
//
// An exception that escapes a handler is logged, with the method's name. Where the handler has an executor of its own, that
// decides: one of an io_context's throws it out of `io_context::run`, as for all handlers of Asio.
//
// Threads: the io_context's.

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <concepts>
#include <memory>
#include <optional>
#include <string>

#include "razor/base/error.h"
#include "razor/base/user_code.h"
#include "razor/runtime/asio/outcome.h"
#include "razor/runtime/runtime.h"
#include "razor/runtime/task_scope.h"
#include "razor/runtime/when.h"

namespace razor::asio {

namespace detail {

/// Awaits something in a task of its own and gives the result to an Asio completion handler. Owned by that task.
template <class Awaitable, class Handler>
class Operation : public std::enable_shared_from_this<Operation<Awaitable, Handler>> {
 public:
  using Result = runtime::detail::AwaitResult<Awaitable>;

  Operation(runtime::Runtime& runtime, std::string name, Handler handler)
      : runtime_(runtime), name_(std::move(name)), handler_(std::move(handler)), task_(runtime.executor()) {}

  void start(Awaitable awaitable) {
    auto slot = boost::asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected()) {
      slot.assign([weak = this->weak_from_this()](boost::asio::cancellation_type) {
        if (const auto operation = weak.lock()) operation->cancel();
      });
    }
    task_.spawn("razor::asio::start", run(this->shared_from_this(), std::move(awaitable)));
  }

 private:
  static runtime::Task<void> run(std::shared_ptr<Operation> self, Awaitable awaitable) {
    if constexpr (std::is_void_v<Result>) {
      co_await std::move(awaitable);
      self->complete();
    } else {
      self->complete(co_await std::move(awaitable));
    }
  }

  void cancel() {
    task_.cancel();
    if constexpr (std::is_void_v<Result>) {
      complete();
    } else {
      complete(Result(base::CallError(base::Errc::cancelled, base::Ran::maybe, "the operation was cancelled")));
    }
  }

  template <class... Value>
  void complete(Value... value) {
    if (!handler_) return;
    Handler handler = *std::move(handler_);
    handler_.reset();
    boost::asio::get_associated_cancellation_slot(handler).clear();
    base::run_user_code(
        &runtime_.log(), [this] { return "the completion of " + name_; },
        [&] { call_handler(std::move(handler), std::move(value)...); });
  }

  template <class... Value>
  static void call_handler(Handler&& handler, Value&&... value) {
    // A handler without an executor of its own is called right here, on the runtime's thread.
    const auto executor = boost::asio::get_associated_executor(handler);
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(executor)>, boost::asio::system_executor>) {
      std::move(handler)(std::move(value)...);
    } else {
      boost::asio::dispatch(executor, [handler = std::move(handler), ... value = std::move(value)]() mutable {
        std::move(handler)(std::move(value)...);
      });
    }
  }

  runtime::Runtime& runtime_;
  std::string name_;
  std::optional<Handler> handler_;
  runtime::TaskScope task_;
};

template <class Signature, class Awaitable, class Token>
auto initiate(runtime::Runtime& runtime, std::string name, Awaitable awaitable, Token&& token) {
  return boost::asio::async_initiate<Token, Signature>(
      [&runtime, name = std::move(name)](auto handler, Awaitable started) {
        using Handler = std::decay_t<decltype(handler)>;
        std::make_shared<Operation<Awaitable, Handler>>(runtime, name, std::move(handler))->start(std::move(started));
      },
      token, std::move(awaitable));
}

}  // namespace detail

/// What has a Runtime and a name, as the calls of a stub over a channel have. Not a call in this process: a check says so.
template <class Call>
concept StartableCall = requires(Call& call) {
  { call.runtime() } -> std::convertible_to<runtime::Runtime&>;
  { call.name() } -> std::convertible_to<std::string>;
};

/// Gives the Reply of a call to a completion token of signature `void(Reply<T, E>)`. The handler is never called inside
/// `start`.
template <StartableCall Call, class Token>
auto start(Call call, Token&& token) {
  runtime::Runtime& runtime = call.runtime();
  std::string name = call.name();
  return detail::initiate<void(runtime::detail::AwaitResult<Call>)>(runtime, std::move(name), std::move(call),
                                                                    std::forward<Token>(token));
}

/// The Reply of a call, in an asio::awaitable.
template <StartableCall Call>
auto use(Call call) {
  return start(std::move(call), boost::asio::use_awaitable);
}

/// The result of a Task, in an asio::awaitable.
/// Errors: throws what escapes the Task; system_error(operation_aborted) when cancelled.
template <class T>
boost::asio::awaitable<T> use(runtime::Runtime& runtime, runtime::Task<T> task) {
  Outcome<T> outcome;
  runtime::Task<void> capture = Outcome<T>::capture(std::move(task), outcome);
  co_await detail::initiate<void()>(runtime, "a Task", std::move(capture), boost::asio::use_awaitable);
  if (!outcome.finished()) throw boost::system::system_error(boost::asio::error::operation_aborted);
  co_return outcome.take();
}

}  // namespace razor::asio
