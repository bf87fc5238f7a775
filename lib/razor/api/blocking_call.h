#pragma once
// BlockingCall: a call of a method by a thread that waits for its response. Private to api.

#include "razor/api/stub_target.h"
#include "razor/api/typed_call.h"
#include "razor/runtime/thread_signal.h"

namespace razor::api::detail {

/// Calls a method from a thread that waits for its answer.
template <class T, class E>
class BlockingCall final : public TypedCall<T, E>, public runtime::PostedTask {
 public:
  template <class... Args>
  BlockingCall(std::string_view action, const StubTarget& target, const stream::CallOptions& options, const Args&... args)
      : TypedCall<T, E>(action), target_(target), options_(options), blob_(wire::blob_among(args...)) {
    options_.caller = nullptr;  // of this thread, which waits
    try {
      wire::encode_in(options.format, encoded_, [&](wire::Encoder& to) { wire::encode_parameters(to, args...); });
    } catch (...) {
      reply_ = wire::encode_failure();
    }
  }

  Reply<T, E> wait() {
    if (!reply_.has_come()) {
      target_.channel->executor().post(*this);
      finished_.wait();
    }
    return std::move(reply_);
  }

 private:
  void run() override {
    stream::start_encoded(*target_.channel, *this, wire::Action(this->action()), options_, encoded_.view(),
                          std::move(blob_));
  }
  void drop() override { on_failed(base::CallError(base::Errc::closed, base::Ran::no, "the runtime is gone")); }

  void on_response(const wire::ResponseFrame& frame) override {
    this->decode(frame, reply_);
    finished_.wake();  // `this` is gone from here on
  }
  void on_failed(base::CallError error) override {
    reply_ = std::move(error);
    finished_.wake();
  }

  const StubTarget& target_;
  stream::CallOptions options_;
  wire::InlineSink<256> encoded_;
  base::Blob blob_;
  Reply<T, E> reply_{detail::NothingYet()};
  runtime::ThreadSignal finished_;
};

}  // namespace razor::api::detail
