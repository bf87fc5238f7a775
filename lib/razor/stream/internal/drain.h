#pragma once
// Drain: how a server ends a connection, one step after the other, so that nothing that is owed is lost. Pure.
//
//   serving --drain--> draining --all answered--> lingering --peer closed, or its time is over--> closed
//      |    \--the peer is asked to send no more--> leaving --it does so, or its time is over--> draining
//      | \--peer broke the protocol--> refusing --likewise--> lingering
//      \--peer shut its side--> peer_closed --all answered--> closed
//
// A peer that understands it is asked first: what it sends until it has heard of that is served, so no call of it is refused.
//
// Closing at once would reset a peer that still sends, and destroy what is under way to it (RFC 9112, 9.6): so the writing side
// is shut first, and what the peer still sends is read and dropped until it has closed too.

#include <string_view>

#include "razor/base/check.h"
#include "razor/base/time.h"
#include "razor/stream/input_backlog.h"

namespace razor::stream {

class Drain {
 public:
  enum class State : std::uint8_t {
    serving,
    leaving,  ///< as serving; the peer was asked to send no new requests
    draining,  ///< requests are answered rpc_draining
    refusing,  ///< the peer broke the protocol; what it asked before is still answered
    peer_closed,  ///< the peer sends no more; it may still read responses
    lingering,  ///< our side is shut; what the peer still sends is dropped until it has closed too
    closed,
  };
  enum class Step : std::uint8_t {
    none,  ///< something is still owed
    close,  ///< everything is answered, and the peer has closed
    shut_write,  ///< everything is answered: shut the writing side, then `on_write_shut`
  };

  State state() const { return state_; }
  bool reads_requests() const { return state_ <= State::draining; }
  bool takes_requests() const { return state_ <= State::leaving; }

  /// The peer has until `until` to say that it sends no more.
  void begin_leaving(base::TimePoint until) {
    transition(State::leaving);
    leave_until_ = until;
  }
  /// The peer has had its time. A frame of which a part has come by then is waited for: a request that takes longer to send than
  /// the notice would else be sent again and again. `frames` that have come whole so far; `is_within_frame`: one has come in part.
  bool has_left(base::TimePoint now, std::uint64_t frames, bool is_within_frame) {
    if (state_ != State::leaving) return false;
    if (awaited_frame_ != 0) return frames >= awaited_frame_;
    if (now < leave_until_) return false;
    if (!is_within_frame) return true;
    awaited_frame_ = frames + 1;
    leave_until_ = base::TimePoint::max();
    return false;
  }
  /// max: it is not leaving, or waits for a frame.
  base::TimePoint leave_until() const { return state_ == State::leaving ? leave_until_ : base::TimePoint::max(); }

  /// The server closes. What has arrived already is answered, too: rpc_draining says that it did not run.
  void begin(base::ByteCount received, bool input_pending) {
    transition(State::draining);
    backlog_.begin(received, input_pending);
  }
  void on_broken_frame() { transition(State::refusing); }
  void on_peer_closed() { transition(State::peer_closed); }
  void on_write_shut() { transition(State::lingering); }
  void on_closed() { transition(State::closed); }

  struct Owed {
    bool is_anything = false;  ///< handlers run, or responses are not written
    bool is_paused = false;  ///< requests may wait in the reader
    base::ByteCount received = 0;
    bool input_pending = false;  ///< needed while draining
  };
  /// What is to be done now.
  Step next(const Owed& owed) {
    if (takes_requests() || state_ == State::lingering || state_ == State::closed) return Step::none;
    if (owed.is_anything) return Step::none;
    if (state_ == State::peer_closed) return Step::close;
    if (state_ == State::draining && (owed.is_paused || !backlog_.is_read(owed.received, owed.input_pending))) {
      return Step::none;
    }
    return Step::shut_write;
  }

  // --- While lingering
  /// The peer's machine has acknowledged everything: it has `timeout` from now on to close.
  void on_all_acknowledged(base::TimePoint now, base::Duration timeout) {
    if (linger_until_ == base::TimePoint::max()) linger_until_ = base::saturating_add(now, timeout);
  }
  /// max: not known yet.
  base::TimePoint linger_until() const { return linger_until_; }

 private:
  void transition(State to) {
    RAZOR_CHECK(to > state_, "a connection cannot go from state {} to {}", static_cast<int>(state_), static_cast<int>(to));
    state_ = to;
  }

  State state_ = State::serving;
  InputBacklog backlog_;
  base::TimePoint leave_until_ = base::TimePoint::max();
  std::uint64_t awaited_frame_ = 0;  // 0: none
  base::TimePoint linger_until_ = base::TimePoint::max();
};

}  // namespace razor::stream
