#pragma once
// Client<S>: the stub of a service. Each method of S is a member that is called like it.
//
//   razor::Client<Calculator> calc(pool);                                   // a pool of connections, or one ClientStream
//   razor::Reply<int> sum = co_await calc.add(1, 2);                        // in a coroutine of the stream's runtime
//   razor::Reply<int> sum = calc.blocking.add(1, 2);                        // in any other thread
//   razor::Reply<int> sum = co_await calc.with({.timeout = 2s}).add(1, 2);
//
// Arguments are encoded before the call returns, so nothing that they refer to has to live on. The call is on its way
// from then on: calls are pipelined by making several before awaiting the first, or with when_all.

#include <memory>

#include "razor/api/error_codec.h"
#include "razor/api/method.h"
#include "razor/base/unique_function.h"
#include "razor/runtime/thread_signal.h"
#include "razor/stream/call_awaiter.h"

namespace razor::api {

namespace detail {

template <auto Method, std::size_t Index>
class AsyncMode;

/// What the methods of one stub call: a channel, or an implementation in this process.
struct StubTarget {
  stream::Channel* channel = nullptr;
  std::shared_ptr<void> implementation_owner;
  void* implementation = nullptr;
  stream::CallOptions options;
};

}  // namespace detail

/// A call of a method: `co_await` gives a Reply<T, E>. Destroying or resetting it stops waiting; the server may still
/// run the request, and its place in the window is free when the answer or the deadline comes. Movable until it is
/// awaited.
///
/// Errors:  in the Reply: unreachable, overloaded, too_large, encode, closed (ran: no) · deadline_exceeded (no, maybe) ·
///          connection_lost (no, maybe) · decode (yes) · what the server answers (maybe).
/// Threads: the channel's runtime's.
template <class T, class E>
class [[nodiscard]] ClientCall final : public stream::CallAwaiter {
 public:
  ClientCall(ClientCall&& other) noexcept
      : CallAwaiter(std::move(other)),
        action_(other.action_),
        reply_(std::move(other.reply_)),
        local_(std::move(other.local_)) {
    if (local_ != nullptr) local_->owner = this;
  }

  Reply<T, E> await_resume() { return std::move(reply_); }

  /// Instead of awaiting: `done(Reply<T, E>)` is called when the call has ended, on the runtime's thread, never inside
  /// `then` (but by a plain handler in this process). An exception that escapes `done` is logged, with the method's name;
  /// by a call in this process, which has no runtime, to stderr.
  ///
  ///   calc.add(1, 2).then([](razor::Reply<int> sum) { … });
  template <class Done>
    requires std::invocable<Done&, Reply<T, E>>
  void then(Done done) &&;

  void reset() {
    local_.reset();
    CallAwaiter::reset();
  }

 private:
  template <auto Method, std::size_t Index>
  friend class detail::AsyncMode;

  // A handler in this process that suspended.
  struct LocalCall final : runtime::Continuation {
    LocalCall(std::string_view method, Call<T, E> running, ClientCall& waiting)
        : action(method), call(std::move(running)), owner(&waiting) {}
    void child_finished() override {
      Reply<T, E> reply = Call<T, E>::reply_of(*call.coroutine());
      if (owner != nullptr) return owner->finish_local(std::move(reply));
      base::run_user_code(nullptr, [this] { return "the completion of " + std::string(action); },
                          [&] { done(std::move(reply)); });
      delete this;
    }
    std::string_view action;
    Call<T, E> call;
    ClientCall* owner;  // null once `done` waits instead; then the call owns itself
    base::UniqueFunction<void(Reply<T, E>)> done;
  };

  /// Sends the request: `args` are encoded now.
  template <class... Args>
  ClientCall(std::string_view action, const detail::StubTarget& target, const stream::CallOptions& options,
             const Args&... args)
      : action_(action) {
    stream::start_call(*target.channel, *this, wire::Action(action), options,
                       [&](wire::Encoder& to) { wire::encode_parameters(to, args...); }, wire::blob_among(args...));
  }

  /// A call that has ended.
  ClientCall(std::string_view action, Reply<T, E> reply) : action_(action) { finish_local(std::move(reply)); }

  /// Calls an implementation in this process.
  ClientCall(std::string_view action, Call<T, E> call) : action_(action) {
    if (call.coroutine() == nullptr) {
      finish_local(Call<T, E>::reply_of(std::move(call.immediate())));
      return;
    }
    local_ = std::make_unique<LocalCall>(action, std::move(call), *this);
    auto& coroutine = *local_->call.coroutine();
    coroutine.set_continuation(local_.get());
    coroutine.resume();
  }

