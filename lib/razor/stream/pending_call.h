#pragma once
// PendingCall: a call under way, seen by the channel that carries it. The links of every list it can be in are inside
// it, so a call costs no allocation: it is part of an awaiter in the caller's coroutine, or of a ClientTask.

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "razor/base/bytes.h"
#include "razor/base/error.h"
#include "razor/base/intrusive_list.h"
#include "razor/base/user_code.h"
#include "razor/runtime/trace.h"
#include "razor/stream/deadline_wheel.h"
#include "razor/stream/failover.h"
#include "razor/wire/frame.h"

namespace razor::stream {

class Channel;

struct CallQueueTag {};

/// What the handler's error in `answer`, which is one, asks of a pool. Anything but `stop`: the pool may keep the answer to
/// itself and call another address. Throws nothing. Called on the thread of the pool, which may be another than the caller's.
using FailoverRule = Failover (*)(const wire::ResponseFrame& answer);

class PendingCall : public DeadlineEntry, public base::ListLink<CallQueueTag> {
 public:
  /// The answer has come. Its views live until the call returns. Exactly one of `answered` and `failed` is called, once,
  /// on the channel's thread and never inside `Channel::commit`; `this` may be gone after.
  virtual void answered(const wire::ResponseFrame& answer) = 0;
  /// There will be no answer.
  virtual void failed(base::CallError error) = 0;
  /// "CalculatorService.add", or "action 3": for error messages.
  virtual std::string describe() const = 0;
  /// Reads from errors of the handler what they ask of a pool; null: nothing.
  virtual FailoverRule failover_rule() const { return nullptr; }

 protected:
  PendingCall() = default;
  /// Takes the other call's place in its channel.
  PendingCall(PendingCall&& other) noexcept;
  /// Stops waiting: the channel frees the call's place in the window when the answer or the deadline comes.
  virtual ~PendingCall();

  bool under_way() const { return where_ != Where::nowhere; }
  bool was_sent() const { return where_ == Where::in_flight || where_ == Where::carried_and_sent; }
  /// It failed because its connection ended when the transport had taken a part of its frame only: nobody can have run it.
  bool was_cut_off() const { return cut_off_; }
  /// As the destructor does.
  void abandon();
  /// Runs what the caller does with the end of the call: an exception that escapes it is logged with the call's name.
  template <class Code>
  void run_completion(Code&& code) const noexcept {
    base::run_user_code(log(), [this] { return "the completion of " + describe(); }, std::forward<Code>(code));
  }
  /// The one that carries the call, or did last; null before.
  Channel* channel() const { return channel_; }

 private:
  friend class ClientStreamCore;
  friend class ClientSession;
  friend class Channel;

  // Null for a call that no channel has carried.
  base::LogSink* log() const;

  // The first four: on a connection. A pool carries the call, and sends it over connections in a call of its own.
  enum class Where : std::uint8_t { nowhere, queued, in_flight, refused, carried, carried_and_sent };

  // What a call that is not on its way yet is kept as.
  struct Held {
    base::Bytes frame;
    base::Blob blob;
    base::CallError error{base::Errc::cancelled, base::Ran::no};  // of a refused call
  };

  Channel* channel_ = nullptr;
  Where where_ = Where::nowhere;
  bool cut_off_ = false;
  wire::Seq seq_ = 0;
  base::ByteCount sent_from_ = 0;   // where its frame begins in all that the connection sends
  base::ByteCount sent_until_ = 0;  // and where it ends
  base::Duration timeout_{};       // counts from the submission, whose time is read once a batch
  base::TimePoint deadline_{};
  runtime::SpanId span_ = runtime::kNoSpan;  // kept only where somebody traces
  std::unique_ptr<Held> held_;
  const wire::WireFormat* format_ = nullptr;  // of its message and its answer; null: msgpack
  void* record_ = nullptr;  // where a pool carries it: what the pool knows of it
};

}  // namespace razor::stream
