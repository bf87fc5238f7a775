#pragma once
// ClientConnection: a client's end of one connection, without its I/O: which calls go out, which wait, which response is whose,
// when calls and the connection itself end. It is told what happens and what time it is, and holds what is to be written; the
// loops of client_stream.cc obey it. server_connection.h is its mirror. Private to stream.
//
//   begin, commit, refuse        a caller's request: a draft, then a frame in `output`, or a place in the send queue
//   prepare, on_bytes            what was read: responses end their calls on the spot
//   output, on_written           what is to be written
//   end_batch, next_timer        after a batch of submissions; when `check_deadlines` and `check_peer` are due
//   drain, terminate             how it ends; failures wait in it until `deliver_failures`

#include <string>
#include <vector>

#include "razor/base/log.h"
#include "razor/stream/call_options.h"
#include "razor/stream/client_stats.h"
#include "razor/stream/client_stream_config.h"
#include "razor/stream/client_stream_watcher.h"
#include "razor/stream/deferred_failures.h"
#include "razor/stream/internal/client_call_observer.h"
#include "razor/stream/internal/client_hello.h"
#include "razor/stream/internal/keepalive.h"
#include "razor/stream/internal/request_writer.h"
#include "razor/stream/internal/send_queue.h"
#include "razor/stream/internal/sent_calls.h"
#include "razor/wire/frame_reader.h"

namespace razor::stream {

class ClientConnection {
 public:
  enum class State : std::uint8_t {
    open,
    draining,  ///< takes no new calls; what is owed may still come
    ended,
  };

  /// `peer` and `log` outlive it, and so does `observer`, which may be null.
  ClientConnection(const ClientStreamConfig& config, std::uint64_t client_id, const runtime::Address& peer,
                   base::LogSink& log, ClientCallObserver* observer = nullptr);
  /// Only once it has ended, or while it has no calls.
  ~ClientConnection() = default;

  /// Before anything else: a hello goes out, unless the connection is to be plain.
  void start();

  State state() const { return state_; }
  bool has_ended() const { return state_ == State::ended; }
  /// Why it is not open any more, for a person; empty while it is.
  const std::string& end_reason() const { return end_reason_; }

  // --- Submitting. The draft of one call at a time: `begin`, the message into the sink, then `commit` or `refuse`.
  wire::ByteSink& begin(Exchange& exchange, const wire::Action& action, const CallOptions& options);
  wire::ByteSink& begin_ping(Exchange& exchange, const CallOptions& options);
  /// `now` is needed only of a call that has a deadline of its own (TimedCall::has_own_deadline).
  void commit(Exchange& exchange, base::Blob&& blob, base::TimePoint now);
  void refuse(Exchange& exchange, base::CallError why);
  /// The call's owner waits no more.
  void cancel(Exchange& exchange);
  /// The call, which is in flight, stays; the peer hears that nobody wants its response.
  void tell_unwanted(Exchange& exchange);
  void relocated(Exchange& to) {
    if (to.state_ == Exchange::State::in_flight) sent_.relocated(to);
  }

  /// Calls were submitted since `end_batch`.
  bool batch_is_open() const { return batch_is_open_; }
  /// Once after each batch of submissions: one look at the clock for all their deadlines, one write for all their frames.
  void end_batch(base::TimePoint now);

  // --- Reading
  /// Errors: throws std::bad_alloc.
  base::MutableBytes prepare() { return reader_.prepare(); }
  /// `count` bytes were put there. Responses end their calls below this, whose completions may do anything but destroy this.
  void on_bytes(std::size_t count, base::TimePoint now);

  // --- Writing
  bool has_output() const { return !writer_.empty(); }
  /// What is to be written next; the views live until `on_written`.
  std::size_t gather(std::span<base::ByteView> views) const { return writer_.gather(views); }
  void on_written(std::size_t count, base::TimePoint now);
  /// Nothing goes out any more: what was not sent fails, what was may still be answered.
  void on_write_failed(const std::string& why);
  bool can_write() const { return can_write_; }
  base::ByteCount consumed() const { return writer_.consumed(); }

  // --- Time
  /// When `check_deadlines` and `check_peer` are due; max: not before something happens.
  base::TimePoint next_timer(base::TimePoint now);
  /// `input_pending` as ByteStream::input_pending. While `awaits_input`, to be called after each read.
  void check_deadlines(base::TimePoint now, bool input_pending);
  bool awaits_input() const { return deadlines_.awaits_input(); }
  /// Is the peer due for a look?
  bool peer_is_due(base::TimePoint now) const { return now >= keepalive_.next_check(); }
  void check_peer(base::TimePoint now, const SentBytes& sent, bool input_pending);

  // --- Ends
  /// Takes no more calls.
  void drain(std::string why);
  /// It drains, and nothing is owed any more.
  bool is_drained() const { return state_ == State::draining && !sent_.any() && queue_.empty() && held_.empty(); }
  /// All calls fail with `errc`, those that were not sent whole with ran: no.
  void terminate(base::Errc errc, std::string why);
  bool has_failures() const { return !failures_.empty(); }
  /// Tells the callers of calls that have failed. May be called below itself.
  void deliver_failures();

