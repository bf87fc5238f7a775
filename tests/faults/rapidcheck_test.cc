// Plans for property tests: what is generated can be played, and what fails is shrunk to what matters. A generator without
// shrinking would show a dozen faults.

#include "faults/rapidcheck.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <sstream>

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

const Roles kRoles = [] {
  Roles roles{{"server0", "server1"}, {"caller0"}, {"stranger0"}};
  roles.reads_time_of_day = true;  // so that every kind can act
  return roles;
}();

RC_GTEST_PROP(GenPlan, CanBePlayed, ()) {
  const Plan plan = *gen_plan(kRoles, 10s);
  std::uint32_t most = 0;
  base::Duration before{};
  for (const Fault& fault : plan.faults) {
    RC_ASSERT(find_kind(fault.what) != nullptr);
    RC_ASSERT(find_kind(fault.what)->check(fault) == std::string());
    RC_ASSERT(fault.at >= before);
    RC_ASSERT(fault.at + fault.lasts <= 10s);
    before = fault.at;
    most = std::max(most, fault.number);
  }
  RC_ASSERT(most == plan.faults.size());
  std::string error;
  RC_ASSERT(Plan::parse(plan.to_string(), error) == plan);
}

TEST(GenPlan, HasNoFaultsWhereNobodyPlays) { EXPECT_TRUE(gen_plan({}, 10s)(rc::Random(1), 100).value().faults.empty()); }

TEST(GenPlan, DrawsManyKinds) {
  std::set<std::string> kinds;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    for (const Fault& fault : gen_plan(kRoles, 10s)(rc::Random(seed), 100).value().faults) kinds.insert(fault.what);
  }
  EXPECT_EQ(kinds.size(), catalogue().size());
}

TEST(GenPlan, ShrinksToWhatMatters) {
  // As rapidcheck does it: the first smaller one that still fails, again and again.
  const auto fails = [](const Plan& plan) {
    return std::ranges::any_of(plan.faults, [](const Fault& fault) { return fault.what == "cut" && fault.lasts >= 1s; });
  };
  const rc::Gen<Plan> gen = gen_plan(kRoles, 10s);
  int shrunk = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    rc::Shrinkable<Plan> plan = gen(rc::Random(seed), 100);
    if (!fails(plan.value())) continue;
    ++shrunk;
    while (true) {
      auto smaller = plan.shrinks();
      rc::Maybe<rc::Shrinkable<Plan>> next = smaller.next();
      while (next && !fails(next->value())) next = smaller.next();
      if (!next) break;
      plan = *next;
    }
    const Plan smallest = plan.value();
    ASSERT_EQ(smallest.faults.size(), 1u);
    const Fault& fault = smallest.faults.front();
    EXPECT_EQ(fault.at, 0s);
    EXPECT_LT(fault.lasts, 2s);
    EXPECT_TRUE(fault.parameters.empty()) << fault.to_string();
  }
  EXPECT_GT(shrunk, 5);
}

TEST(GenPlan, IsShownAsAPlan) {
  Plan plan;
  plan.seed = 7;
  std::ostringstream out;
  rc::show(plan, out);
  EXPECT_EQ(out.str(), "\nseed 7\n");
}

}  // namespace
}  // namespace razor::faults
