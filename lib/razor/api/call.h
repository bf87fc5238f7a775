#pragma once
// Call<T, E>: what a method of a service returns. A plain function returns the result, or a Fail, and costs no more than
// that; a coroutine `co_return`s the same.
//
//   razor::Call<int, std::string> div(int a, int b) override {
//     if (b == 0) return razor::Fail{"division by zero"};
//     return a / b;
//   }
//   razor::Call<std::string> read(std::string path) override { co_return co_await disk_.read(path); }
//
// Either kind runs on its server's thread: while it computes, nobody else of that thread is served, and pings are not answered.
// Callers lose nothing by that: what they sent waits until its own deadline, and new calls go to another address, if there
// is one, after ping_interval + ping_timeout (stream/client_stream_config.h). Long computations belong in a thread of their own,
// for which a coroutine waits.
//
// `Call<void>` has no result, `Call<T, razor::Unit>` an error without content. A coroutine of `Call<void, E>` ends with
// `co_return {};`. A handler may also return a `razor::Errc`, which its caller sees as a failure of the framework; not a coroutine of
// `Call<>`, which has `co_return;` only.
// Awaited in-process, a Call gives a Reply<T, E>.

#include <optional>

#include "razor/api/cancel_guard.h"
#include "razor/api/context.h"
#include "razor/api/reply.h"
#include "razor/api/reply_codec.h"
#include "razor/base/out_of_memory.h"
#include "razor/runtime/root_task.h"
#include "razor/runtime/task.h"

namespace razor::api {

template <class T, class E>
class Call;

namespace detail {

/// How a handler ended; nothing while it has not.
template <class T, class E>
using HandlerOutcome = Outcome<ValueOrMonostate<T>, E, base::Errc>;

/// Answers a request with how its handler ended.
template <class T, class E>
void respond_with_outcome(stream::Responder& respond, const HandlerOutcome<T, E>& outcome);

/// The error that the caller gets for an exception that escaped a handler in this process.
base::CallError error_of_thrown(const std::exception_ptr& exception);

template <class T, class E, class U>
concept ResultOf =
    !std::is_void_v<T> && std::is_constructible_v<ValueOrMonostate<T>, U> && !is_fail<std::remove_cvref_t<U>> &&
    !std::is_same_v<std::remove_cvref_t<U>, base::Errc> && !std::is_same_v<std::remove_cvref_t<U>, Call<T, E>>;

/// A handler's coroutine. It is awaited in-process, or it serves a request: then it answers when it has finished, and
/// destroys itself.
template <class T, class E>
class CallPromiseBase : public runtime::PromiseBase,
                        public runtime::RootTask,
                        private runtime::Continuation,
                        private CancelGuard::Handler {
 public:
  HandlerOutcome<T, E>& outcome() { return outcome_; }
  const CallContext& context() const { return context_; }

  /// Starts the coroutine right here. Only if it suspends is it registered, as a task of the server. `is_cancellable`: it is
  /// destroyed once nobody waits for it any more.
  void serve(stream::Responder respond, std::string_view method, bool is_cancellable);

  /// The server, or the Runtime, goes.
  void cancel() override {
    leave_lists();
    destroy();
  }

 protected:
  ~CallPromiseBase() = default;

  HandlerOutcome<T, E> outcome_;

 private:
  void child_finished() override { answer(); }
  void answer();
  void stop() override;

  CallContext context_;
  std::optional<stream::Responder> respond_;
  std::unique_ptr<CancelGuard> guard_;  // only of one that is cancellable, and suspended
};

/// `co_return value`, `co_return Fail{…}`, `co_return Errc::…`.
template <class T, class E>
class CallReturnValue : public CallPromiseBase<T, E> {
 public:
  template <class U = ValueOrMonostate<T>>
    requires ResultOf<T, E, U>
  void return_value(U&& value) {
    this->outcome_.template emplace<0>(std::forward<U>(value));
  }
  void return_value(wire::Unit)
    requires std::is_void_v<T>
  {
    this->outcome_.template emplace<0>();
  }
  template <class F>
    requires std::is_constructible_v<E, F>
  void return_value(Fail<F> fail) {
    this->outcome_.template emplace<1>(std::move(fail.error));
  }
  template <std::same_as<base::Errc> Failure>
  void return_value(Failure errc) {
    this->outcome_.template emplace<2>(errc);
  }

 protected:
  ~CallReturnValue() = default;
};

/// `co_return;`, where there is neither result nor error.
template <class T, class E>
class CallReturnVoid : public CallPromiseBase<T, E> {
 public:
  void return_void() { this->outcome_.template emplace<0>(); }

 protected:
  ~CallReturnVoid() = default;
};

template <class T, class E>
class CallPromise final : public std::conditional_t<std::is_void_v<T> && std::is_same_v<E, NoError>, CallReturnVoid<T, E>,
                                                    CallReturnValue<T, E>> {
 public:
  Call<T, E> get_return_object();
};

}  // namespace detail

template <class T = void, class E = NoError>
class [[nodiscard]] Call {
 public:
  using promise_type = detail::CallPromise<T, E>;
  using Outcome = detail::HandlerOutcome<T, E>;
  using Result = T;
  using Error = E;

  /// Success.
  Call()
    requires std::is_void_v<T>
      : outcome_(std::in_place_index<0>) {}
  template <class U = detail::ValueOrMonostate<T>>
    requires detail::ResultOf<T, E, U>
  Call(U&& value) : outcome_(std::in_place_index<0>, std::forward<U>(value)) {}
  /// The handler's own error.
  template <class F>
    requires std::is_constructible_v<E, F>
  Call(Fail<F> fail) : outcome_(std::in_place_index<1>, std::move(fail.error)) {}
  /// A failure that looks like the framework's.
  Call(base::Errc errc) : outcome_(std::in_place_index<2>, errc) {}

