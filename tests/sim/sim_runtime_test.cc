// What a SimRuntime does that no other Runtime does: its seed chooses the order of what is ready.

#include "sim/sim_runtime.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "razor/runtime/event.h"
#include "sim/world.h"

namespace razor::test {
namespace {

runtime::Task<void> note(char name, std::string& order) {
  order += name;
  co_return;
}

std::string order_of_three(std::uint64_t seed) {
  sim::World world(seed);
  std::string order;
  runtime::Executor& executor = world.host("here").runtime().executor();
  for (const char name : {'a', 'b', 'c'}) executor.spawn("note", note(name, order));
  world.run_for(std::chrono::seconds(1));
  return order;
}

TEST(SimRuntime, RunsWhatIsReadyInEveryOrderThatThereIs) {
  std::set<std::string> orders;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) orders.insert(order_of_three(seed));
  EXPECT_EQ(orders, (std::set<std::string>{"abc", "acb", "bac", "bca", "cab", "cba"}));
}

TEST(SimRuntime, RunsItInTheSameOrderWithTheSameSeed) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) EXPECT_EQ(order_of_three(seed), order_of_three(seed));
}

// --- Code that never waits: a thousand turns are free, then time creeps. Without that a loop over sleep_for(0) takes a turn for
// each nanosecond: more than a million events pass, and it is not done.

constexpr std::uint64_t kEventsEnough = 1'000'000;

runtime::Task<void> set_later(Runtime& runtime, bool& done) {
  co_await runtime.clock().sleep_for(std::chrono::milliseconds(100));
  done = true;
}

runtime::Task<void> sleep_until_done(Runtime& runtime, base::Duration span, const bool& done, std::uint64_t& turns) {
  while (!done) {
    ++turns;
    co_await runtime.clock().sleep_for(span);
  }
}

TEST(SimRuntime, TimeCreepsForALoopThatNeverWaits) {
  for (const base::Duration span : {base::Duration(0), base::Duration(-1), base::Duration(1), base::Duration(999)}) {
    sim::World world(1);
    bool done = false;
    std::uint64_t turns = 0;
    Runtime& runtime = world.host("here").runtime();
    runtime.executor().spawn("set", set_later(runtime, done));
    runtime.executor().spawn("loop", sleep_until_done(runtime, span, done, turns));
    world.run_events(kEventsEnough);
    EXPECT_TRUE(done) << span.count() << " ns";
    EXPECT_GT(turns, 50'000u);
    EXPECT_LT(turns, 102'000u);
    EXPECT_GE(world.elapsed(), std::chrono::milliseconds(100));
  }
}

runtime::Task<void> hand_on(runtime::Event& mine, runtime::Event& others, const bool& done) {
  while (!done) {
    others.set();
    co_await mine.wait();
    mine.reset();
  }
  others.set();
}

TEST(SimRuntime, TimeCreepsForTasksThatWakeEachOther) {
  sim::World world(1);
  bool done = false;
  Runtime& runtime = world.host("here").runtime();
  runtime::Event one(runtime.executor());
  runtime::Event other(runtime.executor());
  runtime.executor().spawn("set", set_later(runtime, done));
  runtime.executor().spawn("one", hand_on(one, other, done));
  runtime.executor().spawn("other", hand_on(other, one, done));
  world.run_events(kEventsEnough);
  EXPECT_TRUE(done);
}

runtime::Task<void> sleep_exactly(Runtime& runtime, int times, bool& exactly) {
  for (int i = 0; i < times; ++i) {
    const base::TimePoint at = runtime.clock().now() + std::chrono::microseconds(2);
    co_await runtime.clock().sleep_until(at);
    exactly = exactly && runtime.clock().now() == at;
  }
}

TEST(SimRuntime, TimeDoesNotCreepForCodeThatWaits) {
  sim::World world(1);
  bool exactly = true;
  Runtime& runtime = world.host("here").runtime();
  runtime.executor().spawn("sleep", sleep_exactly(runtime, 5000, exactly));
  world.run_for(std::chrono::seconds(1));
  EXPECT_TRUE(exactly);
}

}  // namespace
}  // namespace razor::test
