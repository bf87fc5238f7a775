#pragma once
// ClientCall: a call of a method, as a coroutine awaits it.

#include <memory>

#include "razor/api/completed_call.h"
#include "razor/api/local_call.h"
#include "razor/api/stub_target.h"
#include "razor/api/typed_call.h"
#include "razor/stream/call_awaiter.h"

namespace razor::api {

namespace detail {
template <auto Method, std::size_t Index>
class AsyncMode;
}  // namespace detail

/// A call of a method: `co_await` gives a Reply<T, E>. Destroying or resetting it stops waiting; the server may still
/// run the request, and its place in the window is free when the answer or the deadline comes. Movable until it is
/// awaited.
///
/// Errors:  in the Reply: unreachable, overloaded, too_large, encode, closed (ran: no) · deadline_exceeded (no, maybe) ·
///          connection_lost (no, maybe) · decode (yes) · what the server answers (maybe).
/// Threads: the channel's runtime's.
template <class T, class E>
class [[nodiscard]] ClientCall final : public detail::TypedCall<T, E, stream::CallAwaiter> {
  using Typed = detail::TypedCall<T, E, stream::CallAwaiter>;

 public:
  ClientCall(ClientCall&& other) noexcept
      : Typed(std::move(other)), reply_(std::move(other.reply_)), local_(std::move(other.local_)) {
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
    stream::CallAwaiter::reset();
  }

 private:
  template <auto Method, std::size_t Index>
  friend class detail::AsyncMode;

  using LocalCall = detail::LocalCall<T, E>;
  friend LocalCall;

  /// Sends the request: `args` are encoded now.
  template <class... Args>
  ClientCall(std::string_view action, const detail::StubTarget& target, const stream::CallOptions& options,
             const Args&... args)
      : Typed(action) {
    stream::start_call(
        *target.channel, *this, wire::Action(action), options,
        [&](wire::Encoder& to) { wire::encode_parameters(to, args...); }, wire::blob_among(args...));
  }

  /// A call that has ended.
  ClientCall(std::string_view action, Reply<T, E> reply) : Typed(action) { finish_local(std::move(reply)); }

  /// Calls an implementation in this process.
  ClientCall(std::string_view action, Call<T, E> call) : Typed(action) {
    if (call.coroutine() == nullptr) {
      finish_local(Call<T, E>::reply_of(std::move(call.immediate())));
      return;
    }
    local_ = std::make_unique<LocalCall>(action, std::move(call), *this);
    auto& coroutine = *local_->call.coroutine();
    coroutine.set_continuation(local_.get());
    coroutine.resume();
  }

  void on_response(const wire::ResponseFrame& frame) override {
    this->decode(frame, reply_);
    this->finish_now();
  }
  void on_failed(base::CallError error) override {
    reply_ = std::move(error);
    this->finish_soon();
  }

  void finish_local(Reply<T, E> reply) {
    reply_ = std::move(reply);
    this->finish_now();
  }

  Reply<T, E> reply_{detail::NothingYet()};
  std::unique_ptr<LocalCall> local_;
};

// ---------------------------------------------------------------------------------------------------------------------

template <class T, class E>
template <class Done>
  requires std::invocable<Done&, Reply<T, E>>
void ClientCall<T, E>::then(Done done) && {
  this->use("given a completion");
  if (local_ != nullptr) {
    local_->done = std::move(done);
    local_->owner = nullptr;
    (void)local_.release();
    return;
  }
  if (reply_.has_come()) {
    this->run_completion([&] { done(std::move(reply_)); });
    return;
  }
  new detail::CompletedCall<T, E, Done>(std::move(*this), this->action(), std::move(done));
}

}  // namespace razor::api

namespace razor {
using api::ClientCall;
}  // namespace razor
