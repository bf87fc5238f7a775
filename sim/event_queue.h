#pragma once
// What is still to happen in a simulated world, in the order of its time. An Event's bookkeeping lives in the object:
// scheduling allocates nothing, and an Event that is destroyed does not happen.

#include <cstdint>
#include <vector>

#include "razor/base/intrusive_list.h"
#include "razor/base/time.h"

namespace razor::sim {

class EventQueue;

class Event : public base::ListLink<EventQueue> {
 public:
  using Fire = void (*)(Event&);

  /// `fire` may destroy the event.
  explicit Event(Fire fire) : fire_(fire) {}
  ~Event() { cancel(); }

  bool scheduled() const { return index_ != kNotInHeap || is_linked(); }
  /// When it happens; only while it is scheduled for a time.
  base::TimePoint at() const { return at_; }
  void cancel();

 private:
  friend class EventQueue;
  static constexpr std::uint32_t kNotInHeap = ~std::uint32_t{0};

  Fire fire_;
  base::TimePoint at_{};
  EventQueue* queue_ = nullptr;
  std::uint32_t index_ = kNotInHeap;
};

class EventQueue {
 public:
  EventQueue() = default;
  EventQueue(const EventQueue&) = delete;
  /// What is scheduled still does not happen.
  ~EventQueue();

  /// `event` happens at `at`, behind those that were scheduled for the same time before. One that is scheduled is moved.
  void schedule(Event& event, base::TimePoint at);
  /// `event` happens before time goes on, behind those that do so already.
  void schedule_now(Event& event);

  bool empty() const { return now_.empty() && heap_.empty(); }
  bool has_now() const { return !now_.empty(); }
  std::size_t size() const { return heap_.size() + now_.size(); }
  /// When the next one happens; only while something is scheduled for a time.
  base::TimePoint next_time() const { return heap_.front().at; }
  bool has_timed() const { return !heap_.empty(); }

  /// Takes the first of those that happen now; null when there is none.
  Event* take_now() { return now_.pop_front(); }
  /// Takes the earliest of the others. Only while there is one.
  Event& take_timed();
  static void fire(Event& event) { event.fire_(event); }

 private:
  friend class Event;

  // A heap of four children a node, whose keys lie in the array: one cache line holds the children that are compared.
  struct Entry {
    base::TimePoint at;
    std::uint64_t order;
    Event* event;
    bool before(const Entry& other) const { return at != other.at ? at < other.at : order < other.order; }
  };

  void remove(Event& event);
  void place(const Entry& entry, std::size_t index) {
    heap_[index] = entry;
    entry.event->index_ = static_cast<std::uint32_t>(index);
  }
  void sift_up(Entry entry, std::size_t index);
  void sift_down(Entry entry, std::size_t index);

  std::vector<Entry> heap_;
  base::IntrusiveList<Event, EventQueue> now_;
  std::uint64_t scheduled_total_ = 0;
};

inline void Event::cancel() {
  if (index_ != kNotInHeap) queue_->remove(*this);
  unlink();
}

}  // namespace razor::sim
