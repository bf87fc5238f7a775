#pragma once
// Channel: what carries calls: a ClientStream, or a pool of them. Callers see nothing else.
//
//   ByteSink& sink = channel.begin(call, action, options);   encode the message into `sink`
//   channel.commit(call, blob);                               or channel.refuse(call, why)
//
// With room in the window the message is encoded straight into the connection's output.

#include <atomic>

#include "razor/base/check.h"
#include "razor/base/out_of_memory.h"
#include "razor/runtime/runtime.h"
#include "razor/stream/call_options.h"
#include "razor/stream/pending_call.h"
#include "razor/wire/wire_error.h"
#include "razor/wire/wire_format.h"

namespace razor::stream {

/// Threads: the runtime's only, `runtime()` and `spawner()` excepted.
class Channel {
 public:
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Starts a call. `commit` or `refuse` follows before anything else is asked of the channel. Where memory is refused the
  /// call fails when it is committed (base/out_of_memory.h).
  /// Bytes:  `action` is copied; the sink lives until `commit` or `refuse`.
  virtual wire::ByteSink& begin(PendingCall& call, const wire::Action& action, const CallOptions& options) = 0;

  /// Hands the call over. It completes exactly once, after `commit` has returned.
  /// Errors: all by `PendingCall::failed`.
  virtual void commit(PendingCall& call, base::Blob&& blob) = 0;

  /// The message could not be encoded: the call fails with `why`, after `refuse` has returned.
  virtual void refuse(PendingCall& call, base::CallError why) = 0;

  runtime::Runtime& runtime() const { return runtime_; }
  runtime::Spawner& spawner() const { return spawner_; }

 protected:
  explicit Channel(runtime::Runtime& runtime) : runtime_(runtime), spawner_(runtime.spawner()) {}
  virtual ~Channel() {
    const std::uint32_t remotes = remotes_.load(std::memory_order_acquire);
    RAZOR_CHECK(remotes == 0, "a stream or pool is destroyed before {} RemoteChannels over it: destroy them first", remotes);
  }

  // --- For channels that carry calls over other channels: what they know of a call is in a record of their own.
  /// From `begin` on, until `release`.
  void carry(PendingCall& call, void* record) {
    call.channel_ = this;
    call.where_ = PendingCall::Where::carried;
    call.record_ = record;
  }
  static void* record_of(const PendingCall& call) { return call.record_; }
  /// From now on it may have run.
  static void note_sent(PendingCall& call) { call.where_ = PendingCall::Where::carried_and_sent; }
  /// Before `answered` or `failed` is called, or when its owner waits no more.
  static void release(PendingCall& call) { call.where_ = PendingCall::Where::nowhere; }

 private:
  friend class PendingCall;
  friend class RemoteUse;

  /// The call's owner waits no more.
  virtual void abandon(PendingCall& call) = 0;
  /// `to` has taken over the links and fields of a call that moved.
  virtual void relocated(PendingCall& to) = 0;

  runtime::Runtime& runtime_;
  runtime::Spawner& spawner_;
  std::atomic<std::uint32_t> remotes_ = 0;
};

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

/// Starts `call`: `encode_message(Encoder&)` puts its message, which is written in the format of `options`. What that throws
/// fails the call alone: encode, or overloaded when memory was refused; ran: no.
template <class Encode>
void start_call(Channel& channel, PendingCall& call, const wire::Action& action, const CallOptions& options,
                Encode&& encode_message, base::Blob blob = {}) {
  wire::ByteSink& sink = channel.begin(call, action, options);
  try {
    wire::encode_in(options.format, sink, encode_message);
  } catch (...) {
    channel.refuse(call, wire::encode_failure());
    return;
  }
  channel.commit(call, std::move(blob));
}

/// The same with a message that is encoded already, in the format of `options`, for who has nobody to throw to: where the
/// channel has no memory for what it would note of the call, that fails right here.
inline void start_encoded(Channel& channel, PendingCall& call, const wire::Action& action, const CallOptions& options,
                          base::ByteView message, base::Blob blob = {}) {
  wire::ByteSink* sink = nullptr;
  if (!base::with_memory([&] { sink = &channel.begin(call, action, options); })) {
    return call.failed(base::out_of_memory(base::Ran::no));
  }
  if (!base::with_memory([&] { sink->put(message); })) return channel.refuse(call, base::out_of_memory(base::Ran::no));
  channel.commit(call, std::move(blob));
}

}  // namespace razor::stream
