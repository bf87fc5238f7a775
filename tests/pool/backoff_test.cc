// Backoff against its formula. One that does not double or passes `most` leaves the bounds; one that overflows does so
// for the longest spans; one without chance, or whose chance depends on anything but the seed, shows in the draws.

#include "razor/pool/internal/backoff.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <set>

#include "tests/support/pick.h"

namespace razor::pool {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::RandomStream;
using test::one_in;
using test::pick;
using test::pick_of;

TEST(Backoff, DoublesFromTheLeastToTheMost) {
  Backoff backoff(100ms, 1s, 1);
  for (const Duration full : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    const Duration delay = backoff.next();
    EXPECT_GE(delay, full / 2);
    EXPECT_LE(delay, full);
  }
}

TEST(Backoff, StartsAgainWhenItWorks) {
  Backoff backoff(100ms, 10s, 1);
  for (int i = 0; i < 5; ++i) (void)backoff.next();
  EXPECT_EQ(backoff.failures(), 5u);
  backoff.reset();
  EXPECT_EQ(backoff.failures(), 0u);
  EXPECT_LE(backoff.next(), 100ms);
  EXPECT_EQ(backoff.failures(), 1u);
}

TEST(Backoff, SpreadsItsDrawsEvenlyOverTheUpperHalf) {
  Backoff backoff(1s, 1s, 1);
  std::array<int, 10> tenths{};
  for (int i = 0; i < 10'000; ++i) ++tenths.at(static_cast<std::size_t>((backoff.next() - 500ms) / 50ms) % 10);
  for (const int count : tenths) EXPECT_NEAR(count, 1000, 150);  // 5 sigma
}

TEST(Backoff, DrawsBothEnds) {
  Backoff backoff(4ns, 4ns, 1);
  std::set<Duration> drawn;
  for (int i = 0; i < 200; ++i) drawn.insert(backoff.next());
  EXPECT_EQ(drawn, (std::set<Duration>{2ns, 3ns, 4ns}));
}

TEST(Backoff, ThoseWhoFailTogetherDoNotComeBackTogether) {
  std::set<Duration> first_delays;
  for (std::uint64_t seed = 0; seed < 100; ++seed) first_delays.insert(Backoff(1s, 1s, seed).next());
  EXPECT_EQ(first_delays.size(), 100u);
}

TEST(BackoffDeathTest, BoundsThatMakeNoSenseAreABug) {
  EXPECT_DEATH(Backoff(0ns, 1s, 1), "a back-off from 0 ns");
  EXPECT_DEATH(Backoff(2ns, 1ns, 1), "a back-off from 2 ns to 1 ns");
}

// --- Model -----------------------------------------------------------------------------------------------------------

// min(most, least * 2^failures), in numbers so wide that nothing overflows.
Duration full_delay(std::uint32_t failures, Duration least, Duration most) {
  const auto doubled = static_cast<unsigned __int128>(least.count()) << std::min<std::uint32_t>(failures, 63);
  return doubled < static_cast<unsigned __int128>(most.count()) ? Duration(static_cast<std::int64_t>(doubled)) : most;
}

// Every order of magnitude, up to Duration::max().
Duration some_span() {
  if (one_in(10)) return Duration::max();
  const std::int64_t power = std::int64_t{1} << pick(0, 63);
  return Duration(power + pick<std::int64_t>(0, power));
}

RC_GTEST_PROP(Backoff, EveryDelayIsBetweenHalfAndAllOfTheDoubledOne, ()) {
  const Duration one = some_span();
  const Duration other = some_span();
  const Duration least = std::min(one, other);
  const Duration most = std::max(one, other);
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  Backoff backoff(least, most, seed);
  Backoff twin(least, most, seed);
  RandomStream random(seed);
  std::uint32_t failures = 0;
  for (int i = 0; i < 200; ++i) {
    if (one_in(40)) {
      failures = 0;
      backoff.reset();
      twin.reset();
    }
    const Duration full = full_delay(failures, least, most);
    const Duration delay = backoff.next();
    RC_ASSERT(delay >= full / 2);
    RC_ASSERT(delay <= full);
    RC_ASSERT(twin.next() == delay);
    RC_ASSERT(Backoff::delay(failures, least, most, random) == delay);
    RC_ASSERT(backoff.failures() == ++failures);
  }
}

RC_GTEST_PROP(Backoff, AnyNumberOfFailuresIsTheMostAtLast, ()) {
  const Duration most = some_span();
  const Duration least = std::min(some_span(), most);
  const auto failures = pick_of<std::uint32_t>({63, 64, 65, 1000, 1u << 31, ~0u});
  RandomStream random(*rc::gen::arbitrary<std::uint64_t>());
  const Duration delay = Backoff::delay(failures, least, most, random);
  RC_ASSERT(delay >= most / 2);
  RC_ASSERT(delay <= most);
}

}  // namespace
}  // namespace razor::pool
