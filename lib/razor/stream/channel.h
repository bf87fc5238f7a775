#pragma once
// Channel: what carries calls: a ClientStream, or a pool of them. Callers see nothing else.
//
//   RequestDraft draft = channel.draft(exchange, action, options);
//   encode the message into draft.sink();
//   draft.commit(blob);
//
// With room in the window the message is encoded straight into the connection's output.

#include <atomic>

#include "razor/base/check.h"
#include "razor/base/out_of_memory.h"
#include "razor/runtime/runtime.h"
#include "razor/stream/call_options.h"
#include "razor/stream/exchange.h"
#include "razor/wire/wire_error.h"
#include "razor/wire/wire_format.h"

namespace razor::stream {

/// A request that is being written. One of its channel at a time, on its thread: commit it, or refuse it, before anything else
/// is asked of the channel. Destroying it refuses it.
class [[nodiscard]] RequestDraft {
 public:
  RequestDraft(const RequestDraft&) = delete;
  RequestDraft& operator=(const RequestDraft&) = delete;
  ~RequestDraft();

  /// Where the message goes.
  wire::ByteSink& sink() { return sink_; }
  /// Hands the call over. It completes exactly once, after `commit` has returned.
  /// Errors: all by `Exchange::on_failed`.
  void commit(base::Blob&& blob);
  /// The message could not be encoded: the call fails with `why`, after `refuse` has returned.
  void refuse(base::CallError why);

 private:
  friend class Channel;
  RequestDraft(Channel& channel, Exchange& exchange, wire::ByteSink& sink)
      : channel_(&channel), exchange_(exchange), sink_(sink) {}

  Channel* channel_;  // null once it was committed or refused
  Exchange& exchange_;
  wire::ByteSink& sink_;
};

/// Threads: the runtime's only, `runtime()` and `executor()` excepted.
class Channel {
 public:
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Starts a call. Where memory is refused the call fails when it is committed (base/out_of_memory.h).
  /// Bytes:  `action` is copied.
  /// Errors: throws std::bad_alloc where there is no memory for what the channel notes of the call: it does not exist then.
  RequestDraft draft(Exchange& exchange, const wire::Action& action, const CallOptions& options) {
    if (options.caller != nullptr) [[unlikely]]
      exchange.follow(*options.caller, executor_);
    return RequestDraft(*this, exchange, begin(exchange, action, options));
  }

  runtime::Runtime& runtime() const { return runtime_; }
  runtime::Executor& executor() const { return executor_; }

 protected:
  explicit Channel(runtime::Runtime& runtime) : runtime_(runtime), executor_(runtime.executor()) {}
  virtual ~Channel() {
    const std::uint32_t remotes = remotes_.load(std::memory_order_acquire);
    RAZOR_CHECK(remotes == 0, "a stream or pool is destroyed before {} RemoteChannels over it: destroy them first", remotes);
  }

  /// A draft begins: gives its sink, which lives until `commit` or `refuse`, one of which follows.
  virtual wire::ByteSink& begin(Exchange& exchange, const wire::Action& action, const CallOptions& options) = 0;
  virtual void commit(Exchange& exchange, base::Blob&& blob) = 0;
  virtual void refuse(Exchange& exchange, base::CallError why) = 0;

  /// For channels that carry calls themselves: from `begin` on.
  void own(Exchange& exchange) { exchange.channel_ = this; }

  // --- For channels that make calls of their own for a call: what they know of it is in a record of theirs.
  /// From `begin` on, until `detach`.
  void attach(Exchange& exchange, void* delegate_state) {
    exchange.channel_ = this;
    exchange.transition(Exchange::State::delegated, Exchange::Reason::delegated);
    exchange.delegate_state_ = delegate_state;
  }
  static void* delegate_state(const Exchange& exchange) { return exchange.delegate_state_; }
  /// From now on it may have run.
  static void mark_sent(Exchange& exchange) {
    exchange.transition(Exchange::State::delegated_sent, Exchange::Reason::delegated);
  }
  /// As if it had never been sent.
  static void mark_unsent(Exchange& exchange) {
    exchange.transition(Exchange::State::delegated, Exchange::Reason::delegated);
  }
  /// Before `on_response` or `on_failed` is called, or when its owner waits no more.
  static void detach(Exchange& exchange) { exchange.transition(Exchange::State::idle, Exchange::Reason::delivered); }

 private:
  friend class Exchange;
  friend class RemoteUse;
  friend class RequestDraft;

  /// The call's owner waits no more.
  virtual void cancel(Exchange& exchange) = 0;
  /// The call in flight goes on, and nobody wants its response.
  virtual void unwanted(Exchange&) {}
  /// `to` has taken over the links and fields of a call that moved.
  virtual void relocated(Exchange& to) = 0;

  runtime::Runtime& runtime_;
  runtime::Executor& executor_;
  std::atomic<std::uint32_t> remotes_ = 0;
};

inline RequestDraft::~RequestDraft() {
  if (channel_ != nullptr) refuse(base::CallError(base::Errc::encode, base::Ran::no, "the request was not finished"));
}
inline void RequestDraft::commit(base::Blob&& blob) { std::exchange(channel_, nullptr)->commit(exchange_, std::move(blob)); }
inline void RequestDraft::refuse(base::CallError why) {
  std::exchange(channel_, nullptr)->refuse(exchange_, std::move(why));
}

/// As long as one lives, another thread hands calls to `channel`, which must not go before it.
/// Threads: any.
class RemoteUse {
 public:
  explicit RemoteUse(Channel& channel) : channel_(channel) { channel_.remotes_.fetch_add(1, std::memory_order_relaxed); }
  RemoteUse(const RemoteUse&) = delete;
  RemoteUse& operator=(const RemoteUse&) = delete;
  ~RemoteUse() { channel_.remotes_.fetch_sub(1, std::memory_order_release); }

 private:
  Channel& channel_;
};

/// Starts `exchange`: `encode_message(Encoder&)` puts its message, which is written in the format of `options`. What that throws
/// fails the call alone: encode, or overloaded when memory was refused; ran: no.
template <class Encode>
void start_call(Channel& channel, Exchange& exchange, const wire::Action& action, const CallOptions& options,
                Encode&& encode_message, base::Blob blob = {}) {
  RequestDraft draft = channel.draft(exchange, action, options);
  try {
    wire::encode_in(options.format, draft.sink(), encode_message);
  } catch (...) {
    draft.refuse(wire::encode_failure());
    return;
  }
  draft.commit(std::move(blob));
}

/// The same with a message that is encoded already, in the format of `options`, for who has nobody to throw to: where the
/// channel has no memory for what it would note of the call, that fails right here.
void start_encoded(Channel& channel, Exchange& exchange, const wire::Action& action, const CallOptions& options,
                   base::ByteView message, base::Blob blob = {});

}  // namespace razor::stream

namespace razor {
using stream::Channel;
}  // namespace razor
