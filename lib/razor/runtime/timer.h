#pragma once
// Timer: a callback at a point in time, whose bookkeeping lives in the object. Arming allocates nothing; destroying
// disarms.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "razor/base/time.h"

namespace razor::runtime {

class Clock;

class Timer {
 public:
  using Fire = void (*)(Timer&);

  /// `fire` runs in a turn of its own on the Runtime's thread, never before its time and never inside `arm`.
  /// `clock` outlives the timer.
  Timer(Clock& clock, Fire fire) : clock_(clock), fire_(fire) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { disarm(); }

  /// Fires once, at `at` or as soon after as the Runtime gets to it. An armed timer is moved. Armed while another one
  /// fires, it waits for the next turn even if its time has come.
  void arm(base::TimePoint at);
  void disarm();
  bool armed() const { return index_ != kNotQueued; }
  /// When it will fire; only while armed.
  base::TimePoint at() const { return at_; }

 private:
  friend class TimerQueue;
  static constexpr std::size_t kNotQueued = std::numeric_limits<std::size_t>::max();

  Clock& clock_;
  Fire fire_;
  base::TimePoint at_{};
  std::uint64_t order_ = 0;
  std::size_t index_ = kNotQueued;
};

/// The armed timers of a Runtime, earliest first, in the order they were armed where their times agree. For makers of
/// Runtimes. A binary heap: arming and disarming cost O(log n).
class TimerQueue {
 public:
  void insert(Timer& timer, base::TimePoint at);
  void remove(Timer& timer);
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  /// Only while not empty.
  base::TimePoint earliest() const { return heap_.front()->at_; }
  /// Fires the earliest timer if its time has come; false when there is none. What is armed meanwhile is later than
  /// `now`, so that a timer that arms itself anew does not keep the others from firing.
  bool fire_one(base::TimePoint now);
  /// Disarms all without firing.
  void clear();

 private:
  static bool before(const Timer& a, const Timer& b) { return a.at_ != b.at_ ? a.at_ < b.at_ : a.order_ < b.order_; }
  void place(Timer& timer, std::size_t index);
  void sift_up(Timer& timer);
  void sift_down(Timer& timer);

  std::vector<Timer*> heap_;
  std::uint64_t armed_total_ = 0;
  base::TimePoint armed_not_before_ = base::TimePoint::min();
};

}  // namespace razor::runtime
