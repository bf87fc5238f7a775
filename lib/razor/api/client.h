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

// Errors in users' code name these, and every file on the way to them: so the way is short.
// clang-format off
#include <concepts>
#include <memory>

#include "razor/runtime/coroutine.h"
#include "razor/wire/fields.h"
#include "razor/api/method.h"

#include "razor/api/stub_modes.h"
// clang-format on

namespace razor::api {

namespace detail {

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
    if (target_->implementation != nullptr)
      return Mode::call_here(*target_, static_cast<Args>(std::forward<Given>(given))...);
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
using AsyncMethod = StubMethod<Method, AsyncMode<Method, Index>, typename MethodTraits<decltype(Method)>::Arguments>;
template <auto Method, std::size_t Index>
using BlockingMethod = StubMethod<Method, BlockingMode<Method, Index>, typename MethodTraits<decltype(Method)>::Arguments>;

/// Holds what the methods of a stub refer to; the first base of a Client, so that it is there before them.
class TargetOwner {
 protected:
  explicit TargetOwner(StubTarget target) : target_(std::make_shared<const StubTarget>(std::move(target))) {}
  std::shared_ptr<const StubTarget> target_;
};

}  // namespace detail

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

  /// A client whose calls have these options, and this one's format unless they name another. What they borrow is copied.
  /// With metadata in braces, outside of a co_await expression, where g++ 12 does not compile lists:
  ///
  ///   const auto as_tenant = calc.with({.metadata = {{"tenant", tenant}}});
  ///   razor::Reply<int> sum = co_await as_tenant.add(1, 2);
  Client with(const stream::CallOptions& options) const {
    detail::StubTarget target = *target_;
    const wire::WireFormat* format = target.options.format;
    target.options = options;
    if (options.format == nullptr) target.options.format = format;
    detail::keep_borrowed(target);
    return Client(std::move(target));
  }

  /// A client for what the handler with this `context` calls on its caller's behalf. Its calls end at the caller's deadline at the
  /// latest, where that is known; they end, cancelled, when the caller waits no more; and they belong to the caller's trace.
  /// Metadata are not handed on: they may be for this service only.
  /// Threads: the handler's.
  template <std::same_as<CallContext> Context>  // so that `with({...})` are options
  Client with(const Context& context) const {
    detail::StubTarget target = *target_;
    target.options.deadline = std::min(target.options.deadline, context.deadline().value_or(base::TimePoint::max()));
    if (context.trace() != nullptr) target.options.trace = context.trace();
    detail::keep_borrowed(target);
    target.caller = context.caller();
    target.options.caller = target.caller.get();
    return Client(std::move(target));
  }

  /// Null for an implementation in this process.
  stream::Channel* channel() const { return target_->channel; }

 private:
  explicit Client(detail::StubTarget target) : TargetOwner(std::move(target)), AsyncStub(*target_), blocking(*target_) {}

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
}  // namespace razor
