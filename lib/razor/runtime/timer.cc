#include "razor/runtime/timer.h"

#include <algorithm>

#include "razor/runtime/runtime.h"

namespace razor::runtime {

void Timer::arm(base::TimePoint at) {
  disarm();
  clock_.arm(*this, at);
}

void Timer::disarm() {
  if (armed()) clock_.disarm(*this);
}

void TimerQueue::insert(Timer& timer, base::TimePoint at) {
  RAZOR_CHECK(!timer.armed(), "timer is queued already");
  timer.at_ = std::max(at, armed_not_before_);
  timer.order_ = armed_total_++;
  heap_.push_back(&timer);
  timer.index_ = heap_.size() - 1;
  sift_up(timer);
}

void TimerQueue::remove(Timer& timer) {
  RAZOR_CHECK(timer.index_ < heap_.size() && heap_[timer.index_] == &timer, "timer is not in this queue");
  Timer& last = *heap_.back();
  heap_.pop_back();
  if (&last != &timer) {
    place(last, timer.index_);
    sift_up(last);
    sift_down(last);
  }
  timer.index_ = Timer::kNotQueued;
}

bool TimerQueue::fire_one(base::TimePoint now) {
  if (heap_.empty() || earliest() > now) return false;
  Timer& timer = *heap_.front();
  remove(timer);
  armed_not_before_ = base::saturating_add(now, base::Duration(1));
  timer.fire_(timer);
  armed_not_before_ = base::TimePoint::min();
  return true;
}

void TimerQueue::clear() {
  for (Timer* timer : heap_) timer->index_ = Timer::kNotQueued;
  heap_.clear();
}

void TimerQueue::place(Timer& timer, std::size_t index) {
  heap_[index] = &timer;
  timer.index_ = index;
}

void TimerQueue::sift_up(Timer& timer) {
  while (timer.index_ > 0) {
    Timer& parent = *heap_[(timer.index_ - 1) / 2];
    if (!before(timer, parent)) return;
    const std::size_t parent_index = parent.index_;
    place(parent, timer.index_);
    place(timer, parent_index);
  }
}

void TimerQueue::sift_down(Timer& timer) {
  while (true) {
    std::size_t child = 2 * timer.index_ + 1;
    if (child >= heap_.size()) return;
    if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) ++child;
    Timer& earlier = *heap_[child];
    if (!before(earlier, timer)) return;
    place(earlier, timer.index_);
    place(timer, child);
  }
}

}  // namespace razor::runtime
