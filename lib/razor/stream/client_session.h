#pragma once
// ClientSession: what a client knows of the calls on one connection: their seqs, the window, who waits for which
// answer, and until when. Pure; the loops of client_stream.cc do what it says.

#include <algorithm>
#include <array>

#include "razor/stream/client_stream_config.h"
#include "razor/stream/deadline_wheel.h"
#include "razor/stream/in_flight.h"
#include "razor/stream/keepalive.h"
#include "razor/stream/pending_call.h"
#include "razor/stream/window.h"

namespace razor::stream {

class ClientSession {
 public:
  /// `first_seq` is 1, except in tests of its end.
  explicit ClientSession(const ClientStreamConfig& config, wire::Seq first_seq = 1)
      : window_(config.window),
        in_flight_(config.window),
        deadlines_(config.tick),
        keepalive_(config.ping_interval, config.ping_timeout),
        next_seq_(first_seq) {}

  /// False once seqs would wrap: then the connection takes no more calls.
  bool has_seqs() const { return next_seq_ < kSeqEnd; }
  bool has_room() const { return window_.has_room(); }

  /// The call goes out now, with this seq. Only while there are seqs and room.
  wire::Seq send(PendingCall& call) {
    window_.acquire();
    const wire::Seq seq = take_seq();
    call.seq_ = seq;
    call.where_ = PendingCall::Where::in_flight;
    in_flight_.insert(seq, call);
    return seq;
  }
  /// False at the end of all seqs.
  bool may_ping() const { return next_seq_ <= kSeqEnd; }
  /// A ping goes out now. Only while it may.
  wire::Seq send_ping() {
    const wire::Seq seq = take_seq();
    pings_[pings_sent_++ % pings_.size()] = seq;
    in_flight_.skip(seq);
    return seq;
  }

  enum class Answer {
    expected,    ///< `call` gets it
    pong,        ///< of one of the last pings
    late,        ///< of a call that has ended, or a second one: skipped and counted
    never_sent,  ///< the peer breaks the protocol
  };
  /// An answer with this seq has come. The call, if any, is no longer in flight.
  Answer on_answer(wire::Seq seq, PendingCall*& call) {
    call = in_flight_.take(seq);
    if (call != nullptr) [[likely]] {
      ended(*call);
      if (in_flight_.empty()) keepalive_.on_nothing_owed();
      return Answer::expected;
    }
    if (seq == 0 || seq >= next_seq_) return Answer::never_sent;
    if (std::ranges::find(pings_, seq) == pings_.end()) return Answer::late;
    // Ahead of a call that was sent before it: a later silence is not that of one who answers in order.
    if (!keepalive_.is_known() && in_flight_.has_before(seq)) keepalive_.on_known();
    return Answer::pong;
  }

  /// The call ends without an answer: its place in the window is free. The peer owes a sign of life all the same.
  void end(PendingCall& call) {
    in_flight_.take(call.seq_);
    ended(call);
  }
  /// Bytes have come.
  void on_bytes(base::TimePoint now) {
    keepalive_.on_bytes(now);
    if (in_flight_.empty()) keepalive_.on_nothing_owed();
  }
  /// `call` has taken over from another object.
  void relocated(PendingCall& call) { in_flight_.replace(call.seq_, call); }

  bool owes() const { return !in_flight_.empty(); }
  std::size_t in_flight() const { return in_flight_.size(); }
  /// Calls `visit(PendingCall&)` on each call in flight, in the order of their seqs; `visit` may end the one it is given.
  template <class Visit>
  void for_each_in_flight(Visit&& visit) {
    in_flight_.for_each(visit);
  }

  DeadlineWheel& deadlines() { return deadlines_; }
  Keepalive& keepalive() { return keepalive_; }
  const Keepalive& keepalive() const { return keepalive_; }
  const Window& window() const { return window_; }

 private:
  static constexpr wire::Seq kSeqEnd = ~wire::Seq{0} - 1;  // one is left for a last ping

  wire::Seq take_seq() { return next_seq_++; }

  void ended(PendingCall& call) {
    call.where_ = PendingCall::Where::nowhere;
    DeadlineWheel::remove(call);
    window_.release();
  }

  Window window_;
  InFlight in_flight_;
  DeadlineWheel deadlines_;
  Keepalive keepalive_;
  wire::Seq next_seq_;
  std::array<wire::Seq, 8> pings_{};  // the last ones; more may be unanswered, and their pongs count as late
  std::size_t pings_sent_ = 0;
};

}  // namespace razor::stream
