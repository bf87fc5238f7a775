// RAZOR_SOMETIMES: a place is known though it was never reached, wherever it stands. Were it registered when it is reached, the
// list of those never reached would always be empty.

#include "faults/sometimes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace razor::faults {
namespace {

using testing::ElementsAre;
using testing::Pair;

void in_a_function(bool reached) { RAZOR_SOMETIMES(reached, "test: in a function"); }

[[maybe_unused]] void never_called() { RAZOR_SOMETIMES(true, "test: never called"); }

template <class T>
void in_a_template(T value) {
  RAZOR_SOMETIMES(value > T{}, "test: in a template");
}

struct WithAMember {
  void in_a_member(int value) const { RAZOR_SOMETIMES(value == 1, "test: shared"); }
};

runtime::Task<void> in_a_coroutine(runtime::Runtime& runtime) {
  co_await runtime.clock().sleep_for(std::chrono::seconds(1));
  RAZOR_SOMETIMES(true, "test: in a coroutine");
}

std::vector<std::string> names_of_this_test() {
  std::vector<std::string> names;
  for (const std::string& name : sometimes_names()) {
    if (name.starts_with("test: ")) names.push_back(name);
  }
  return names;
}

TEST(Sometimes, KnowsAllNamesWithoutReachingThem) {
  EXPECT_THAT(names_of_this_test(), ElementsAre("test: in a coroutine", "test: in a function", "test: in a template",
                                                "test: never called", "test: shared"));
  EXPECT_TRUE(std::is_sorted(sometimes_names().begin(), sometimes_names().end()));
}

TEST(Sometimes, CountsWhenTheConditionHolds) {
  const sim::ScenarioResult result = sim::run_scenario(
      [](sim::World& world) {
        for (int i = 0; i < 5; ++i) {
          in_a_function(i > 2);
          in_a_template(i);
          WithAMember{}.in_a_member(i);
          RAZOR_SOMETIMES(i == 0, "test: shared");
        }
        world.host("here").start(in_a_coroutine);
        world.run_for(std::chrono::seconds(2));
      },
      1);
  EXPECT_THAT(result.counts, ElementsAre(Pair("sometimes/test: in a coroutine", 1), Pair("sometimes/test: in a function", 2),
                                         Pair("sometimes/test: in a template", 4), Pair("sometimes/test: shared", 2)));
}

TEST(Sometimes, DoesNothingOutsideOfAScenario) { in_a_function(true); }

}  // namespace
}  // namespace razor::faults
