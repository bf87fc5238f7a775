#pragma once
// RetryBudget: a token bucket that keeps retries from multiplying the load when everything fails. Each call pays in a part
// of a token, each retry and each hedge takes a whole one. Within any 10 s there are at most
//
//   calls * ratio + burst
//
// of them. Pure.
//
// Where there are few calls the bucket would stay empty after an outage; so it is full again once nothing was taken out for
// 10 s. Source: the retry budgets of Finagle, which refill by time instead.

#include <algorithm>
#include <cstdint>

#include "razor/base/time.h"

namespace razor::pool {

class RetryBudget {
 public:
  static constexpr base::Duration kQuiet = std::chrono::seconds(10);

  /// `percent` of the calls may be retried, and `burst` more.
  RetryBudget(std::uint32_t percent, std::uint32_t burst)
      : paid_in_(percent), max_(std::int64_t{burst} * kToken), tokens_(max_) {}

  void on_call() { tokens_ = std::min(tokens_ + paid_in_, max_); }

  /// Takes a token, if there is one.
  bool take(base::TimePoint now) {
    if (now >= full_at()) tokens_ = max_;
    if (tokens_ < kToken) return false;
    tokens_ -= kToken;
    last_taken_ = now;
    return true;
  }

  /// Whole tokens.
  std::int64_t tokens(base::TimePoint now) const { return (now >= full_at() ? max_ : tokens_) / kToken; }
  /// When the bucket is full by itself, if nobody takes anything.
  base::TimePoint full_at() const { return base::saturating_add(last_taken_, kQuiet); }

 private:
  static constexpr std::int64_t kToken = 100;

  std::int64_t paid_in_;
  std::int64_t max_;
  std::int64_t tokens_;
  base::TimePoint last_taken_ = base::TimePoint::min();
};

}  // namespace razor::pool
