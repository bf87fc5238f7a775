#pragma once
// Keepalive: is the peer alive? Pure: it is told what happens and when, and says what to do.
//
// A peer that owes an answer and from which no byte arrives for `ping_interval` is sent a ping. From then on there are two
// kinds of evidence:
//
//  - The machine. Its system acknowledges what it receives, whether or not a program reads it. Bytes of ours that are under
//    way and of which nothing is acknowledged for `ping_timeout` after the ping, or for `ping_interval + ping_timeout` after
//    the last acknowledgement: the machine is dead, and the connection ends. An upload that goes on is a sign of life.
//  - The process. A ping that its system has acknowledged (or, where there are no acknowledgements, that the transport took)
//    and that is not answered for `ping_timeout`: the process is busy or stopped. It is silent, which ends nothing. Only a
//    peer that is known to answer pings ahead of earlier calls is ever called silent: at another the ping may wait behind a
//    slow call. A ping that has not left, behind a large message of ours, says nothing.
//
// Any received byte is a sign of life of both. While nothing is owed, nothing is asked.

#include <algorithm>

#include "razor/base/bytes.h"
#include "razor/base/time.h"

namespace razor::stream {

/// What became of the bytes that were handed to the transport, in total.
struct SentBytes {
  base::ByteCount acknowledged = 0;  ///< by the peer's machine; where that is not told, taken by the transport
  base::ByteCount under_way = 0;  ///< that a live machine would acknowledge; 0 where that is not told
};

class Keepalive {
 public:
  enum class Verdict {
    alive,
    send_ping,  ///< and say so by `on_ping`
    silent,  ///< from now on, until bytes come: told once
    dead,
  };

  Keepalive(base::Duration ping_interval, base::Duration ping_timeout)
      : ping_interval_(ping_interval), ping_timeout_(ping_timeout), look_interval_(check_interval_of(ping_interval)) {}

  /// How often acknowledgements are checked while a ping is out.
  static constexpr base::Duration check_interval_of(base::Duration ping_interval) {
    return std::max(ping_interval / 8, base::Duration(1));
  }

  /// The peer owes something from now on, if it did not before.
  void on_owed(base::TimePoint now) {
    if (owed_) return;
    owed_ = true;
    on_bytes(now);
  }
  void on_nothing_owed() { owed_ = false; }
  void on_bytes(base::TimePoint now) {
    ping_is_out_ = is_silent_ = false;
    silent_since_ = now;
    next_check_ = base::saturating_add(now, ping_interval_);
  }
  /// The peer has answered a ping ahead of a call that was sent before it.
  void on_known() { is_known_ = true; }
  /// A ping that `check` asked for is among what goes out: its last byte is the `end`th of all.
  void on_ping(base::ByteCount end) { ping_end_ = end; }

  /// What is to be done now.
  Verdict check(base::TimePoint now, const SentBytes& sent) {
    if (!owed_ || now < next_check_) return Verdict::alive;
    if (!ping_is_out_) {
      ping_is_out_ = true;
      acknowledged_ = sent.acknowledged;
      // Later than planned when the process was paused: the peer has its whole time all the same.
      dead_at_ = base::saturating_add(now, ping_timeout_);
      return ping_again(now);
    }
    const bool advanced = sent.acknowledged > acknowledged_;
    acknowledged_ = std::max(acknowledged_, sent.acknowledged);
    if (advanced || sent.under_way == 0) {
      dead_at_ = base::saturating_add(base::saturating_add(now, ping_interval_), ping_timeout_);
    }
    if (now >= dead_at_) return Verdict::dead;
    const bool has_arrived = acknowledged_ >= ping_end_;
    // Until the ping is there, the process reads what is before it.
    if (!ping_has_arrived_ && (advanced || has_arrived)) silent_at_ = base::saturating_add(now, ping_timeout_);
    ping_has_arrived_ = has_arrived;
    // Also when the ping is there: calls that were sent behind it count from their last acknowledgement, not from a late look.
    next_check_ = std::min(base::saturating_add(now, look_interval_), dead_at_);
    if (now < silent_at_) {
      next_check_ = std::min(next_check_, silent_at_);
      return Verdict::alive;
    }
    if (is_known_ && !is_silent_) {
      is_silent_ = true;
      silent_at_ = base::saturating_add(now, ping_interval_);  // it is asked again then
      return Verdict::silent;
    }
    // Its machine may have died since it acknowledged the last one.
    return ping_has_arrived_ ? ping_again(now) : Verdict::alive;
  }

  /// When to check again; max while nothing is owed.
  base::TimePoint next_check() const { return owed_ ? next_check_ : base::TimePoint::max(); }

  bool is_known() const { return is_known_; }
  bool is_silent() const { return is_silent_; }
  base::TimePoint silent_since() const { return silent_since_; }

 private:
  Verdict ping_again(base::TimePoint now) {
    ping_has_arrived_ = false;
    ping_end_ = ~base::ByteCount{0};
    silent_at_ = base::saturating_add(now, ping_timeout_);
    next_check_ = std::min(base::saturating_add(now, look_interval_), dead_at_);
    return Verdict::send_ping;
  }

  base::Duration ping_interval_;
  base::Duration ping_timeout_;
  base::Duration look_interval_;  // at what is acknowledged, while a ping is out
  bool owed_ = false;
  bool ping_is_out_ = false;
  bool ping_has_arrived_ = false;  // in the peer's system
  bool is_known_ = false;
  bool is_silent_ = false;
  base::ByteCount ping_end_ = 0;
  base::ByteCount acknowledged_ = 0;  // when it was looked at last
  base::TimePoint silent_since_{};
  base::TimePoint next_check_{};
  base::TimePoint dead_at_{};  // unless something is acknowledged before
  base::TimePoint silent_at_{};  // unless bytes come before; while it is silent: when it is asked again
};

}  // namespace razor::stream
