// ConnectRate against the list of all attempts. One that forgets the past, or lets the burst come on top of the rate,
// has too many in some minute; one that takes more than it should starves an address, or delays a lone attempt.

#include "razor/pool/internal/connect_rate.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/support/pick.h"
#include "tests/support/time_points.h"

namespace razor::pool {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::TimePoint;
using test::at;
using test::pick;
using test::pick_of;

TEST(ConnectRate, LetsASixthGoAtOnceThenOneAtATime) {
  ConnectRate rate(60);
  for (int i = 0; i < 10; ++i) {
    EXPECT_LE(rate.next(), at(5s)) << i;
    rate.spend(at(5s));
  }
  EXPECT_EQ(rate.next(), at(6200ms)) << "50 more in the rest of the minute";
  rate.spend(at(6200ms));
  EXPECT_EQ(rate.next(), at(7400ms));
}

TEST(ConnectRate, FreesWhatWasNotUsedLittleByLittle) {
  ConnectRate rate(60);
  for (int i = 0; i < 10; ++i) rate.spend(at(0s));
  for (int i = 0; i < 3; ++i) {  // 3.6 s are 3 attempts
    EXPECT_LE(rate.next(), at(3600ms)) << i;
    rate.spend(at(3600ms));
  }
  EXPECT_EQ(rate.next(), at(4800ms));
}

TEST(ConnectRate, IsAtLeastTwoAMinute) {
  for (const std::uint32_t per_minute : {0u, 1u, 2u}) {
    ConnectRate rate(per_minute);
    EXPECT_LE(rate.next(), at(0s));
    rate.spend(at(0s));
    EXPECT_EQ(rate.next(), at(60s));
  }
}

// --- Model -----------------------------------------------------------------------------------------------------------

struct RateAndAttempts {
  explicit RateAndAttempts(std::uint32_t allowed, TimePoint start)
      : per_minute(std::max(allowed, 2u)), at_once(std::max(allowed / 6, 1u)), now(start), rate(allowed) {}

  void attempt() {
    now = std::max(now, rate.next());
    rate.spend(now);
    attempts.push_back(now);
  }

  // The fullest minute begins with an attempt.
  std::size_t most_in_a_minute() const {
    std::size_t most = 0;
    for (auto first = attempts.begin(); first != attempts.end(); ++first) {
      const auto end = std::upper_bound(first, attempts.end(), *first + 1min);
      most = std::max(most, static_cast<std::size_t>(end - first));
    }
    return most;
  }

  std::size_t per_minute;
  std::size_t at_once;
  TimePoint now;
  ConnectRate rate;
  std::vector<TimePoint> attempts;
};

std::uint32_t some_rate() { return pick_of<std::uint32_t>({0, 1, 2, 3, 5, 6, 7, 11, 12, 13, 59, 60, 61, 100, 600}); }

RateAndAttempts some_past() {
  RateAndAttempts both(some_rate(), at(Duration(pick<std::int64_t>(0, Duration(24h * 1000).count()))));
  const Duration usual_pause = pick_of<Duration>({1ms, 50ms, 1s, 10s, 90s});
  const int steps = pick(0, 1000);
  for (int i = 0; i < steps; ++i) {
    if (pick(0, 3) == 0) both.now += Duration(pick<std::int64_t>(0, 2 * usual_pause.count()));
    if (pick(0, 100) == 0) both.now += 20s;
    both.attempt();
  }
  return both;
}

RC_GTEST_PROP(ConnectRate, NoMinuteHasMoreThanItsShare, ()) {
  const RateAndAttempts both = some_past();
  RC_ASSERT(both.most_in_a_minute() <= both.per_minute);
}

RC_GTEST_PROP(ConnectRate, AMinuteWithoutAttemptsAllowsAWholeBurstAgain, ()) {
  RateAndAttempts both = some_past();
  if (!both.attempts.empty()) both.now += 1min + pick<std::int64_t>(0, 1000) * 1h;
  for (std::size_t i = 0; i < both.at_once; ++i) {
    RC_ASSERT(both.rate.next() <= both.now);
    both.attempt();
  }
  RC_ASSERT(both.rate.next() > both.now);
  RC_ASSERT(both.most_in_a_minute() <= both.per_minute);
}

RC_GTEST_PROP(ConnectRate, WhoeverWantsMoreGetsFiveSixthsOfItEveryMinute, ()) {
  RateAndAttempts both = some_past();
  both.attempt();
  const std::size_t before = both.attempts.size();
  const TimePoint end = both.now + 10min;
  while (std::max(both.now, both.rate.next()) <= end && both.attempts.size() - before <= 10 * both.per_minute) {
    both.attempt();
  }
  RC_ASSERT(both.attempts.size() - before >= 10 * (both.per_minute - both.at_once));
  RC_ASSERT(both.most_in_a_minute() <= both.per_minute);
}

}  // namespace
}  // namespace razor::pool
