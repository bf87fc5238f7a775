// Which calls are refused whatever the pool does. One that is let through moves from connection to connection until its
// deadline, and fails for a reason that misleads.

#include "razor/pool/internal/call_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace razor::pool {
namespace {

using base::Errc;
using base::Ran;
using testing::HasSubstr;

constexpr wire::FrameLimits kLimits{.action_bytes_max = 10, .msg_bytes_max = 20, .blob_bytes_max = 30};

TEST(CallLimits, ASizeAtItsLimitPasses) { EXPECT_FALSE(refusal_of(wire::Action("Work.once"), {10, 20, 30}, kLimits)); }

TEST(CallLimits, ASizeAboveItsLimitIsTooLarge) {
  for (const wire::FrameSizes& sizes :
       {wire::FrameSizes{11, 0, 0}, wire::FrameSizes{0, 21, 0}, wire::FrameSizes{0, 0, 31}}) {
    const auto refusal = refusal_of(wire::Action("Work.once"), sizes, kLimits);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->errc(), Errc::too_large);
    EXPECT_EQ(refusal->ran(), Ran::no);
    EXPECT_THAT(refusal->detail(), HasSubstr("`stream.limits` of the pool's config"));
  }
}

TEST(CallLimits, ANumberThatCannotBeSentIsRefused) {
  for (const std::uint32_t number : {0u, wire::Action::kNumberMax + 1}) {
    const auto refusal = refusal_of(wire::Action(number), {0, 0, 0}, kLimits);
    ASSERT_TRUE(refusal) << number;
    EXPECT_EQ(refusal->errc(), Errc::encode);
    EXPECT_EQ(refusal->ran(), Ran::no);
  }
  EXPECT_FALSE(refusal_of(wire::Action(1), {0, 0, 0}, kLimits));
  EXPECT_FALSE(refusal_of(wire::Action(wire::Action::kNumberMax), {0, 0, 0}, kLimits));
}

}  // namespace
}  // namespace razor::pool
