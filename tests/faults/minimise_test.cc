// The search for the smallest plan, with made-up failures: it must end, must end with a plan that fails, and nothing of that
// plan may be superfluous. A search that forgets one of the ways to make a plan simpler leaves something that can go.

#include "faults/minimise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

Plan plan_of(std::string_view text) {
  std::string error;
  auto plan = Plan::parse(text, error);
  EXPECT_TRUE(plan) << error;
  return plan.value_or(Plan{});
}

// `act` is no kind of the catalogue, so any fault of that name can be played.
Plan plan_of_acts(std::uint32_t count) {
  Plan plan;
  for (std::uint32_t number = 1; number <= count; ++number) {
    Fault& fault = plan.faults.emplace_back();
    fault.number = number;
    fault.at = number * 1s;
    fault.what = "act";
  }
  return plan;
}

bool has_all(const Plan& plan, std::initializer_list<std::uint32_t> numbers) {
  return std::ranges::all_of(numbers, [&plan](std::uint32_t number) { return plan.find(number) != nullptr; });
}

std::string smallest(const Plan& plan, std::function<bool(const Plan&)> fails, std::vector<Knob> knobs = {}) {
  TrialsOf trials(fails, knobs);
  const Failing found = minimise({plan, knobs}, trials);
  EXPECT_TRUE(fails(found.plan)) << found.plan.to_string();
  return found.plan.to_string();
}

TEST(Minimise, LeavesNothingWhereNothingIsNeeded) {
  EXPECT_EQ(smallest(plan_of_acts(100), [](const Plan&) { return true; }), "");
}

TEST(Minimise, FindsTheFaultsThatAreNeededTogether) {
  TrialsOf trials([](const Plan& plan) { return has_all(plan, {3, 64, 65}); });
  const Failing found = minimise({plan_of_acts(100), {}}, trials);
  EXPECT_EQ(found.plan.faults.size(), 3u);
  EXPECT_TRUE(has_all(found.plan, {3, 64, 65})) << "faults keep their numbers";
  EXPECT_LT(trials.runs(), 200u) << "one by one, without chunks, it were more";
}

TEST(Minimise, ShortensFaultsAndPutsThemEarly) {
  const Plan plan = plan_of("#1 at 7.3s act a for 8s\n#2 at 9.123456s act b for 5.4321s\n");
  EXPECT_EQ(smallest(plan, [](const Plan& tried) { return has_all(tried, {1, 2}); }), "#1 at 0s act a\n#2 at 0s act b\n");
  // What is found reads well: it lasts for few digits.
  const std::string text = smallest(plan, [](const Plan& tried) {
    const Fault* second = tried.find(2);
    return second != nullptr && second->lasts >= 1234567us;
  });
  EXPECT_THAT(text, testing::AnyOf("#2 at 0s act b for 1.3s\n", "#2 at 0s act b for 2s\n", "#2 at 0s act b for 1.35s\n"));
}

TEST(Minimise, KeepsTheTimeBetweenFaultsWhereItMatters) {
  const Plan plan = plan_of("#1 at 7s act a\n#2 at 9s act b\n");
  EXPECT_EQ(
      smallest(plan,
               [](const Plan& tried) { return has_all(tried, {1, 2}) && tried.find(2)->at - tried.find(1)->at == 2s; }),
      "#1 at 0s act a\n#2 at 2s act b\n");
}

TEST(Minimise, WeakensParametersAndTakesHostsAway) {
  const Plan plan = plan_of("#1 at 0s act a b c way=there percent=80 delay=3s\n");
  EXPECT_EQ(smallest(plan, [](const Plan& tried) { return has_all(tried, {1}); }), "#1 at 0s act c\n");
  EXPECT_EQ(smallest(plan,
                     [](const Plan& tried) {
                       const Fault* fault = tried.find(1);
                       return fault != nullptr && fault->number_of("percent", 0) >= 7 &&
                              fault->duration_of("delay", 0s) >= 1s &&
                              std::ranges::find(fault->where, "b") != fault->where.end();
                     }),
            "#1 at 0s act b delay=1s percent=7\n");
}

TEST(Minimise, KnowsWhatAKindRefuses) {
  const Plan plan = plan_of("#1 at 0s cut a b for 1s\n#2 at 0s handler_delay a for 1s delay=1s\n");
  const FaultKind* cut = find_kind("cut");
  ASSERT_NE(cut, nullptr);
  bool asked_for_nonsense = false;
  (void)smallest(plan, [&](const Plan& tried) {
    for (const Fault& fault : tried.faults) asked_for_nonsense |= !find_kind(fault.what)->check(fault).empty();
    return tried.faults.size() == 2;
  });
  EXPECT_FALSE(asked_for_nonsense);
}

TEST(Minimise, UsesTheFirstHosts) {
  const Plan plan = plan_of("#1 at 0s act server3 caller0\n#2 at 0s act server5 server3\n");
  const auto same_shape = [](const Plan& tried) {
    return has_all(tried, {1, 2}) && tried.find(1)->where.size() == 2 && tried.find(2)->where.size() == 2 &&
           tried.find(1)->where[0] == tried.find(2)->where[1] && tried.find(2)->where[0] != tried.find(2)->where[1];
  };
  EXPECT_EQ(smallest(plan, same_shape), "#1 at 0s act server0 caller0\n#2 at 0s act server1 server0\n");
}

