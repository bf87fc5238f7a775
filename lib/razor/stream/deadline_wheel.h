#pragma once
// DeadlineWheel: deadlines checked in batches. Pure: it is told the time.
//
// Time is cut into ticks, and an entry sits in the bucket of the first tick at or after its deadline: it is never early, and
// less than one tick late. A short deadline gets short ticks and a long one long ticks (`tick_of`), so there are several
// wheels of 32 buckets each, one for each length of ticks. Entering and leaving cost a few nanoseconds and no allocation,
// where a timer of its own costs 0.12 µs; and a loop wakes only for ticks that hold something.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include "razor/base/intrusive_list.h"
#include "razor/base/time.h"

namespace razor::stream {

inline constexpr base::Duration kTickMin = std::chrono::milliseconds(10);
inline constexpr base::Duration kTickMax = std::chrono::seconds(1);

/// How late a deadline that is `timeout` away may be noticed: an eighth of that, but between 10 ms and 1 s; or the tick that a
/// setting fixes, which is 10 ms at least.
constexpr base::Duration tick_of(base::Duration timeout, std::optional<base::Duration> fixed = std::nullopt) {
  if (fixed) return std::max(*fixed, kTickMin);
  return std::clamp(timeout / 8, kTickMin, kTickMax);
}

struct DeadlineTag {};

/// What has a deadline. Leaves its wheel when it is destroyed.
class DeadlineEntry : public base::ListLink<DeadlineTag> {
 private:
  friend class DeadlineWheel;
  std::int64_t tick_ = 0;
};

using DeadlineList = base::IntrusiveList<DeadlineEntry, DeadlineTag>;

class DeadlineWheel {
 public:
  /// `fixed_tick`: for all deadlines, whatever their distance.
  explicit DeadlineWheel(std::optional<base::Duration> fixed_tick = std::nullopt);

  /// `entry` is in no list.
  void insert(DeadlineEntry& entry, base::TimePoint deadline, base::TimePoint now) {
    if (deadline != memo_deadline_ || now != memo_now_) {
      memo_deadline_ = deadline;
      memo_now_ = now;
      memo_level_ = level_of(deadline, now);
      memo_tick_ = tick_at_or_after(deadline, levels_[memo_level_].width);
    }
    Level& level = levels_[memo_level_];
    // Nobody looked while it was empty; a round begins where time is.
    if (level.occupied == 0) level.expired_up_to = std::max(level.expired_up_to, tick_before_or_at(now, level.width));
    // A deadline that has passed already is due at the next look, whose buckets begin behind the last one's.
    entry.tick_ = std::max(memo_tick_, level.expired_up_to + 1);
    level.bucket(entry.tick_).push_back(entry);
    level.occupied |= bit_of(entry.tick_);
  }
  static void remove(DeadlineEntry& entry) { entry.unlink(); }

  /// Moves what is due at `now` behind `expired`: by tick, and within a tick in the order it was entered.
  void expire(base::TimePoint now, DeadlineList& expired);

  /// When to look again: after `now`, and not behind the end of any tick that holds an entry. max: there are no entries.
  base::TimePoint next_tick(base::TimePoint now);

 private:
  static constexpr std::int64_t kBuckets = 32;
  // Ticks of 10, 20, 40 ... 640 ms, and of 1 s, where whole seconds are ticks for all who wake for them.
  static constexpr std::size_t kLevels = 8;

  struct Level {
    DeadlineList& bucket(std::int64_t tick) { return buckets[static_cast<std::size_t>(tick % kBuckets)]; }

    base::Duration width{};
    std::int64_t expired_up_to = -1;  // the last tick whose bucket was emptied
    std::uint32_t occupied = 0;  // a bit for each bucket that may hold something: entries leave without a word
    std::array<DeadlineList, kBuckets> buckets;
  };

  static constexpr std::int64_t kNoTick = INT64_MAX;

  static std::int64_t tick_before_or_at(base::TimePoint time, base::Duration width) {
    return time.time_since_epoch() / width;
  }
  static std::int64_t tick_at_or_after(base::TimePoint time, base::Duration width) {
    const std::int64_t tick = tick_before_or_at(time, width);
    return tick * width < time.time_since_epoch() ? tick + 1 : tick;
  }
  static std::uint32_t bit_of(std::int64_t tick) { return std::uint32_t{1} << (tick % kBuckets); }

  /// The longest ticks that a deadline of this distance may have.
  std::size_t level_of(base::TimePoint deadline, base::TimePoint now) const {
    if (is_fixed_ || deadline <= now) return 0;
    const base::Duration away = deadline.time_since_epoch() - std::max(now.time_since_epoch(), base::Duration::zero());
    const base::Duration tick = tick_of(away);
    if (tick == kTickMax) return kLevels - 1;
    return static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(tick / kTickMin))) - 1;
  }

  /// The first tick behind `expired_up_to` whose bucket holds something; entries of a later round count too.
  static std::int64_t first_occupied(Level& level);

  bool is_fixed_;
  // The deadlines of a batch agree more often than not.
  base::TimePoint memo_deadline_ = base::TimePoint::min();
  base::TimePoint memo_now_ = base::TimePoint::min();
  std::size_t memo_level_ = 0;
  std::int64_t memo_tick_ = 0;
  std::array<Level, kLevels> levels_;
};

}  // namespace razor::stream
