// Sweep: shards share out all jobs, each to one. A formula that is off by one runs a seed twice, or never.

#include "sim/main/sweep.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/pick.h"

namespace razor::sim {
namespace {

using test::pick;

RC_GTEST_PROP(Sweep, ShardsShareOutAllJobs, ()) {
  Sweep sweep;
  sweep.scenarios.resize(pick<std::size_t>(1, 9));
  sweep.seeds = pick<std::uint64_t>(1, 40);
  sweep.shards = pick<std::uint64_t>(1, 12);
  const std::uint64_t numbers = *sweep.seeds * sweep.scenarios.size();
  RC_ASSERT(sweep.has(numbers - 1));
  RC_ASSERT(!sweep.has(numbers));
  std::vector<int> times(numbers);
  for (sweep.shard = 0; sweep.shard < sweep.shards; ++sweep.shard) {
    std::uint64_t ours = 0;
    for (std::uint64_t number = 0; number < numbers; ++number) {
      if (!sweep.is_ours(number)) continue;
      ++ours;
      ++times[number];
    }
    RC_ASSERT(sweep.job_count() == ours);
  }
  RC_ASSERT(times == std::vector<int>(numbers, 1));
}

TEST(Sweep, CountsSeedsFromTheBase) {
  Sweep sweep;
  sweep.scenarios.resize(2);
  sweep.base_seed = 100;
  EXPECT_EQ(sweep.job(0).seed, 100u);
  EXPECT_EQ(sweep.job(1).seed, 100u);
  EXPECT_EQ(sweep.job(1).scenario, 1u);
  EXPECT_EQ(sweep.job(2).seed, 101u);
  EXPECT_FALSE(sweep.job_count());
  EXPECT_TRUE(sweep.has(~std::uint64_t{0}));
}

// Were the choice made by number alone, and 2 divided the count of scenarios, one of two would always be the same one.
RC_GTEST_PROP(Sweep, ChoosesOneInNOfEveryScenarioInEveryShard, ()) {
  Sweep sweep;
  sweep.scenarios.resize(pick<std::size_t>(1, 9));
  sweep.shards = pick<std::uint64_t>(1, 6);
  sweep.shard = pick<std::uint64_t>(0, sweep.shards);
  const auto one_in = pick<std::uint64_t>(1, 7);
  const std::uint64_t rounds = pick<std::uint64_t>(1, 5);
  sweep.seeds = rounds * one_in * sweep.shards;
  std::vector<std::uint64_t> chosen(sweep.scenarios.size());
  for (std::uint64_t number = 0; sweep.has(number); ++number) {
    if (sweep.is_ours(number) && sweep.is_one_in(one_in, number)) ++chosen[sweep.job(number).scenario];
  }
  RC_ASSERT(chosen == std::vector<std::uint64_t>(sweep.scenarios.size(), rounds));
}

}  // namespace
}  // namespace razor::sim