  Call(Call&& other) noexcept : outcome_(std::move(other.outcome_)), promise_(std::exchange(other.promise_, nullptr)) {
    other.outcome_.reset();  // a Call that was moved from holds nothing: awaiting it is noticed
  }
  Call& operator=(Call&&) = delete;
  /// Destroys the coroutine, if there is one: what it waits for is cancelled.
  ~Call() {
    if (promise_ != nullptr) promise_->destroy();
  }

  /// Awaited in-process, at most once, and not after it was moved from: that ends the program. An exception that escapes the
  /// handler is `internal`, ran: yes.
  auto operator co_await() noexcept {
    RAZOR_CHECK(promise_ != nullptr || outcome_.has_value(), "use of an empty Call: it was awaited before, or moved from");
    if (promise_ != nullptr) promise_->claim("awaited");
    return Awaiter(*this);
  }

  /// The outcome of a plain handler; nothing when it is a coroutine.
  Outcome& immediate() { return outcome_; }
  /// The coroutine, which whoever takes it destroys; null for a plain handler.
  promise_type* release_coroutine() { return std::exchange(promise_, nullptr); }
  promise_type* coroutine() const { return promise_; }

  static Reply<T, E> reply_of(Outcome&& outcome);
  static Reply<T, E> reply_of(promise_type& finished);

 private:
  friend promise_type;

  explicit Call(promise_type& promise) : promise_(&promise) {}

  class Awaiter final : public runtime::ChildAwaiter {
   public:
    explicit Awaiter(Call& call) : call_(call) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    ~Awaiter() {
      if (parent_waits()) abandon(*call_.promise_);
    }

    bool await_ready() const noexcept { return call_.promise_ == nullptr; }
    template <std::derived_from<runtime::PromiseBase> Promise>
    bool await_suspend(std::coroutine_handle<Promise> parent) {
      call_.promise_->resume();
      if (call_.promise_->finished()) return false;
      suspend_parent(parent.promise());
      call_.promise_->set_continuation(this);
      return true;
    }
    Reply<T, E> await_resume() {
      if (call_.promise_ != nullptr) return reply_of(*call_.promise_);
      Outcome outcome = std::move(call_.outcome_);
      call_.outcome_.reset();
      return reply_of(std::move(outcome));
    }
    void child_finished() override { resume_parent(); }
    runtime::PromiseBase* running_child() override { return call_.promise_->running(); }

   private:
    Call& call_;
  };

  Outcome outcome_;
  promise_type* promise_ = nullptr;
};

// ---------------------------------------------------------------------------------------------------------------------

template <class T, class E>
void detail::respond_with_outcome(stream::Responder& respond, const HandlerOutcome<T, E>& outcome) {
  switch (outcome.index()) {
    case 0:
      if constexpr (std::is_void_v<T>) {
        respond.reply(wire::Unit());
      } else {
        respond_with_result(respond, outcome.result());
      }
      return;
    case 1: respond_with_error(respond, outcome.error()); return;
    default: respond.fail(stream::Failure(outcome.failure(), base::Ran::yes)); return;
  }
}

template <class T, class E>
void detail::CallPromiseBase<T, E>::serve(stream::Responder respond, std::string_view method, bool is_cancellable) {
  respond_.emplace(std::move(respond));
  context_ = CallContext(*respond_, method);
  {
    const EnteredContext entered(context_);
    resume();
  }
  if (finished()) {
    answer();
    return;
  }
  set_continuation(this);
  respond_->handlers().adopt(*this);
  if (!is_cancellable) return;
  CancelGuard::Handler& handler = *this;
  // Without memory it runs to its end.
  (void)base::catching_bad_alloc([&] { guard_ = std::make_unique<CancelGuard>(*respond_, handler); });
}

// Its caller waits no more.
template <class T, class E>
void detail::CallPromiseBase<T, E>::stop() {
  leave_lists();
  stream::Responder respond = std::move(*respond_);
  destroy();
  const bool is_late = respond.runtime().clock().now() >= respond.stop_at();
  respond.fail(stream::Failure(is_late ? base::Errc::deadline_exceeded : base::Errc::cancelled, base::Ran::yes));
}

template <class T, class E>
void detail::CallPromiseBase<T, E>::answer() {
  leave_lists();
  if (exception()) {
    respond_->fail_thrown(context_.method(), exception());
  } else {
    respond_with_outcome<T, E>(*respond_, outcome_);
  }
  destroy();
}

template <class T, class E>
Call<T, E> detail::CallPromise<T, E>::get_return_object() {
  this->set_handle(std::coroutine_handle<CallPromise>::from_promise(*this));
  return Call<T, E>(*this);
}

template <class T, class E>
Reply<T, E> Call<T, E>::reply_of(Outcome&& outcome) {
  switch (outcome.index()) {
    case 0:
      if constexpr (std::is_void_v<T>) {
        return Reply<T, E>();
      } else {
        return Reply<T, E>(std::move(outcome.result()));
      }
    case 1: return Reply<T, E>(Fail<E>(std::move(outcome.error())));
    default: return Reply<T, E>(base::CallError(outcome.failure(), base::Ran::maybe, "answered by the handler"));
  }
}

template <class T, class E>
Reply<T, E> Call<T, E>::reply_of(promise_type& finished) {
  if (!finished.exception()) return reply_of(std::move(finished.outcome()));
  return detail::error_of_thrown(finished.exception());
}

}  // namespace razor::api

namespace razor {
using api::Call;
}  // namespace razor
