#pragma once
// SentCalls: what a client has sent on one connection and is owed: which seq is whose, how many calls the window admits, and
// which pings were the last. Pure.

#include <algorithm>
#include <array>

#include "razor/stream/exchange.h"
#include "razor/stream/internal/in_flight.h"
#include "razor/stream/internal/window.h"

namespace razor::stream {

class SentCalls {
 public:
  /// `first_seq` is 1, except in tests of its end.
  explicit SentCalls(std::uint32_t window, wire::Seq first_seq = 1)
      : window_(window), in_flight_(window), next_seq_(first_seq) {}

  /// False once seqs would wrap: then the connection takes no more calls.
  bool has_seqs() const { return next_seq_ < kSeqEnd; }
  bool has_room() const { return window_.has_room(); }

  /// Before `send` and `send_ping`, which take no memory then.
  /// Errors: throws std::bad_alloc.
  void make_room() { in_flight_.skip(next_seq_); }
  /// The call goes out now, with the seq that is returned. Only while there are seqs and room.
  wire::Seq send(Exchange& exchange) {
    window_.acquire();
    const wire::Seq seq = next_seq_++;
    exchange.seq_ = seq;
    exchange.transition(Exchange::State::in_flight, Exchange::Reason::room);
    in_flight_.insert(seq, exchange);
    return seq;
  }
  /// That the next request gets.
  wire::Seq next_seq() const { return next_seq_; }
  /// False at the end of all seqs.
  bool may_ping() const { return next_seq_ <= kSeqEnd; }
  /// A ping goes out now. Only while it may.
  wire::Seq send_ping() {
    const wire::Seq seq = next_seq_++;
    pings_[pings_sent_++ % pings_.size()] = seq;
    in_flight_.skip(seq);
    return seq;
  }

  enum class Found {
    expected,  ///< `exchange` gets it
    pong,  ///< of one of the last pings
    prompt_pong,  ///< likewise, and it has overtaken the response of a call that was sent before its ping
    late,  ///< of a call that has ended, or a second one: skipped and counted
    never_sent,  ///< the peer breaks the protocol
  };
  /// A response with this seq has come. The call, if any, is idle now.
  Found on_response(wire::Seq seq, Exchange*& exchange) {
    exchange = in_flight_.take(seq);
    if (exchange != nullptr) [[likely]] {
      window_.release();
      exchange->transition(Exchange::State::idle, Exchange::Reason::response);
      return Found::expected;
    }
    if (seq == 0 || seq >= next_seq_) return Found::never_sent;
    if (std::ranges::find(pings_, seq) == pings_.end()) return Found::late;
    return in_flight_.has_before(seq) ? Found::prompt_pong : Found::pong;
  }

  /// The call ends without a response: its place in the window is free, and it is idle.
  void remove(Exchange& exchange, Exchange::Reason why) {
    in_flight_.take(exchange.seq_);
    window_.release();
    exchange.transition(Exchange::State::idle, why);
  }
  /// `exchange` has taken over from another object.
  void relocated(Exchange& exchange) { in_flight_.replace(exchange.seq_, exchange); }

  /// The peer owes responses.
  bool any() const { return !in_flight_.empty(); }
  std::size_t in_flight() const { return in_flight_.size(); }
  /// Calls `visit(Exchange&)` on each call in flight, in the order of their seqs; `visit` may remove the one it is given.
  template <class Visit>
  void for_each(Visit&& visit) {
    in_flight_.for_each(visit);
  }
  std::uint32_t window_used() const { return window_.used(); }

 private:
  static constexpr wire::Seq kSeqEnd = ~wire::Seq{0} - 1;  // one is left for a last ping

  Window window_;
  InFlight in_flight_;
  wire::Seq next_seq_;
  std::array<wire::Seq, 8> pings_{};  // the last ones; more may be unanswered, and their pongs count as late
  std::size_t pings_sent_ = 0;
};

}  // namespace razor::stream
