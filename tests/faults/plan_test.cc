// Plans as text: what is printed reads back the same; what people write by hand is understood, or refused with its line.

#include "faults/plan.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

Plan parsed(std::string_view text) {
  std::string error;
  const std::optional<Plan> plan = Plan::parse(text, error);
  EXPECT_TRUE(plan) << error;
  return plan.value_or(Plan());
}

std::string error_of(std::string_view text) {
  std::string error;
  EXPECT_FALSE(Plan::parse(text, error)) << text;
  return error;
}

TEST(Plan, IsReadAsItIsWritten) {
  constexpr std::string_view kText =
      "scenario cluster\n"
      "seed 17\n"
      "set servers 3\n"
      "set tick 250ms\n"
      "#1 at 1.25s cut caller0 server1 for 3s way=there\n"
      "#7 at 4s crash server0\n";
  const Plan plan = parsed(kText);
  EXPECT_EQ(plan.scenario, "cluster");
  EXPECT_EQ(plan.seed, 17u);
  EXPECT_EQ(plan.settings.at("servers"), "3");
  ASSERT_EQ(plan.faults.size(), 2u);
  EXPECT_EQ(plan.faults[0].at, 1250ms);
  EXPECT_EQ(plan.faults[0].where, (std::vector<std::string>{"caller0", "server1"}));
  EXPECT_EQ(plan.faults[0].lasts, 3s);
  EXPECT_EQ(plan.faults[0].word_of("way", "both"), "there");
  EXPECT_EQ(plan.find(7)->what, "crash");
  EXPECT_EQ(plan.find(2), nullptr);
  EXPECT_EQ(plan.to_string(), kText);
}

TEST(Plan, IsReadAsPeopleWriteIt) {
  const Plan plan = parsed(
      "# what broke in May\n"
      "\n"
      "  at 4s pause server0 for 500ms   \n"
      "#1 at 1s cut a b for 1s\r\n"
      "at 2s kill server0");
  ASSERT_EQ(plan.faults.size(), 3u);
  EXPECT_EQ(plan.faults[0].number, 1u);
  EXPECT_EQ(plan.faults[0].at, 1s) << "in the order of time";
  EXPECT_NE(plan.faults[1].number, plan.faults[2].number);
  EXPECT_FALSE(plan.seed);
}

TEST(Plan, SaysWhatIsWrongWithIt) {
  EXPECT_EQ(error_of("seed 1\nseed x\n"), "line 2: seed x: want a whole number");
  EXPECT_EQ(error_of("at 1 cut a b"), "line 1: at 1: want a time, as 1.25s");
  EXPECT_EQ(error_of("at 1s cut a b for soon"), "line 1: for: want a time, as 250ms");
  EXPECT_EQ(error_of("at 1s cut a b for"), "line 1: for: want a time, as 250ms");
  EXPECT_EQ(error_of("at 1s cut a =3"), "line 1: =3: want NAME=VALUE");
  EXPECT_EQ(error_of("#2 at 1s cut a b\n#2 at 2s cut a b"), "two faults are called #2");
  EXPECT_NE(error_of("fault at 1s").find("line 1: fault: want"), std::string::npos);
  EXPECT_NE(error_of("#x at 1s cut").find("want a number"), std::string::npos);
}

RC_GTEST_PROP(Plan, ReadsBackAsItWas, ()) {
  Plan plan;
  if (*rc::gen::arbitrary<bool>()) plan.scenario = "scenario_1";
  if (*rc::gen::arbitrary<bool>()) plan.seed = *rc::gen::arbitrary<std::uint64_t>();
  const auto word = rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', 'z')));
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) plan.settings[*word] = *word;
  const std::uint32_t count = *rc::gen::inRange<std::uint32_t>(0, 20);
  for (std::uint32_t number = 1; number <= count; ++number) {
    Fault fault;
    fault.number = number;
    fault.at = base::Duration(*rc::gen::inRange<std::int64_t>(0, 600'000'000'000));
    fault.what = *word;
    for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
      const std::string host = *word;
      if (host != "for" && host != "at") fault.where.push_back(host);
    }
    fault.lasts = base::Duration(*rc::gen::inRange<std::int64_t>(0, 60'000'000'000));
    if (*rc::gen::arbitrary<bool>()) fault.set(*word, std::int64_t{*rc::gen::arbitrary<int>()});
    plan.faults.push_back(std::move(fault));
  }
  plan.sort();
  std::string error;
  const std::optional<Plan> back = Plan::parse(plan.to_string(), error);
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == plan);
}

}  // namespace
}  // namespace razor::faults
