#include "sim/event_queue.h"

namespace razor::sim {

EventQueue::~EventQueue() {
  for (const Entry& entry : heap_) entry.event->index_ = Event::kNotInHeap;
}

void EventQueue::schedule(Event& event, base::TimePoint at) {
  event.unlink();
  const Entry entry{at, scheduled_total_++, &event};
  event.at_ = at;
  event.queue_ = this;
  if (event.index_ != Event::kNotInHeap) remove(event);
  heap_.push_back(entry);
  sift_up(entry, heap_.size() - 1);
}

void EventQueue::schedule_now(Event& event) {
  event.cancel();
  now_.push_back(event);
}

Event& EventQueue::take_timed() {
  Event& event = *heap_.front().event;
  event.index_ = Event::kNotInHeap;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (!heap_.empty()) sift_down(last, 0);
  return event;
}

void EventQueue::remove(Event& event) {
  const std::size_t index = event.index_;
  RAZOR_CHECK(index < heap_.size() && heap_[index].event == &event, "event is not in this queue");
  event.index_ = Event::kNotInHeap;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (last.event == &event) return;
  if (index > 0 && last.before(heap_[(index - 1) / 4])) {
    sift_up(last, index);
  } else {
    sift_down(last, index);
  }
}

void EventQueue::sift_up(Entry entry, std::size_t index) {
  while (index > 0) {
    const std::size_t parent = (index - 1) / 4;
    if (!entry.before(heap_[parent])) break;
    place(heap_[parent], index);
    index = parent;
  }
  place(entry, index);
}

void EventQueue::sift_down(Entry entry, std::size_t index) {
  const std::size_t size = heap_.size();
  while (true) {
    const std::size_t first = 4 * index + 1;
    if (first >= size) break;
    std::size_t least = first;
    const std::size_t end = first + 4 < size ? first + 4 : size;
    for (std::size_t child = first + 1; child < end; ++child) {
      if (heap_[child].before(heap_[least])) least = child;
    }
    if (!heap_[least].before(entry)) break;
    place(heap_[least], index);
    index = least;
  }
  place(entry, index);
}

}  // namespace razor::sim
