// Plan: shards share out all jobs, each to one. A formula that is off by one runs a seed twice, or never.

#include "sim/main/plan.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/pick.h"

namespace razor::sim {
namespace {

using test::pick;

RC_GTEST_PROP(Plan, ShardsShareOutAllJobs, ()) {
  Plan plan;
  plan.scenarios.resize(pick<std::size_t>(1, 9));
  plan.seeds = pick<std::uint64_t>(1, 40);
  plan.shards = pick<std::uint64_t>(1, 12);
  const std::uint64_t numbers = *plan.seeds * plan.scenarios.size();
  RC_ASSERT(plan.has(numbers - 1));
  RC_ASSERT(!plan.has(numbers));
  std::vector<int> times(numbers);
  for (plan.shard = 0; plan.shard < plan.shards; ++plan.shard) {
    std::uint64_t ours = 0;
    for (std::uint64_t number = 0; number < numbers; ++number) {
      if (!plan.is_ours(number)) continue;
      ++ours;
      ++times[number];
    }
    RC_ASSERT(plan.job_count() == ours);
  }
  RC_ASSERT(times == std::vector<int>(numbers, 1));
}

TEST(Plan, CountsSeedsFromTheBase) {
  Plan plan;
  plan.scenarios.resize(2);
  plan.base_seed = 100;
  EXPECT_EQ(plan.job(0).seed, 100u);
  EXPECT_EQ(plan.job(1).seed, 100u);
  EXPECT_EQ(plan.job(1).scenario, 1u);
  EXPECT_EQ(plan.job(2).seed, 101u);
  EXPECT_FALSE(plan.job_count());
  EXPECT_TRUE(plan.has(~std::uint64_t{0}));
}

}  // namespace
}  // namespace razor::sim
