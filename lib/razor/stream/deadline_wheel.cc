#include "razor/stream/deadline_wheel.h"

namespace razor::stream {

DeadlineWheel::DeadlineWheel(std::optional<base::Duration> fixed_tick) : is_fixed_(fixed_tick.has_value()) {
  for (std::size_t i = 0; i < kLevels; ++i) levels_[i].width = kTickMin * (std::int64_t{1} << i);
  levels_[kLevels - 1].width = kTickMax;
  if (is_fixed_) levels_[0].width = tick_of({}, fixed_tick);
}

std::int64_t DeadlineWheel::first_occupied(Level& level) {
  while (level.occupied != 0) {
    const std::int64_t next = level.expired_up_to + 1;
    const int away = std::countr_zero(std::rotr(level.occupied, static_cast<int>(next % kBuckets)));
    if (!level.bucket(next + away).empty()) return next + away;
    level.occupied &= ~bit_of(next + away);
  }
  return kNoTick;
}

void DeadlineWheel::expire(base::TimePoint now, DeadlineList& expired) {
  const auto current_of = [now](const Level& level) { return tick_before_or_at(now, level.width); };
  for (Level& level : levels_) {
    // One round goes through all buckets.
    level.expired_up_to = std::max(level.expired_up_to, current_of(level) - kBuckets);
  }
  while (true) {
    Level* earliest = nullptr;
    base::Duration earliest_end = base::Duration::max();
    std::int64_t earliest_tick = 0;
    for (Level& level : levels_) {
      const std::int64_t tick = first_occupied(level);
      if (tick > current_of(level) || tick * level.width >= earliest_end) continue;
      earliest = &level;
      earliest_end = tick * level.width;
      earliest_tick = tick;
    }
    if (earliest == nullptr) break;
    const std::int64_t current = current_of(*earliest);
    earliest->bucket(earliest_tick).for_each([&](DeadlineEntry& entry) {
      if (entry.tick_ > current) return;  // of a later round of the wheel
      entry.unlink();
      expired.push_back(entry);
    });
    earliest->expired_up_to = earliest_tick;
  }
  for (Level& level : levels_) level.expired_up_to = std::max(level.expired_up_to, current_of(level));
}

base::TimePoint DeadlineWheel::next_tick(base::TimePoint now) {
  base::TimePoint next = base::TimePoint::max();
  for (Level& level : levels_) {
    if (level.occupied == 0) continue;
    std::int64_t tick = first_occupied(level);
    if (tick == kNoTick) continue;
    // What is overdue is looked at with the next tick: a loop that waits for something else before it looks must not spin.
    tick = std::max(tick, tick_before_or_at(now, level.width) + 1);
    next = std::min(next, base::TimePoint(tick * level.width));
  }
  return next;
}

}  // namespace razor::stream