  void answered(const wire::ResponseFrame& frame) override {
    decode_reply(frame, action_, reply_);
    finish_now();
  }
  void failed(base::CallError error) override {
    reply_ = std::move(error);
    finish_soon();
  }
  std::string describe() const override { return std::string(action_); }
  stream::FailoverRule failover_rule() const override { return failover_rule_of<E>(); }

  void finish_local(Reply<T, E> reply) {
    reply_ = std::move(reply);
    finish_now();
  }

  std::string_view action_;
  Reply<T, E> reply_{detail::NothingYet()};
  std::unique_ptr<LocalCall> local_;
};

namespace detail {

/// A call that ends in a function. Owns itself.
template <class T, class E, class Done>
class CompletedCall final : public stream::PendingCall {
 public:
  static void* operator new(std::size_t bytes) { return runtime::FramePool::allocate(bytes); }
  static void operator delete(void* call, std::size_t bytes) noexcept { runtime::FramePool::deallocate(call, bytes); }

  /// Takes a call over that is under way.
  CompletedCall(stream::PendingCall&& call, std::string_view action, Done done)
      : PendingCall(std::move(call)), action_(action), done_(std::move(done)) {}
  /// Sends the request.
  template <class... Args>
  CompletedCall(const StubTarget& target, const stream::CallOptions& options, std::string_view action, Done done,
                const Args&... args)
      : action_(action), done_(std::move(done)) {
    stream::start_call(*target.channel, *this, wire::Action(action), options,
                       [&](wire::Encoder& to) { wire::encode_parameters(to, args...); }, wire::blob_among(args...));
  }

  void answered(const wire::ResponseFrame& frame) override {
    Reply<T, E> reply{NothingYet()};
    decode_reply(frame, action_, reply);
    complete(std::move(reply));
  }
  void failed(base::CallError error) override { complete(std::move(error)); }
  std::string describe() const override { return std::string(action_); }
  stream::FailoverRule failover_rule() const override { return failover_rule_of<E>(); }

 private:
  ~CompletedCall() = default;

  void complete(Reply<T, E>&& reply) {
    run_completion([&] { done_(std::move(reply)); });
    delete this;
  }

  std::string_view action_;
  Done done_;
};

/// Calls a method from a thread that waits for its answer.
template <class T, class E>
class BlockingCall final : public stream::PendingCall, public runtime::Posted {
 public:
  template <class... Args>
  BlockingCall(std::string_view action, const StubTarget& target, const stream::CallOptions& options, const Args&... args)
      : action_(action), target_(target), options_(options), blob_(wire::blob_among(args...)) {
    try {
      wire::encode_in(options.format, encoded_, [&](wire::Encoder& to) { wire::encode_parameters(to, args...); });
    } catch (...) {
      reply_ = wire::encode_failure();
    }
  }

  Reply<T, E> wait() {
    if (!reply_.has_come()) {
      target_.channel->spawner().post(*this);
      finished_.wait();
    }
    return std::move(reply_);
  }

 private:
  void run() override {
    stream::start_encoded(*target_.channel, *this, wire::Action(action_), options_, encoded_.view(), std::move(blob_));
  }
  void drop() override { failed(base::CallError(base::Errc::closed, base::Ran::no, "the runtime is gone")); }

  void answered(const wire::ResponseFrame& frame) override {
    decode_reply(frame, action_, reply_);
    finished_.wake();  // `this` is gone from here on
  }
  void failed(base::CallError error) override {
    reply_ = std::move(error);
    finished_.wake();
  }
  std::string describe() const override { return std::string(action_); }
  stream::FailoverRule failover_rule() const override { return failover_rule_of<E>(); }

