#include "razor/stream/deadline_wheel.h"

#include <algorithm>

namespace razor::stream {

void DeadlineWheel::expire(base::TimePoint now, DeadlineList& expired) {
  const std::int64_t current = tick_before_or_at(now);
  const std::int64_t first = std::max(expired_up_to_ + 1, current - kBuckets + 1);
  for (std::int64_t tick = first; tick <= current; ++tick) {
    DeadlineList& due = bucket(tick);
    due.for_each([&](DeadlineEntry& entry) {
      if (entry.tick_ > current) return;  // of a later round of the wheel
      entry.unlink();
      expired.push_back(entry);
    });
  }
  expired_up_to_ = current;
}

}  // namespace razor::stream
