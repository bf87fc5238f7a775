#pragma once
// ServerConnection: a server's end of one connection, without its I/O: which requests are dispatched, which wait or are
// refused, what is to be written, when the peer is overdue, and how the connection ends. It is told what happens and what time
// it is; the loops of server_stream.cc obey it. client_connection.h is its mirror. Private to stream.
//
//   prepare, on_bytes, process   what was read: requests are dispatched on the spot, until one has to wait
//   begin, commit, refuse        the response of a request that was dispatched
//   gather, on_written           what is to be written
//   next_timer, check            when the peer is overdue
//   drain, next_step, close      how it ends

#include <string>

#include "razor/runtime/byte_stream.h"
#include "razor/stream/call_hook.h"
#include "razor/stream/failure.h"
#include "razor/stream/internal/admission.h"
#include "razor/stream/internal/drain.h"
#include "razor/stream/internal/held_pongs.h"
#include "razor/stream/internal/response_writer.h"
#include "razor/stream/internal/server_call_observer.h"
#include "razor/stream/internal/server_common.h"
#include "razor/stream/internal/server_in_flight.h"
#include "razor/stream/internal/server_timeouts.h"
#include "razor/wire/frame_reader.h"
#include "razor/wire/hello.h"

namespace razor::stream {

/// Runs the handlers of the requests that a ServerConnection dispatches.
class RequestHandler {
 public:
  /// A request that counts as running until it is answered: `commit`, `refuse` or `commit_number` follows, once, now or later.
  /// The frame lives during the call. `format` is what its message is written in; null: msgpack. `deadline`: max where none is known.
  virtual void handle(const wire::RequestFrame& frame, const wire::WireFormat* format, base::TimePoint deadline) = 0;
  /// A request for `method` does not decode.
  virtual void note_undecodable(std::string_view method, std::string_view why) = 0;

 protected:
  ~RequestHandler() = default;
};

class ServerConnection {
 public:
  /// All outlive it; `observer` may be null.
  ServerConnection(ServerCommon& server, const runtime::Address& peer, RequestHandler& handler, base::TimePoint accepted,
                   ServerCallObserver* observer = nullptr);

  Drain::State state() const { return drain_.state(); }
  bool is_closed() const { return state() == Drain::State::closed; }

  // --- Reading
  /// Errors: throws std::bad_alloc.
  base::MutableBytes prepare() { return reader_.prepare(); }
  /// `count` bytes were put there, read at `arrived`; they may have come up to `late_by` earlier. Followed by `process`, if it reads
  /// requests.
  void on_bytes(std::size_t count, base::TimePoint arrived, base::Duration late_by = {});
  bool reads_requests() const { return drain_.reads_requests(); }
  enum class Progress : std::uint8_t {
    done,  ///< everything that has arrived is looked at: `end_read`
    paused,  ///< nothing more may be read: `on_pause`, then, once it `may_resume`, `on_resume` and `process`
  };
  /// Dispatches the requests that have arrived, in their order.
  Progress process(base::TimePoint now);
  void end_read(base::TimePoint now);
  void on_pause(base::TimePoint now);
  bool may_resume() const { return may_resume_ && stats_.paused; }
  /// `is_broken` as ByteStream::is_broken: the requests that waited are of nobody then, and the connection is closed.
  void on_resume(base::TimePoint now, bool is_broken);
  /// The peer sends no more.
  void on_peer_closed(base::TimePoint now);

  // --- Responses, one draft at a time: `begin`, the message into the sink, then one of the others
  /// Of one that does not count, since its request is answered already, nothing is kept.
  wire::ByteSink& begin(bool counts);
  void commit(wire::Seq seq, wire::ResponseFlag flag, base::Blob&& blob);
  void refuse(wire::Seq seq, const Failure& failure);
  /// Without a draft.
  void commit_number(wire::Seq seq, std::uint32_t number);
  /// Of a draft that does not count.
  void abandon();

  // --- What handlers may know of a request that runs
  /// Until when its caller waits; max: nobody knows.
  base::TimePoint deadline(wire::Seq seq) const;
  /// When its handler should stop, since its caller has given up; max: nobody knows.
  base::TimePoint stop_at(wire::Seq seq) const;
  bool is_cancelled(wire::Seq seq) const;
  /// `listener`, which is in no list, is told when its caller says that it waits no more, or the connection is closed.
  void listen(wire::Seq seq, CancelListener& listener);
  /// Null: it came without.
  const wire::OwnedExtension* extension(wire::Seq seq) const;
  /// It began with a hello.
  bool is_extended() const { return is_extended_; }
  bool is_leaving() const { return state() != Drain::State::serving; }

  // --- Writing
  bool has_output() const { return !writer_.empty(); }
  std::size_t gather(std::span<base::ByteView> views) { return writer_.gather(views); }
  void on_write_begins(base::TimePoint now) { timeouts_.on_write_begins(now); }
  /// The transport took `count` bytes.
  void on_written(std::size_t count, base::TimePoint now);

