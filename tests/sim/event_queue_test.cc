// EventQueue against a std::multimap, which keeps what has the same key in the order it came. A heap that is not stable
// swaps events of the same time; one that loses its indices when something is moved or cancelled takes the wrong one.

#include "sim/event_queue.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "tests/support/pick.h"

namespace razor::sim {
namespace {

using base::Duration;
using base::TimePoint;
using test::one_in;
using test::pick;

struct Numbered final : Event {
  explicit Numbered(int event_number)
      : Event([](Event& event) { ++static_cast<Numbered&>(event).fired; }), number(event_number) {}
  int number;
  int fired = 0;
};

TimePoint at(int nanoseconds) { return TimePoint(Duration(nanoseconds)); }

// What an EventQueue should do, slowly.
class Model {
 public:
  void schedule(int event, TimePoint time) {
    cancel(event);
    timed_.emplace(time, event);
  }
  void schedule_now(int event) {
    cancel(event);
    now_.push_back(event);
  }
  void cancel(int event) {
    std::erase(now_, event);
    std::erase_if(timed_, [event](const auto& entry) { return entry.second == event; });
  }
  std::optional<int> take_now() {
    if (now_.empty()) return std::nullopt;
    const int first = now_.front();
    now_.pop_front();
    return first;
  }
  int take_timed() {
    const int first = timed_.begin()->second;
    timed_.erase(timed_.begin());
    return first;
  }
  const std::multimap<TimePoint, int>& timed() const { return timed_; }
  std::size_t size() const { return timed_.size() + now_.size(); }
  bool has(int event) const {
    for (const auto& [time, other] : timed_) {
      if (other == event) return true;
    }
    return std::find(now_.begin(), now_.end(), event) != now_.end();
  }

 private:
  std::deque<int> now_;
  std::multimap<TimePoint, int> timed_;
};

RC_GTEST_PROP(EventQueue, DoesAsAMultimap, ()) {
  EventQueue queue;
  Model model;
  std::vector<std::unique_ptr<Numbered>> events;
  const int count = pick(1, 60);
  for (int i = 0; i < count; ++i) events.push_back(std::make_unique<Numbered>(i));
  const int times = pick(1, 40);  // few: then many are for the same time

  for (int steps = pick(1, 400); steps > 0; --steps) {
    const int number = pick(0, count);
    auto& event = events[static_cast<std::size_t>(number)];
    switch (pick(0, 8)) {
      case 0:
      case 1:
      case 2: {
        const TimePoint time = at(pick(0, times));
        queue.schedule(*event, time);
        model.schedule(number, time);
        RC_ASSERT(event->at() == time);
        break;
      }
      case 3:
        queue.schedule_now(*event);
        model.schedule_now(number);
        break;
      case 4:
        event->cancel();
        model.cancel(number);
        break;
      case 5:  // one that is destroyed does not happen
        event = std::make_unique<Numbered>(number);
        model.cancel(number);
        break;
      case 6: {
        const Event* taken = queue.take_now();
        const std::optional<int> expected = model.take_now();
        RC_ASSERT((taken != nullptr) == expected.has_value());
        if (taken != nullptr) RC_ASSERT(static_cast<const Numbered*>(taken)->number == *expected);
        break;
      }
      default:
        RC_ASSERT(queue.has_timed() == !model.timed().empty());
        if (!queue.has_timed()) break;
        RC_ASSERT(queue.next_time() == model.timed().begin()->first);
        RC_ASSERT(static_cast<const Numbered&>(queue.take_timed()).number == model.take_timed());
    }
    RC_ASSERT(queue.size() == model.size());
    RC_ASSERT(queue.empty() == (model.size() == 0));
    RC_ASSERT(events[static_cast<std::size_t>(number)]->scheduled() == model.has(number));
  }
  while (queue.has_timed()) RC_ASSERT(static_cast<const Numbered&>(queue.take_timed()).number == model.take_timed());
  RC_ASSERT(model.timed().empty());
}

TEST(EventQueue, FiresWhatWasTaken) {
  EventQueue queue;
  Numbered event(1);
  queue.schedule(event, at(5));
  EventQueue::fire(queue.take_timed());
  EXPECT_EQ(event.fired, 1);
  EXPECT_FALSE(event.scheduled());
}

TEST(EventQueue, MayGoBeforeItsEvents) {
  Numbered timed(1);
  Numbered now(2);
  {
    EventQueue queue;
    queue.schedule(timed, at(5));
    queue.schedule_now(now);
  }
  EXPECT_FALSE(timed.scheduled());
  EXPECT_FALSE(now.scheduled());
}

}  // namespace
}  // namespace razor::sim