  std::string_view action_;
  const StubTarget& target_;
  stream::CallOptions options_;
  wire::InlineSink<256> encoded_;
  base::Blob blob_;
  Reply<T, E> reply_{detail::NothingYet()};
  runtime::ThreadSignal finished_;
};

template <auto Method, class Argument, class Given>
constexpr bool check_argument() {
  constexpr bool converts = std::is_convertible_v<Given, Argument>;
  static_assert(converts || !std::is_same_v<std::remove_cvref_t<Given>, Argument>,
                "razor: an argument cannot be copied: hand it over, std::move(argument)");
  static_assert(converts || std::is_same_v<std::remove_cvref_t<Given>, Argument>,
                "razor: an argument does not convert to the method's parameter");
  static_assert(std::is_lvalue_reference_v<Given> || !is_freed_twice<std::remove_cvref_t<Given>>,
                "razor: g++ before 13 destroys a temporary aggregate twice inside a co_await expression: give the value a "
                "name first, or name its fields with RAZOR_FIELDS, which gives the type a constructor");
  return true;
}

/// `given` as it is encoded: itself where it has the parameter's type, else converted.
template <class Argument, class Given>
decltype(auto) as_argument(Given&& given) {
  if constexpr (std::is_same_v<Argument, std::remove_cvref_t<Given>>) {
    return static_cast<const Argument&>(given);
  } else {
    return static_cast<Argument>(std::forward<Given>(given));
  }
}

/// A call in this process whose timeout is spent.
base::CallError no_time(std::string_view action);
/// Blocking calls that would never end, or that nobody can wait for, end the program.
void check_thread(const StubTarget& target, std::string_view action);
void check_plain(bool is_plain, std::string_view action);

/// How a method is called by a coroutine …
template <auto Method, std::size_t Index>
class AsyncMode {
  using Traits = MethodTraits<decltype(Method)>;
  using Service = typename Traits::Service;
  using T = typename Traits::Result;
  using E = typename Traits::Error;
  using Action = ActionName<Service, Index>;

 public:
  using Returned = ClientCall<T, E>;
  using Completes = void;

  template <class... Args>
  static Returned call(const StubTarget& target, const Args&... args) {
    return Returned(Action::full(), target, options(target), args...);
  }
  /// In this process: the arguments are handed to the implementation.
  template <class... Args>
  static Returned call_here(const StubTarget& target, Args&&... args) {
    if (has_no_time(target)) return Returned(Action::full(), Reply<T, E>(no_time(Action::full())));
    // As over the network: what escapes a handler reaches its caller as an error.
    try {
      return Returned(Action::full(), enter(target, std::move(args)...));
    } catch (...) {
      return Returned(Action::full(), error_of_thrown(std::current_exception()));
    }
  }

  template <class Done, class... Args>
  static void start(const StubTarget& target, Done done, const Args&... args) {
    new CompletedCall<T, E, Done>(target, options(target), Action::full(), std::move(done), args...);  // owns itself
  }

 protected:
  static stream::CallOptions options(const StubTarget& target) {
    stream::CallOptions options = target.options;
    if constexpr (is_idempotent<Service, Index>()) options.idempotent = true;
    return options;
  }

  /// A spent timeout is spent in this process too; deadlines need a clock, which a call in this process does not have.
  static bool has_no_time(const StubTarget& target) {
    return target.options.timeout && *target.options.timeout <= base::Duration::zero();
  }

  /// The handler in this process.
  template <class... Args>
  static Call<T, E> enter(const StubTarget& target, Args&&... args) {
    return (static_cast<Service*>(target.implementation)->*Method)(std::move(args)...);
  }
};

/// … and by a thread that waits.
template <auto Method, std::size_t Index>
class BlockingMode : AsyncMode<Method, Index> {
  using Traits = MethodTraits<decltype(Method)>;
  using T = typename Traits::Result;
  using E = typename Traits::Error;

 public:
  using Returned = Reply<T, E>;

  template <class... Args>
  static Returned call(const StubTarget& target, const Args&... args) {
    check_thread(target, kAction);
    return BlockingCall<T, E>(kAction, target, AsyncMode<Method, Index>::options(target), args...).wait();
  }
  template <class... Args>
  static Returned call_here(const StubTarget& target, Args&&... args) {
    try {
      if (AsyncMode<Method, Index>::has_no_time(target)) return no_time(kAction);
      Call<T, E> local = AsyncMode<Method, Index>::enter(target, std::move(args)...);
      check_plain(local.coroutine() == nullptr, kAction);
      return Call<T, E>::reply_of(std::move(local.immediate()));
    } catch (...) {
      return error_of_thrown(std::current_exception());
    }
  }

 private:
  static constexpr std::string_view kAction = ActionName<typename Traits::Service, Index>::full();
};

/// A method of a stub: an object that is called like the method.
template <auto Method, class Mode, class Arguments>
class StubMethod;

template <auto Method, class Mode, class... Args>
class StubMethod<Method, Mode, std::tuple<Args...>> {
 public:
  using Returned = typename Mode::Returned;

  explicit StubMethod(const StubTarget& target) : target_(&target) {}

  template <class... Given>
    requires(sizeof...(Given) == sizeof...(Args))
  Returned operator()(Given&&... given) const {
    static_assert((check_argument<Method, Args, Given>() && ...));
    if (target_->implementation != nullptr) return Mode::call_here(*target_, static_cast<Args>(std::forward<Given>(given))...);
    return Mode::call(*target_, as_argument<Args>(std::forward<Given>(given))...);
  }

