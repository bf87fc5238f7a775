// Sums of times that stop at the end of the time line. Without that, "no deadline" would wrap into the past and expire
// at once.

#include "razor/base/time.h"

#include <gtest/gtest.h>

namespace razor::base {
namespace {

using namespace std::chrono_literals;

TEST(SaturatingAdd, AddsWhatFits) {
  EXPECT_EQ(saturating_add(TimePoint(5s), 3s), TimePoint(8s));
  EXPECT_EQ(saturating_add(TimePoint(5s), -3s), TimePoint(2s));
  EXPECT_EQ(saturating_add(TimePoint(5s), 0s), TimePoint(5s));
}

TEST(SaturatingAdd, StopsAtTheEndOfTheTimeLine) {
  EXPECT_EQ(saturating_add(TimePoint(5s), Duration::max()), TimePoint::max());
  EXPECT_EQ(saturating_add(TimePoint::max(), 1ns), TimePoint::max());
  EXPECT_EQ(saturating_add(TimePoint::max() - 1ns, 1ns), TimePoint::max());
  EXPECT_EQ(saturating_add(TimePoint(), Duration::max()), TimePoint::max());
}

TEST(SaturatingAdd, TakesTimesBeforeTheStart) {
  EXPECT_EQ(saturating_add(TimePoint(-5s), 3s), TimePoint(-2s));
  EXPECT_EQ(saturating_add(TimePoint(-1ns), Duration::max()), TimePoint::max() - 1ns);
}

TEST(SaturatingAdd, StopsAtTheStartOfTheTimeLine) {
  EXPECT_EQ(saturating_add(TimePoint::min(), -1ns), TimePoint::min());
  EXPECT_EQ(saturating_add(TimePoint(-5s), Duration::min()), TimePoint::min());
}

}  // namespace
}  // namespace razor::base