  // --- Looking
  void watch(ClientStreamWatcher* watcher) { watcher_ = watcher; }
  /// A call would go out at once. Where it would not, the watcher is told when it would.
  bool has_room();
  /// Call after anything that may free window or buffer space.
  void note_room();
  bool has_seqs() const { return sent_.has_seqs(); }
  ClientHello::State hello() const { return hello_.state(); }
  /// The peer asked for no more calls.
  bool was_asked_to_leave() const { return was_asked_to_leave_; }
  /// It ended, and the hello is all that it has to show: the peer may be one that closes on what it does not know.
  bool was_closed_on_hello() const { return has_ended() && hello_.is_asked() && stats_.bytes_received == 0; }
  bool is_silent() const { return !has_ended() && keepalive_.is_silent(); }
  base::TimePoint heard_at() const { return keepalive_.silent_since(); }
  ClientStats stats() const;

 private:
  void transition(State to, std::string why);
  bool can_send() const {
    return sent_.has_room() && sent_.has_seqs() && writer_.queued() < config_.write_buffer_max && !hello_.holds_calls();
  }
  bool goes_out_at_once() const { return state_ == State::open && queue_.empty() && can_send(); }

  base::CallError refusal_of(const Exchange& exchange, const wire::FrameSizes& sizes);
  std::optional<base::CallError> refusal_of_waiting(const Exchange& exchange, base::ByteCount bytes) const;
  void enqueue(Exchange& exchange, const wire::FrameSizes& sizes, base::Blob&& blob);
  void start_queued(base::TimePoint now);
  bool is_observed() const { return observer_ != nullptr && observer_->looks(); }

  bool on_response(const wire::ResponseFrame& frame, base::TimePoint now);
  [[gnu::cold]] bool on_first_response(const wire::ResponseFrame& frame);
  [[gnu::cold]] void on_control(const wire::ResponseFrame& frame);
  void leave(std::string why);
  void send_cancel(wire::Seq seq);
  void note_options(Exchange& exchange, const CallOptions& options);
  [[gnu::cold]] wire::ByteSink& begin_extended(Exchange& exchange, const wire::Action& action, const CallOptions& options);
  // It has metadata, and it is not known yet whether the peer takes them.
  bool waits_for_hello(const Exchange& exchange) const { return hello_.is_asked() && exchange.word_.extension_bytes != 0; }
  void fail_queued_with_metadata();
  base::CallError refusal_for_extension(const Exchange& exchange, base::Errc errc, std::string_view why) const;
  base::CallError refusal_of_metadata(const Exchange& exchange) const;
  // Its frame is written now.
  void note_time_left(Exchange& exchange, base::TimePoint now) const {
    if (hello_.writes_words()) exchange.word_.left = wire::time_left_field(exchange.time_left(now));
  }
  void deliver(Exchange& exchange, const wire::ResponseFrame& frame, base::TimePoint now);
  [[gnu::cold]] bool hold_until_deadline(Exchange& exchange, const wire::ResponseFrame& frame, base::TimePoint now);
  void end_held(base::Errc errc, const std::string& why);
  void on_faulty_head(const wire::ResponseHead& head);
  void note_bytes(base::TimePoint now);
  void end_nothing_owed() {
    if (!sent_.any()) keepalive_.on_nothing_owed();
  }
  void get_acquainted(base::TimePoint now);
  bool append_ping();

  void expire(Exchange& exchange);
  void fail(Exchange& exchange, Exchange::Reason why, base::CallError error);
  void fail_queued(Exchange::Reason why, base::Errc errc, const std::string& detail, bool names_call);

  const ClientStreamConfig config_;
  const runtime::Address& peer_;
  base::LogSink& log_;
  ClientCallObserver* observer_;
  ClientStreamWatcher* watcher_ = nullptr;

  State state_ = State::open;
  std::string end_reason_;
  bool can_write_ = true;  // false once a write has failed

  RequestWriter writer_;
  wire::ResponseReader reader_;
  ClientHello hello_;
  std::optional<base::CallError> draft_refusal_;  // of the draft that is refused for its metadata
  std::vector<wire::Seq> cancels_held_;  // while it is not known whether the peer understands them

  SentCalls sent_;
  SendQueue queue_;
  DeadlineCheck deadlines_;
  Keepalive keepalive_;
  DeferredFailures<Exchange, CallQueueTag> failures_;
  base::IntrusiveList<Exchange, CallQueueTag>
      held_;  // failed for lack of time, says the peer, and their deadline is still to come

  bool was_asked_to_leave_ = false;
  bool batch_is_open_ = false;
  bool batch_has_call_ = false;  // one that was sent, and no ping
  bool room_missed_ = false;  // somebody was told that there is none
  base::TimePoint acquaint_at_ = base::TimePoint::min();
  ClientStats stats_;
};

}  // namespace razor::stream
