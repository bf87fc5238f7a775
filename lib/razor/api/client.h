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

#include "razor/api/stub.h"

namespace razor::api {

namespace detail {

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