  /// Instead of awaiting: `calc.add.start(done, 1, 2)` calls `done(Reply)` when the call has ended, as `then` does, and
  /// never inside `start` (but by a plain handler in this process). The cheapest way to call: no coroutine, nothing that moves.
  template <class Done, class... Given>
    requires(sizeof...(Given) == sizeof...(Args) && requires(Mode mode) { typename Mode::Completes; })
  void start(Done done, Given&&... given) const {
    static_assert((check_argument<Method, Args, Given>() && ...));
    if (target_->implementation != nullptr) {
      return Mode::call_here(*target_, static_cast<Args>(std::forward<Given>(given))...).then(std::move(done));
    }
    Mode::start(*target_, std::move(done), as_argument<Args>(std::forward<Given>(given))...);
  }

  /// For arguments in braces: `calc.move({1, 2}, {3, 4})`.
  Returned operator()(const Args&... args) const
    requires((!is_freed_twice<Args> && std::is_copy_constructible_v<Args>) && ...)
  {
    if (target_->implementation != nullptr) return Mode::call_here(*target_, Args(args)...);
    return Mode::call(*target_, args...);
  }

 private:
  const StubTarget* target_;
};

template <auto Method, std::size_t Index>
using AsyncMethod =
    StubMethod<Method, AsyncMode<Method, Index>, typename MethodTraits<decltype(Method)>::Arguments>;
template <auto Method, std::size_t Index>
using BlockingMethod =
    StubMethod<Method, BlockingMode<Method, Index>, typename MethodTraits<decltype(Method)>::Arguments>;

/// Holds what the methods of a stub refer to; the first base of a Client, so that it is there before them.
class TargetOwner {
 protected:
  explicit TargetOwner(StubTarget target) : target_(std::make_shared<const StubTarget>(std::move(target))) {}
  std::shared_ptr<const StubTarget> target_;
};

}  // namespace detail

template <class T, class E>
template <class Done>
  requires std::invocable<Done&, Reply<T, E>>
void ClientCall<T, E>::then(Done done) && {
  use("given a completion");
  if (local_ != nullptr) {
    local_->done = std::move(done);
    local_->owner = nullptr;
    (void)local_.release();
    return;
  }
  if (reply_.has_come()) {
    run_completion([&] { done(std::move(reply_)); });
    return;
  }
  new detail::CompletedCall<T, E, Done>(std::move(*this), action_, std::move(done));
}

/// Copies are cheap and call the same target.
template <class Service>
class Client : private detail::TargetOwner, public Service::template RazorStub<detail::AsyncMethod> {
  static_assert(detail::check_service<Service>());
  using AsyncStub = typename Service::template RazorStub<detail::AsyncMethod>;
  using BlockingStub = typename Service::template RazorStub<detail::BlockingMethod>;

 public:
  /// Calls over `channel` (a ClientPool, a FailoverPool, a ClientStream), which outlives the client and its copies.
  explicit Client(stream::Channel& channel) : Client(target_of(channel, format_of<Service>())) {}

  /// The same, with messages in `format`, which outlives them too; the server must accept it.
  Client(stream::Channel& channel, const wire::WireFormat& format) : Client(target_of(channel, &format)) {}

  /// Calls an implementation in this process: a mock, or the service itself.
  explicit Client(std::shared_ptr<Service> implementation) : Client(target_of(std::move(implementation))) {}

  /// The same methods, each waiting for its answer.
  /// Threads: any but the runtime's own. The channel must be alive, and its runtime run, until the call returns.
  BlockingStub blocking;

  /// A client whose calls have these options, and this one's format unless they name another.
  Client with(const stream::CallOptions& options) const {
    detail::StubTarget target = *target_;
    const wire::WireFormat* format = target.options.format;
    target.options = options;
    if (options.format == nullptr) target.options.format = format;
    return Client(std::move(target));
  }

  /// Null for an implementation in this process.
  stream::Channel* channel() const { return target_->channel; }

 private:
  explicit Client(detail::StubTarget target)
      : TargetOwner(std::move(target)), AsyncStub(*target_), blocking(*target_) {}

  static detail::StubTarget target_of(stream::Channel& channel, const wire::WireFormat* format) {
    detail::StubTarget target;
    target.channel = &channel;
    target.options.format = format;
    return target;
  }
  static detail::StubTarget target_of(std::shared_ptr<Service> implementation) {
    detail::StubTarget target;
    target.implementation = implementation.get();
    target.implementation_owner = std::move(implementation);
    return target;
  }
};

}  // namespace razor::api

namespace razor {
using api::Client;
using api::ClientCall;
}  // namespace razor
