#pragma once
// DeadlineCheck: when the calls of one connection end for lack of time. Pure: it is told the time, and whether the transport
// has bytes that nobody has read.
//
// Deadlines are reckoned once a batch (`end_batch`), with one look at the clock, and checked once a tick (deadline_wheel.h).
// A response that the transport holds already comes first, also after this process stood still for a while: calls that are
// due expire only once that input has been read.

#include "razor/stream/deadline_wheel.h"
#include "razor/stream/input_backlog.h"

namespace razor::stream {

/// What has a timeout, a deadline, or both. Leaves its check when it is destroyed.
class TimedCall : public DeadlineEntry {
 public:
  /// `timeout` counts from the end of the batch in which the call is submitted; the earlier of both ends the call.
  void set_time(base::Duration timeout, base::TimePoint deadline) {
    timeout_ = timeout;
    deadline_ = deadline;
  }
  base::Duration timeout() const { return timeout_; }
  /// Until the end of the batch: the caller's; then the effective one.
  base::TimePoint deadline() const { return deadline_; }
  bool has_own_deadline() const { return deadline_ != base::TimePoint::max(); }
  /// What is left of its time when it is submitted. `now` matters only if it has a deadline of its own.
  base::Duration time_left(base::TimePoint now) const {
    return has_own_deadline() ? std::min(timeout_, deadline_ - now) : timeout_;
  }
  /// Nothing is left of its time. `now` matters only if it has a deadline of its own.
  bool has_no_time(base::TimePoint now) const {
    return timeout_ <= base::Duration::zero() || (has_own_deadline() && deadline_ <= now);
  }

 private:
  friend class DeadlineCheck;

  base::Duration timeout_{};
  base::TimePoint deadline_ = base::TimePoint::max();
};

class DeadlineCheck {
 public:
  explicit DeadlineCheck(std::optional<base::Duration> fixed_tick) : wheel_(fixed_tick) {}

  /// Its deadline is reckoned at the end of this batch. The call is in no list of deadlines.
  void submit(TimedCall& call) { submitted_.push_back(call); }
  void end_batch(base::TimePoint now) {
    while (DeadlineEntry* entry = submitted_.pop_front()) {
      auto& call = static_cast<TimedCall&>(*entry);
      call.deadline_ = std::min(call.deadline_, base::saturating_add(now, call.timeout_));
      wheel_.insert(call, call.deadline_, now);
    }
  }
  /// From whichever list it is in.
  static void remove(TimedCall& call) { DeadlineWheel::remove(call); }

  /// When to check again: after `now`; max: no call has a deadline.
  base::TimePoint next_tick(base::TimePoint now) { return wheel_.next_tick(now); }

  /// Some calls are due, and wait for input to be read: check again after each read.
  bool awaits_input() const { return !due_.empty(); }

  /// Calls `expire(TimedCall&)` on each call that is due at `now`, unless input has to be read before. `expire` takes no other
  /// call out. `received` counts the bytes read since the beginning; `input_pending` as ByteStream::input_pending.
  template <class Expire>
  void check(base::TimePoint now, bool input_pending, base::ByteCount received, Expire&& expire) {
    if (!due_.empty() && !backlog_.is_read(received, input_pending)) return;
    while (true) {
      while (DeadlineEntry* entry = due_.pop_front()) expire(static_cast<TimedCall&>(*entry));
      wheel_.expire(now, due_);
      if (due_.empty()) return;
      backlog_.begin(received, input_pending);
      if (!backlog_.is_read(received, input_pending)) return;
    }
  }

 private:
  DeadlineWheel wheel_;
  DeadlineList submitted_;
  DeadlineList due_;
  InputBacklog backlog_;
};

}  // namespace razor::stream
