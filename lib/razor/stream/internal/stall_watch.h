#pragma once
// StallWatch: how long a process stood still just now, while peers sent. What is read then was sent so much earlier, perhaps. Pure.
//
// A timer that should have fired a while ago tells it. It runs only while there was something to do in the last period: a process
// that waits for input has not stood still, however long ago its last turn was.

#include "razor/base/time.h"

namespace razor::stream {

class StallWatch {
 public:
  static constexpr base::Duration kPeriod = std::chrono::seconds(1);
  /// Shorter ones are what a busy machine does.
  static constexpr base::Duration kLeast = std::chrono::milliseconds(100);

  /// When its timer is to fire; max: it is not to.
  base::TimePoint next_tick() const { return next_tick_; }

  /// Something was read. True: the timer is to be armed.
  bool on_activity(base::TimePoint now) {
    is_active_ = true;
    if (next_tick_ != base::TimePoint::max()) return false;
    next_tick_ = now + kPeriod;
    return true;
  }
  /// The timer has fired.
  void on_tick(base::TimePoint now) {
    next_tick_ = is_active_ ? now + kPeriod : base::TimePoint::max();
    is_active_ = false;
  }
  /// How much older than `now` what is read now may be.
  base::Duration lateness(base::TimePoint now) const {
    if (next_tick_ == base::TimePoint::max() || now - next_tick_ <= kLeast) return base::Duration::zero();
    return now - next_tick_;
  }

 private:
  base::TimePoint next_tick_ = base::TimePoint::max();
  bool is_active_ = false;
};

}  // namespace razor::stream