TEST(Minimise, MakesSettingsSimple) {
  Plan plan = plan_of("set servers 5\nset pause 3s\nset tls yes\nset unused 7\n");
  const std::vector<Knob> knobs{{"servers", "5", "1"}, {"pause", "3s", "10ms"}, {"tls", "yes", "no"}};
  EXPECT_EQ(smallest(plan, [](const Plan&) { return true; }, knobs), "set pause 10ms\nset servers 1\nset tls no\n");
  EXPECT_EQ(
      smallest(
          plan, [](const Plan& tried) { return tried.settings.at("servers") >= "3" && tried.settings.at("tls") == "yes"; },
          knobs),
      "set pause 10ms\nset servers 3\nset tls yes\n");
}

TEST(Minimise, GoesUpWhereMoreIsSimpler) {
  Plan plan = plan_of("set window 3\nset offset -40\n");
  const std::vector<Knob> knobs{{"window", "3", "128"}, {"offset", "-40", "0"}};
  EXPECT_EQ(smallest(plan, [](const Plan&) { return true; }, knobs), "set offset 0\nset window 128\n");
}

TEST(Minimise, StopsWhenItIsTold) {
  class Impatient final : public Trials {
   public:
    std::optional<Failing> first_failing(const std::vector<Plan>& candidates) override {
      ++asked;
      return Failing{candidates.front(), {}};
    }
    bool go_on() override { return asked < 1; }
    int asked = 0;
  };
  Impatient trials;
  Plan plan = plan_of_acts(10);
  plan.faults.front().lasts = 3s;
  (void)minimise({plan, {}}, trials);
  EXPECT_EQ(trials.asked, 1);
}

TEST(Minimise, NeverAsksForTheSamePlanTwice) {
  std::multiset<std::string> asked;
  (void)smallest(plan_of("#1 at 7.3s act x y for 8s p=9\n#2 at 9.1s act b for 5s\n"), [&asked](const Plan& plan) {
    asked.insert(plan.to_string());
    return has_all(plan, {1, 2});
  });
  std::string last = "none";
  asked.erase(asked.find(plan_of("#1 at 0s act y\n#2 at 0s act b\n").to_string()));  // our own check
  for (const std::string& plan : asked) {
    EXPECT_NE(plan, last);
    last = plan;
  }
}

// Whatever faults are needed, and however long: just these are left.
RC_GTEST_PROP(Minimise, LeavesJustWhatIsNeeded, ()) {
  const auto count = *rc::gen::inRange<std::uint32_t>(1, 40);
  const auto needed = *rc::gen::container<std::set<std::uint32_t>>(rc::gen::inRange<std::uint32_t>(1, count + 1));
  const auto least = std::chrono::milliseconds(*rc::gen::inRange(0, 5000));
  Plan plan = plan_of_acts(count);
  for (Fault& fault : plan.faults) fault.lasts = 10s;
  const auto fails = [&](const Plan& tried) {
    return std::ranges::all_of(needed, [&](std::uint32_t number) {
      const Fault* fault = tried.find(number);
      return fault != nullptr && fault->lasts >= least;
    });
  };
  TrialsOf trials(fails);
  const Plan found = minimise({plan, {}}, trials).plan;
  RC_ASSERT(fails(found));
  RC_ASSERT(found.faults.size() == needed.size());
  for (const Fault& fault : found.faults) {
    RC_ASSERT(fault.at == 0s);
    RC_ASSERT(fault.lasts <= std::max<base::Duration>(2 * least, 1ms));
  }
}

// Failures that are no simple "has these": any predicate ends, and what is left fails, though less does not.
RC_GTEST_PROP(Minimise, EndsWithOneThatFailsWhateverFails, ()) {
  const auto salt = *rc::gen::arbitrary<std::uint64_t>();
  Plan plan = plan_of_acts(*rc::gen::inRange<std::uint32_t>(1, 15));
  for (Fault& fault : plan.faults) fault.lasts = std::chrono::milliseconds(*rc::gen::inRange(1, 100'000));
  const std::string start = plan.to_string();
  const auto fails = [&](const Plan& tried) {
    std::uint64_t hash = salt;
    for (const char letter : tried.to_string()) hash = base::scrambled(hash + static_cast<unsigned char>(letter));
    return tried.to_string() == start || hash % 3 == 0;
  };
  TrialsOf trials(fails);
  const Plan found = minimise({plan, {}}, trials).plan;
  RC_ASSERT(fails(found));
  for (std::size_t i = 0; i < found.faults.size(); ++i) {
    Plan less = found;
    less.faults.erase(less.faults.begin() + static_cast<std::ptrdiff_t>(i));
    RC_ASSERT(!fails(less));
  }
}

}  // namespace
}  // namespace razor::faults