  // --- Time
  /// When to check; max: not before something happens.
  base::TimePoint next_timer() const;
  /// `on_acknowledged` is due.
  bool wants_sample(base::TimePoint now) const;
  /// The transport took a part of what it was given, and it is time for a sample.
  bool wants_sample_after_write(base::TimePoint now) const { return has_output() && timeouts_.sample_is_due(now); }
  /// What ByteStream::unacknowledged says.
  void on_acknowledged(base::TimePoint now, const std::optional<runtime::Unacknowledged>& unacknowledged);
  enum class Overdue : std::uint8_t { no, check_again_now, closed };
  /// Closes the connection when its peer is overdue the second time: this process may have stood still, and what the peer did
  /// meanwhile has to be read before.
  Overdue check(base::TimePoint now);
  void set_crowded(bool crowded) { timeouts_.set_crowded(crowded); }

  // --- Ending
  /// Asks the peer, if it understands that, to send no new requests, and drains once it has said that it does, or `notice` has
  /// passed. False: it does not understand, and `drain` is to be called.
  bool leave(base::TimePoint now, base::Duration notice, wire::ServerControl::Reason reason);
  /// The peer has said so, or its time is over: `drain` is to be called.
  bool has_left(base::TimePoint now) {
    if (peer_sends_no_more_) return state() == Drain::State::leaving;
    return drain_.has_left(now, frames_, reader_.partial_bytes() > 0);
  }
  /// Dispatches nothing more. `input_pending` as ByteStream::input_pending.
  void drain(bool input_pending);
  /// What is to be done now to end it. Call after anything that may have been owed last. `input_pending` matters while it drains.
  Drain::Step next_step(bool input_pending);
  /// The writing side was shut, as `next_step` said.
  void on_write_shut(base::TimePoint now);
  void close(std::string_view why);

  ConnectionStats stats() const;

 private:
  Admission::Load load() const;
  Admission::Backlog backlog() const;
  ServerTimeouts::Reading reading() const;

  void on_request(const wire::RequestFrame& frame, Admission::Verdict verdict);
  void dispatch(const wire::RequestFrame& frame, const wire::WireFormat* format);
  [[gnu::cold]] bool observe(const wire::RequestFrame& frame, const wire::WireFormat* format);
  void answer_refused(wire::Seq seq, const Refusal& refusal, const wire::WireFormat* format);
  void on_ping(wire::Seq seq, bool is_prompt);
  [[gnu::cold]] void on_control(const wire::RequestFrame& frame, wire::ControlKind kind);
  [[gnu::cold]] void on_hello(const wire::RequestFrame& frame);
  [[gnu::cold]] void on_cancel(wire::Seq seq);
  [[gnu::cold]] void on_broken_order(wire::Seq seq, std::string_view what);
  [[gnu::cold]] void answer_expired(wire::Seq seq);
  bool note_call(const wire::RequestFrame& frame);
  [[gnu::cold]] bool takes_extension(const wire::RequestFrame& frame);
  bool begin_call(wire::Seq seq);
  std::optional<base::Errc> errc_of_unwanted(wire::Seq seq) const;
  ResponseWriter::FailureForm failure_form() const;
  void release_pongs(wire::Seq answered);
  [[gnu::cold]] void answer_unknown_format(const wire::RequestFrame& frame);
  void on_broken_head();

  std::optional<base::Errc> commit_draft(wire::Seq seq, wire::ResponseFlag flag, base::Blob&& blob);
  void answer_number(wire::Seq seq, std::uint32_t number);
  void answer_failed(wire::Seq seq, const Failure& failure);
  void answer_ping(wire::Seq seq);
  void on_put(bool has_memory);
  void count_response();
  void handled(wire::Seq seq);
  [[gnu::cold]] void observe_response(wire::Seq seq, wire::ResponseFlag flag, base::ByteCount bytes,
                                      std::optional<base::Errc> instead);
  void end_observation(wire::Seq seq, std::string_view text, const CallOutcome& outcome);

  ServerCommon& server_;
  const runtime::Address& peer_;
  RequestHandler& handler_;
  ServerCallObserver* observer_;

  wire::RequestReader reader_;
  ResponseWriter writer_;
  HeldPongs held_pongs_;
  ServerInFlight running_;
  Admission admission_;
  ServerTimeouts timeouts_;
  Drain drain_;

  bool request_waits_ = false;  // the frame that the reader found last
  bool may_resume_ = false;
  std::size_t read_bytes_ = 0;  // by the read that is being processed
  std::size_t read_frames_ = 0;
  base::TimePoint arrived_;  // of what is being processed
  base::Duration late_by_{};  // … and how much earlier that may have been
  std::uint64_t frames_ = 0;  // that have come; only the first may be a hello
  bool is_extended_ = false;  // the connection began with a hello
  bool peer_sends_no_more_ = false;  // it said so
  wire::Seq last_seq_ = 0;  // of a connection that began with a hello
  base::TimePoint deadline_ = base::TimePoint::max();  // of the request that is being looked at
  base::TimePoint stop_at_ = base::TimePoint::max();
  std::unique_ptr<const wire::OwnedExtension> extension_;
  base::TimePoint seen_ = base::TimePoint::min();  // the time, when it was last told
  wire::Hello hello_;  // the peer's; of one that sent none, it has no feature
  bool takes_details_ = false;  // the peer is one of ours: it has sent what others do not

  bool overdue_once_ = false;  // when checked last
  ConnectionStats stats_;
};

}  // namespace razor::stream
