#pragma once
// CompletedCall: a call of a method that ends in a function. Private to api.

#include "razor/api/stub_target.h"
#include "razor/api/typed_call.h"
#include "razor/runtime/frame_pool.h"

namespace razor::api::detail {

/// A call that ends in a function. Owns itself.
template <class T, class E, class Done>
class CompletedCall final : public TypedCall<T, E> {
  using Typed = TypedCall<T, E>;

 public:
  static void* operator new(std::size_t bytes) { return runtime::FramePool::allocate(bytes); }
  static void operator delete(void* call, std::size_t bytes) noexcept { runtime::FramePool::deallocate(call, bytes); }

  /// Takes a call over that is under way.
  CompletedCall(stream::Exchange&& call, std::string_view action, Done done)
      : Typed(std::move(call), action), done_(std::move(done)) {}
  /// Sends the request.
  template <class... Args>
  CompletedCall(const StubTarget& target, const stream::CallOptions& options, std::string_view action, Done done,
                const Args&... args)
      : Typed(action), done_(std::move(done)) {
    stream::start_call(
        *target.channel, *this, wire::Action(action), options,
        [&](wire::Encoder& to) { wire::encode_parameters(to, args...); }, wire::blob_among(args...));
  }

  void on_response(const wire::ResponseFrame& frame) override {
    Reply<T, E> reply{NothingYet()};
    this->decode(frame, reply);
    complete(std::move(reply));
  }
  void on_failed(base::CallError error) override { complete(std::move(error)); }

 private:
  ~CompletedCall() = default;

  void complete(Reply<T, E>&& reply) {
    this->run_completion([&] { done_(std::move(reply)); });
    delete this;
  }

  Done done_;
};

}  // namespace razor::api::detail
