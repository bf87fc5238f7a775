// A scenario in a GoogleTest test: its failures come back as values, with the place and the virtual time. Were one lost, a
// broken run would pass.

#include "sim/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "sim/replay.h"

namespace razor::sim {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Pair;

RAZOR_SCENARIO(of_this_test) {
  world.run_for(3s);
  RAZOR_EXPECT(world.seed() != 7, "seed {}", world.seed());
}

TEST(Scenario, IsFoundByItsName) {
  ASSERT_NE(find_scenario("of_this_test"), nullptr);
  EXPECT_EQ(find_scenario("of_another_test"), nullptr);
  EXPECT_EQ(run_scenario("of_this_test", 6).text(), "");
  EXPECT_FALSE(run_scenario("of_this_test", 7).ok());
}

TEST(Scenario, SaysWhereAndWhenItFailed) {
  const ScenarioResult result = run_scenario("of_this_test", 7);
  ASSERT_EQ(result.failures.size(), 1u);
  EXPECT_EQ(result.failures[0].kind, ScenarioFailure::Kind::expectation);
  EXPECT_THAT(result.failures[0].place, HasSubstr("scenario_test.cc:"));
  EXPECT_EQ(result.failures[0].at, 3s);
  EXPECT_THAT(result.text(), EndsWith(": at 3.000000000 s: expected: world.seed() != 7: seed 7\n"));
  EXPECT_EQ(result.elapsed, 3s);
}

TEST(Scenario, GoesOnBehindAnExpectation) {
  bool went_on = false;
  const ScenarioResult result = run_scenario(
      [&went_on](World&) {
        for (int i = 0; i < 100; ++i) RAZOR_EXPECT(i < 50, "{}", i);
        went_on = true;
      },
      1);
  EXPECT_TRUE(went_on);
  EXPECT_EQ(result.failure_count, 50u);
  EXPECT_EQ(result.failures.size(), 10u);
  EXPECT_THAT(result.text(), EndsWith("and 40 failures more\n"));
}

TEST(Scenario, EndsAtARequirement) {
  bool went_on = false;
  const ScenarioResult result = run_scenario(
      [&went_on](World& world) {
        world.run_for(1s);
        RAZOR_REQUIRE(world.elapsed() > 1s);
        went_on = true;
      },
      1);
  EXPECT_FALSE(went_on);
  ASSERT_EQ(result.failures.size(), 1u);
  EXPECT_EQ(result.failures[0].kind, ScenarioFailure::Kind::requirement);
  EXPECT_EQ(result.failures[0].message, "expected: world.elapsed() > 1s");
}

TEST(Scenario, FailsByAnException) {
  EXPECT_THAT(run_scenario([](World&) { throw std::runtime_error("broken"); }, 1).text(), HasSubstr("exception: broken"));
  EXPECT_THAT(run_scenario([](World&) { throw 5; }, 1).text(), HasSubstr("exception: of an unknown type"));
}

runtime::Task<void> expect(runtime::Runtime& runtime) {
  co_await runtime.clock().sleep_for(2s);
  RAZOR_EXPECT(false, "in a coroutine");
}

TEST(Scenario, ExpectsInCoroutines) {
  const ScenarioResult result = run_scenario(
      [](World& world) {
        world.host("here").start(expect);
        world.run_for(3s);
      },
      1);
  EXPECT_THAT(result.text(), HasSubstr("at 2.000000000 s: expected: false: in a coroutine"));
}

TEST(Scenario, TellsAtOnceAndIsWatchedToItsEnd) {
  std::vector<std::string> story;
  struct Watcher final : Observer {
    explicit Watcher(std::vector<std::string>& to) : story(to) {}
    ~Watcher() override { story.push_back("watched"); }
    void on_occurrence(const Occurrence& occurrence) override { story.emplace_back(name_of(occurrence.kind)); }
    std::vector<std::string>& story;
  };
  World* volatile during = nullptr;
  ScenarioOptions options;
  options.observe = [&story](World&) { return std::make_unique<Watcher>(story); };
  options.on_failure = [&story](const ScenarioFailure& failure) { story.push_back(failure.message); };
  options.world = &during;
  run_scenario(
      [&story, &during](World& world) {
        EXPECT_EQ(during, &world);
        world.note("one");
        RAZOR_EXPECT(false);
        world.note("two");
        story.emplace_back("end");
      },
      1, options);
  EXPECT_EQ(during, nullptr);
  EXPECT_THAT(story, ElementsAre("noted", "expected: false", "noted", "end", "watched"));
}

TEST(Scenario, ReportsCountsAndTexts) {
  std::vector<std::string> told;
  ScenarioOptions options;
  options.on_text = [&told](std::string_view name, std::string_view text) {
    told.push_back(fmt::format("{}={}", name, text));
  };
  const ScenarioResult result = run_scenario(
      [&told](World& world) {
        report_count("calls");
        report_count("calls", 2);
        report_count("acted/cut", 0);
        report_text("plan", "first");
        EXPECT_THAT(told, ElementsAre("plan=first"));  // not only at the end, which may never come
        report_text("plan", "second");
        world.run_for(1s);
        RAZOR_REQUIRE(world.seed() != 1);
        report_count("not reached");
      },
      1, options);
  EXPECT_THAT(result.counts, ElementsAre(Pair("acted/cut", 0), Pair("calls", 3)));
  EXPECT_THAT(result.texts, ElementsAre(Pair("plan", "second")));
  EXPECT_THAT(told, ElementsAre("plan=first", "plan=second"));
}

TEST(Scenario, ReportsAreOfTheRunThatGoesOn) {
  report_count("of no run");
  report_text("of no run", "");
  const ScenarioResult outer = run_scenario(
      [](World&) {
        report_count("outer");
        EXPECT_THAT(run_scenario([](World&) { report_count("inner"); }, 1).counts, ElementsAre(Pair("inner", 1)));
        report_count("outer");
      },
      1);
  EXPECT_THAT(outer.counts, ElementsAre(Pair("outer", 2)));
  EXPECT_TRUE(outer.texts.empty());
}

TEST(Scenario, ReportingChangesNothing) {
  const auto run = [](bool reports) {
    return run_scenario(
        [reports](World& world) {
          world.host("here").start(expect);
          if (reports) report_count("calls");
          if (reports) report_text("plan", "a plan");
          world.run_for(3s);
        },
        1);
  };
  EXPECT_EQ(run(true).digest, run(false).digest);
}

TEST(Scenario, ReportsOfAReplayAreTheFirstRunsOwn) {
  int runs = 0;
  std::vector<std::string> told;
  ScenarioOptions options;
  options.on_text = [&told](std::string_view, std::string_view text) { told.emplace_back(text); };
  Counts when_stopped;
  struct Ended {};
  options.on_stop = [&when_stopped](const ScenarioResult& result) {
    when_stopped = result.counts;
    throw Ended();
  };
  const auto body = [&runs](World&) {
    report_count("run", static_cast<std::uint64_t>(++runs));
    report_text("plan", fmt::format("of run {}", runs));
    RAZOR_REQUIRE(runs < 2);
  };
  const ReplayResult result = replay_scenario(body, 1, options);
  EXPECT_EQ(runs, 2);
  EXPECT_THAT(told, ElementsAre("of run 1"));
  EXPECT_THAT(when_stopped, ElementsAre(Pair("run", 1)));
  EXPECT_THAT(result.first.counts, ElementsAre(Pair("run", 1)));
}

TEST(Scenario, WatchingChangesNothing) {
  const auto body = [](World& world) {
    world.host("here").start(expect);
    world.run_for(3s);
  };
  ScenarioOptions options;
  options.observe = [](World&) { return std::make_unique<Observer>(); };
  EXPECT_EQ(run_scenario(body, 1, options).digest, run_scenario(body, 1).digest);
  EXPECT_NE(run_scenario(body, 1).digest, World(1).digest());
}

TEST(ScenarioDeathTest, ExpectsOutsideOfAScenarioEndTheProcess) {
  EXPECT_DEATH(RAZOR_EXPECT(false, "nobody runs"), "outside a scenario: nobody runs");
}

}  // namespace
}  // namespace razor::sim
