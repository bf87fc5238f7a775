#pragma once
// Keepalive: is the peer alive? Pure: it is told what happens and when, and says what to do.
//
// A peer that owes an answer and from which no byte arrives for `ping_interval` is asked for a sign of life; without
// one for another `ping_timeout` it is dead. Any received byte is a sign of life. While nothing is owed, nothing is
// asked.

#include <algorithm>

#include "razor/base/time.h"

namespace razor::stream {

class Keepalive {
 public:
  enum class Verdict { alive, send_ping, dead };

  Keepalive(base::Duration ping_interval, base::Duration ping_timeout)
      : ping_interval_(ping_interval), ping_timeout_(ping_timeout) {}

  /// The peer owes something from now on, if it did not before.
  void on_owed(base::TimePoint now) {
    if (owed_) return;
    owed_ = true;
    ping_sent_ = false;
    silent_since_ = now;
  }
  void on_nothing_owed() { owed_ = false; }
  void on_bytes(base::TimePoint now) {
    ping_sent_ = false;
    silent_since_ = now;
  }

  /// What is to be done now. After `send_ping` the ping counts as sent.
  Verdict check(base::TimePoint now) {
    if (!owed_ || now < next_check()) return Verdict::alive;
    if (ping_sent_) return Verdict::dead;
    ping_sent_ = true;
    ping_sent_at_ = now;  // later than planned when the process was paused: the peer has its whole time all the same
    return Verdict::send_ping;
  }

  /// When to check again; max while nothing is owed.
  base::TimePoint next_check() const {
    if (!owed_) return base::TimePoint::max();
    return ping_sent_ ? base::saturating_add(ping_sent_at_, ping_timeout_)
                      : base::saturating_add(silent_since_, ping_interval_);
  }

  base::TimePoint silent_since() const { return silent_since_; }

 private:
  base::Duration ping_interval_;
  base::Duration ping_timeout_;
  bool owed_ = false;
  bool ping_sent_ = false;
  base::TimePoint silent_since_{};
  base::TimePoint ping_sent_at_{};
};

}  // namespace razor::stream
