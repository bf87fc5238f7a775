// A scenario that reads a real clock, takes real entropy or starts a thread cannot be repeated: the run ends, and says why.

#include "sim/guard.h"

#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <random>
#include <thread>

#include "sim/world.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;

runtime::Task<void> call(std::function<void()> what) {
  what();
  co_return;
}

void run_in_a_world(std::function<void()> what) {
  sim::World world(1);
  world.host("here").start([what](Runtime&) { return call(what); });
  world.run_for(1s);
}

class GuardDeathTest : public testing::Test {
 protected:
  GuardDeathTest() {
    if (!sim::guard_is_active()) skip();
    GTEST_FLAG_SET(death_test_style, "fast");
  }
  void skip() { GTEST_SKIP() << "a sanitizer stands in its place"; }
};

TEST_F(GuardDeathTest, RealClocksEndTheRun) {
  EXPECT_DEATH(run_in_a_world([] { (void)std::chrono::steady_clock::now(); }), "simulated world called clock_gettime");
  EXPECT_DEATH(run_in_a_world([] { (void)std::chrono::system_clock::now(); }), "simulated world called clock_gettime");
  EXPECT_DEATH(run_in_a_world([] { (void)std::time(nullptr); }), "simulated world called time");
}

TEST_F(GuardDeathTest, SleepingEndsTheRun) {
  EXPECT_DEATH(run_in_a_world([] { std::this_thread::sleep_for(1ns); }), "simulated world called .*nanosleep");
}

TEST_F(GuardDeathTest, RealEntropyEndsTheRun) {
  EXPECT_DEATH(run_in_a_world([] { (void)std::random_device()(); }), "simulated world called std::random_device");
}

TEST_F(GuardDeathTest, ThreadsEndTheRun) {
  EXPECT_DEATH(run_in_a_world([] { std::thread([] {}).join(); }), "simulated world called pthread_create");
}

TEST_F(GuardDeathTest, OutsideOfAWorldAndWhereItIsAllowedTheyWork) {
  run_in_a_world([] {
    const sim::NotSimulating allowed;
    (void)std::chrono::steady_clock::now();
  });
  EXPECT_GT(std::chrono::steady_clock::now().time_since_epoch().count(), 0);
  (void)std::random_device()();
  std::thread([] {}).join();
}

}  // namespace
}  // namespace razor::test
