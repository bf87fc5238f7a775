// Runs in a process of their own: all that a run reports comes back, and a crash, a hang or a flood of memory is a failure
// like others. Without the child, these tests would end with the first of them.

#include "faults/run_in_child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "faults/exploration.h"
#include "sim/guard.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;
using Kind = sim::ScenarioFailure::Kind;
using testing::HasSubstr;

ChildResult run(sim::ScenarioBody body, ChildLimits limits = {}, std::optional<Plan> plan = {}) {
  const sim::Scenario scenario{"test", std::move(body)};
  return run_in_child({.scenario = &scenario, .seed = 7, .plan = std::move(plan), .limits = limits});
}

TEST(RunInChild, BringsBackAllThatARunReports) {
  const auto body = [](sim::World& world) {
    world.run_for(2s);
    world.note("note");
    sim::report_count("calls", 3);
    sim::report_text("plan", "seed 7\n");
    sim::report_text("empty", "");
    RAZOR_EXPECT(world.seed() != 7, "seed {}", world.seed());
    world.run_for(1s);
    RAZOR_REQUIRE(false, "it ends here");
    sim::report_count("not reached");
  };
  const sim::ScenarioResult here = sim::run_scenario(body, 7);
  const ChildResult child = run(body);
  EXPECT_EQ(child.result.text(), here.text());
  EXPECT_EQ(child.result.failure_count, 2u);
  EXPECT_EQ(child.result.failures.back().kind, Kind::requirement);
  EXPECT_EQ(child.result.failures.back().at, 3s);
  EXPECT_EQ(child.result.digest, here.digest);
  EXPECT_EQ(child.result.events, here.events);
  EXPECT_EQ(child.result.elapsed, 3s);
  EXPECT_EQ(child.result.counts, here.counts);
  EXPECT_EQ(child.result.texts, here.texts);
  EXPECT_GT(child.real_time, 0s);
}

TEST(RunInChild, PlaysTheGivenPlan) {
  Plan plan;
  plan.settings = {{"servers", "4"}};
  const ChildResult child = run(
      [](sim::World& world) {
        Exploration exploration(world);
        sim::report_count("servers", static_cast<std::uint64_t>(exploration.number("servers", 1, 5)));
      },
      {}, plan);
  EXPECT_EQ(child.result.counts.at("servers"), 4u);
  EXPECT_FALSE(given_plan()) << "only in the child";
}

TEST(RunInChild, SurvivesACrash) {
  const ChildResult child = run([](sim::World& world) {
    world.run_for(1s);
    sim::report_text("plan", "seed 7\n");
    RAZOR_EXPECT(false, "before");
    RAZOR_CHECK(world.seed() == 0, "the last words");
  });
  ASSERT_EQ(child.result.failures.size(), 2u);
  EXPECT_EQ(child.result.failures[1].kind, Kind::crash);
  EXPECT_THAT(child.result.failures[1].message, HasSubstr("check failed: world.seed() == 0: the last words"));
  EXPECT_EQ(child.result.texts.at("plan"), "seed 7\n");
  if (sim::guard_is_active()) {
    EXPECT_EQ(child.result.failures[1].at, 1s);
  }
}

TEST(RunInChild, SurvivesAnEndOfTheProcess) {
  const ChildResult child = run([](sim::World&) { ::_exit(5); });
  ASSERT_EQ(child.result.failures.size(), 1u);
  EXPECT_THAT(child.result.failures[0].message, HasSubstr("ended the process with status 5"));
}

TEST(RunInChild, EndsARunThatHangs) {
  const ChildResult child = run(
      [](sim::World& world) {
        while (world.seed() == 7) world.run_for(1s);
      },
      {.real_time = 200ms});
  ASSERT_EQ(child.result.failures.size(), 1u);
  EXPECT_EQ(child.result.failures[0].kind, Kind::time_limit);
  EXPECT_GT(child.result.elapsed, 0s);
  EXPECT_LT(child.real_time, 30s);
}

TEST(RunInChild, EndsARunThatEatsMemory) {
  if (!sim::guard_is_active()) GTEST_SKIP() << "sanitizers need any amount";
  const ChildResult child = run(
      [](sim::World& world) {
        std::vector<std::string> eaten;
        while (world.seed() == 7) eaten.emplace_back(16 << 20, 'x');
      },
      {.real_time = 60s, .memory_bytes = 512 << 20});
  ASSERT_EQ(child.result.failures.size(), 1u);
  EXPECT_THAT(child.result.failures[0].message, HasSubstr("more memory than it may have"));
}

TEST(RunInChild, HearsWhatAnObserverTellsBeforeACrash) {
  class Watcher final : public sim::Observer {
   public:
    explicit Watcher(TellParent tell) : tell_(std::move(tell)) {}
    void on_note(std::string_view text) override { tell_(text); }

   private:
    TellParent tell_;
  };
  const sim::Scenario scenario{"test", [](sim::World& world) {
                                 for (int i = 0; i < 3000; ++i) world.note(std::string(static_cast<std::size_t>(i), 'x'));
                                 ::raise(SIGKILL);
                               }};
  std::vector<std::size_t> told;
  const ChildResult child =
      run_in_child({.scenario = &scenario,
                    .seed = 7,
                    .observe = [](sim::World&, TellParent tell) { return std::make_unique<Watcher>(std::move(tell)); },
                    .on_told = [&told](std::string_view text) { told.push_back(text.size()); }});
  EXPECT_FALSE(child.ok());
  ASSERT_EQ(told.size(), 3000u);
  EXPECT_EQ(told.back(), 2999u);
}

TEST(RunInChild, EndsWithItsObject) {
  const sim::Scenario scenario{"test", [](sim::World& world) {
                                 sim::report_text("here", "");
                                 while (world.seed() == 7) world.run_for(1s);
                               }};
  Child child({.scenario = &scenario, .seed = 7});
  while (!child.look() && child.result().result.texts.empty()) wait_for_any({&child}, 1s);
  EXPECT_TRUE(child.result().result.texts.contains("here"));
}

}  // namespace
}  // namespace razor::faults
