#pragma once
// ConnectRate: how often one address may be connected to, whatever the back-off says: a server that accepts, answers once
// and dies resets every back-off. Pure.
//
// The generic cell rate algorithm: one number, no list of the past. Source: ITU-T I.371, annex A.

#include <algorithm>
#include <cstdint>

#include "razor/base/time.h"

namespace razor::pool {

class ConnectRate {
 public:
  /// At most `per_minute` within any minute, a sixth of them at once; at least 2.
  explicit ConnectRate(std::uint32_t per_minute)
      : burst_(std::max<std::uint32_t>(per_minute / 6, 1)),
        interval_(base::Duration(std::chrono::minutes(1)) /
                  static_cast<std::int64_t>(std::max<std::uint32_t>(per_minute, 2) - burst_)) {}

  /// When the next attempt may begin; `now` or earlier: at once.
  base::TimePoint next() const { return used_until_ - (burst_ - 1) * interval_; }

  /// An attempt begins.
  void spend(base::TimePoint now) { used_until_ = std::max(used_until_, now) + interval_; }

 private:
  std::int64_t burst_;
  base::Duration interval_;
  base::TimePoint used_until_{};  // were attempts made one interval apart, the last would end then
};

}  // namespace razor::pool
