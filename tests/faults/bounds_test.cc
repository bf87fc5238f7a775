// A bound that is broken for a while must be told once; the ends of runs must tell what is left over.
#include "faults/bounds.h"

#include <gmock/gmock.h>

#include <chrono>

namespace razor::faults {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

runtime::Task<void> tick_for_ever(runtime::Runtime& runtime) {
  while (true) co_await runtime.clock().sleep_for(10ms);
}

TEST(Bounds, AreLookedAtWhileTheWorldRuns) {
  const auto result = sim::run_scenario(
      [](sim::World& world) {
        Bounds bounds(world, 100ms);
        std::string wrong;
        bounds.add(22, "the queue", [&wrong] { return wrong; });
        bounds.add("fairness", "timers", [] { return std::string(); });
        world.host("any").start(tick_for_ever);
        world.after(1s, [&wrong] { wrong = "17 calls wait"; });
        world.after(2s, [&wrong] { wrong.clear(); });
        world.run_for(3s);
        EXPECT_GE(bounds.looks(), 25u);
        EXPECT_LE(bounds.looks(), 31u);
      },
      1);
  EXPECT_EQ(result.failure_count, 1u) << "told once, not at every look";
  EXPECT_THAT(result.text(), HasSubstr("rule 22: the queue: 17 calls wait"));
}

TEST(Bounds, AreLookedAtAtTheEnd) {
  const auto result = sim::run_scenario(
      [](sim::World& world) {
        Bounds bounds(world);
        bounds.add(23, "memory", [] { return std::string("too much"); });
        bounds.check_all();
      },
      1);
  EXPECT_THAT(result.text(), HasSubstr("rule 23: memory: too much"));
}

TEST(RetryBudget, CountsWhatIsSpentWithinTenSeconds) {
  RetryBudget budget(10, 5);
  const base::TimePoint start{};
  EXPECT_EQ(budget.look(start, 0, 0), "");
  EXPECT_EQ(budget.look(start + 1s, 15, 100), "");
  EXPECT_THAT(budget.look(start + 2s, 17, 100), HasSubstr("17 retries for 100 calls"));
  EXPECT_EQ(budget.look(start + 13s, 21, 100), "");   // the first ones were long ago
  EXPECT_EQ(budget.look(start + 14s, 0, 0), "");      // of another pool
  EXPECT_EQ(budget.look(start + 15s, 6, 0), "");
  EXPECT_NE(budget.look(start + 16s, 7, 0), "");
}

TEST(CheckRecovery, TellsWhatHasNotRecovered) {
  const auto result = sim::run_scenario(
      [](sim::World& world) {
        check_recovery(world, 5s, "calls succeed again", [&world] { return world.elapsed() >= 5s; });
        check_recovery(world, 5s, "server1 is used", [] { return false; });
      },
      1);
  EXPECT_EQ(result.failure_count, 1u);
  EXPECT_THAT(result.text(), HasSubstr("rule 27: not so 5s after the last fault: server1 is used"));
}

runtime::Task<void> hold_a_connection(runtime::Runtime& runtime) {
  auto stream = co_await runtime.network().connect(runtime::Address::tcp("server", 7000));
  RAZOR_REQUIRE(stream.ok(), "connect: {}", stream.error().message());
  co_await runtime.clock().sleep_until(base::TimePoint::max());
}

runtime::Task<void> accept_one(runtime::Runtime& runtime) {
  auto listener = runtime.network().listen(runtime::Address::tcp("0.0.0.0", 7000), {});
  RAZOR_REQUIRE(listener.ok(), "listen: {}", listener.error().message());
  auto stream = co_await (*listener)->accept();
  co_await runtime.clock().sleep_until(base::TimePoint::max());
}

TEST(CheckQuiescence, TellsWhatIsLeftOver) {
  EXPECT_EQ(sim::run_scenario([](sim::World& world) { check_quiescence(world); }, 1).text(), "");
  const auto ticking = sim::run_scenario(
      [](sim::World& world) {
        world.host("any").start(tick_for_ever);
        check_quiescence(world, 1s);
      },
      1);
  EXPECT_THAT(ticking.text(), HasSubstr("rule 25: all is closed, and after 1s something is still to happen"));
  const auto connected = sim::run_scenario(
      [](sim::World& world) {
        world.host("server").start(accept_one);
        world.host("caller").start(hold_a_connection);
        check_quiescence(world);
      },
      1);
  EXPECT_EQ(connected.failure_count, 2u);
  EXPECT_THAT(connected.text(), HasSubstr("rule 25: all is closed, and caller has 1 connections"));
}

}  // namespace
}  // namespace razor::faults
