#pragma once
// Exchange: one call as the channel sees it that carries it: a request that went out, or will, and the response that it waits
// for. The links of every list that it can be in are inside it, so a call costs no allocation: it is part of an awaiter in the
// caller's coroutine, or of a ClientTask.
//
//   idle --room-----> in_flight --response, deadline, connection lost, cancelled--> idle
//   idle --no room--> queued --room, deadline, connection lost, cancelled--> idle
//   idle --there will be no response--> failing --delivered--> idle
//   idle --a pool or another thread takes it--> delegated <--> delegated_sent --> idle

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "razor/base/blob.h"
#include "razor/base/bytes.h"
#include "razor/base/error.h"
#include "razor/base/intrusive_list.h"
#include "razor/base/user_code.h"
#include "razor/stream/call_observation.h"
#include "razor/stream/deadline_check.h"
#include "razor/stream/failover.h"
#include "razor/wire/call_word.h"
#include "razor/wire/frame.h"

namespace razor::runtime {
class Executor;
}

namespace razor::stream {

class Caller;
class Channel;
struct CallQueueTag {};

/// What the handler's error in `response`, which is one, asks of a pool. Anything but `stop`: the pool may keep the response to
/// itself and call another address. Throws nothing. Called on the thread of the pool, which may be another than the caller's.
using FailoverRule = Failover (*)(const wire::ResponseFrame& response);

class Exchange : public TimedCall, public base::ListLink<CallQueueTag> {
 public:
  enum class State : std::uint8_t {
    idle,  ///< not submitted, or over
    queued,  ///< waits for room in the window
    in_flight,  ///< was given to the transport, as far as that had room
    failing,  ///< its failure is delivered in another turn
    delegated,  ///< a pool, or another thread, makes calls of its own for it, and none was sent
    delegated_sent,  ///< … and one was sent
  };
  /// Why the state changed last.
  enum class Reason : std::uint8_t {
    none,
    room,  ///< the window admits it
    no_room,  ///< it has to wait for the window
    response,  ///< its response is there
    refused,  ///< it may not be sent: limits, encoding, memory, a channel that is closed
    deadline,  ///< its time is over
    lost,  ///< the connection ended
    cut_off,  ///< the connection ended when the transport had taken a part of its frame only: nobody can have run it
    delegated,  ///< by `Channel::attach` or `mark_sent`
    delivered,  ///< its failure was handed to the caller
    cancelled,  ///< its caller stopped waiting
  };

  /// The response has come. Its views live until the call returns. Exactly one of `on_response` and `on_failed` is called,
  /// once, on the channel's thread and never inside `RequestDraft::commit`; `this` may be gone after.
  virtual void on_response(const wire::ResponseFrame& response) = 0;
  /// There will be no response.
  virtual void on_failed(base::CallError error) = 0;
  /// "CalculatorService.add", or "action 3": for error messages.
  virtual std::string describe() const = 0;
  /// Reads from errors of the handler what they ask of a pool; null: nothing.
  virtual FailoverRule failover_rule() const { return nullptr; }

 protected:
  Exchange() = default;
  /// Takes the other call's place in its channel.
  Exchange(Exchange&& other) noexcept;
  /// Stops waiting: the channel frees the call's place in the window when the response or the deadline comes.
  virtual ~Exchange();

  bool under_way() const { return state_ != State::idle; }
  bool was_sent() const { return state_ == State::in_flight || state_ == State::delegated_sent; }
  /// Why it failed; meaningful in `on_failed`.
  bool was_cut_off() const { return failed_for_ == Reason::cut_off; }
  /// As the destructor does.
  void cancel();
  /// Stops waiting, and fails: cancelled. Not when the call is over.
  void end_cancelled();
  /// Goes on waiting, though nobody wants the response: the peer hears that, if it understands.
  void tell_unwanted();
  /// Runs what the caller does with the end of the call: an exception that escapes it is logged with the call's name.
  template <class Code>
  void run_completion(Code&& code) const noexcept {
    base::run_user_code(log(), [this] { return "the completion of " + describe(); }, std::forward<Code>(code));
  }
  /// The one that carries the call, or did last; null before.
  Channel* channel() const { return channel_; }

 private:
  friend class Channel;
  friend class ClientConnection;
  friend class ClientCallObserver;
  friend class RequestWriter;
  friend class SendQueue;
  friend class SentCalls;

  class CallerWatch;
  struct EndWatch {
    void operator()(CallerWatch* watch) const;
  };

  // The call is made on behalf of `caller`: it ends when nobody waits for that any more.
  void follow(const Caller& caller, runtime::Executor& executor);

  // A frame that waits for the window. Its head is stored when it is sent.
  struct QueuedFrame {
    base::Bytes frame;
    base::Blob blob;
    std::uint32_t action;  // as in the head
  };

  static constexpr bool is_allowed(State from, State to) {
    switch (from) {
      case State::idle: return to != State::idle && to != State::delegated_sent;
      case State::queued:
      case State::in_flight:
      case State::failing: return to == State::idle;
      case State::delegated:
      case State::delegated_sent: return to == State::idle || to == State::delegated || to == State::delegated_sent;
    }
    return false;
  }
  void transition(State to, Reason why) {
    if (!is_allowed(state_, to)) [[unlikely]]
      refuse_transition(to, why);
    state_ = to;
    if (to == State::failing) failed_for_ = why;
  }
  [[noreturn]] void refuse_transition(State to, Reason why) const;

  // Null for a call that no channel has carried.
  base::LogSink* log() const;

  Channel* channel_ = nullptr;
  State state_ = State::idle;
  Reason failed_for_ = Reason::none;
  bool was_told_unwanted_ = false;
  wire::Seq seq_ = 0;
  base::ByteCount sent_from_ = 0;  // where its frame begins in all that the connection sends
  base::ByteCount sent_until_ = 0;  // and where it ends
  std::unique_ptr<QueuedFrame> queued_frame_;
  std::unique_ptr<base::CallError> failure_;  // until it is delivered
  std::unique_ptr<CallerWatch, EndWatch> caller_watch_;  // only of one that is made on behalf of another
  std::unique_ptr<CallObservation> observation_;  // only where a hook or a trace looks at calls
  wire::CallWord word_;  // what the peer is told of it
  const wire::WireFormat* format_ = nullptr;  // of its message and its response; null: msgpack
  void* delegate_state_ = nullptr;  // of the channel that it is delegated to
};

std::string_view name_of(Exchange::State state);
std::string_view name_of(Exchange::Reason reason);

}  // namespace razor::stream
