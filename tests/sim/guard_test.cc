// Code of a world that asks the machine for time or chance gets the world's, the same in every run. What would block, start a
// thread or use the machine's sockets ends the run, and the message names the host, the function and who called it.
//
// Fails when two runs of a seed differ for what a clock or an entropy call said, or when such a call reaches the machine.

#include "sim/guard.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <random>
#include <thread>

#include "sim/scenario.h"
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

class GuardTest : public testing::Test {
 protected:
  GuardTest() {
    if (!sim::guard_is_active()) skip();
  }
  void skip() { GTEST_SKIP() << "a sanitizer stands in its place"; }
};

std::int64_t ns_of(const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

runtime::Task<void> compare_clocks(Runtime& runtime, sim::Host& host, int& compared) {
  for (int i = 0; i < 3; ++i) {
    const auto monotonic = host.clock_now().time_since_epoch();
    EXPECT_EQ(std::chrono::steady_clock::now().time_since_epoch(), monotonic);
    const std::int64_t wall = host.wall_clock_ns();
    EXPECT_EQ(std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count(), wall);
    EXPECT_EQ(std::time(nullptr), wall / 1'000'000'000);
    timespec time{};
    EXPECT_EQ(::timespec_get(&time, TIME_UTC), TIME_UTC);
    EXPECT_EQ(ns_of(time), wall);
    timeval day{};
    EXPECT_EQ(::gettimeofday(&day, nullptr), 0);
    EXPECT_EQ(day.tv_sec * 1'000'000 + day.tv_usec, wall / 1000);
    EXPECT_EQ(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time), 0);
    EXPECT_EQ(ns_of(time), host.engine().now().time_since_epoch().count());
    ++compared;
    co_await runtime.clock().sleep_for(1500ms);
  }
}

TEST_F(GuardTest, ClocksAreThoseOfTheHost) {
  sim::World world(1);
  int compared = 0;
  sim::Host& host = world.host("here");
  host.set_drift_ppm(100'000);
  host.start([&](Runtime& runtime) { return compare_clocks(runtime, host, compared); });
  world.after(1s, [&host] { host.step_wall_clock(-24h); });
  std::int64_t of_the_scenario = 0;
  world.after(2s, [&] { of_the_scenario = std::chrono::steady_clock::now().time_since_epoch().count(); });
  world.run_for(10s);
  EXPECT_EQ(compared, 3);
  EXPECT_EQ(of_the_scenario, std::chrono::nanoseconds(2s).count());
}

std::vector<std::uint64_t> chance_of_a_run(std::uint64_t seed, const char* host, std::uint64_t* digest = nullptr) {
  sim::World world(seed);
  std::vector<std::uint64_t> drawn;
  const auto draw = [&drawn] {
    std::uint64_t bits = 0;
    EXPECT_EQ(::getrandom(&bits, sizeof(bits), 0), 8);
    drawn.push_back(bits);
    EXPECT_EQ(::getentropy(&bits, sizeof(bits)), 0);
    drawn.push_back(bits);
    drawn.push_back(std::random_device()());
  };
  world.host(host).start([&draw](Runtime&) { return call(draw); });
  world.run_for(1s);
  if (digest != nullptr) *digest = world.digest();
  return drawn;
}

TEST_F(GuardTest, ChanceIsTheHostsOwnAndTheSameInEveryRun) {
  std::uint64_t one = 0;
  std::uint64_t other = 0;
  const auto drawn = chance_of_a_run(1, "here", &one);
  ASSERT_EQ(drawn.size(), 3u);
  EXPECT_NE(drawn[0], drawn[1]);
  EXPECT_EQ(chance_of_a_run(1, "here"), drawn);
  EXPECT_NE(chance_of_a_run(2, "here", &other), drawn);
  EXPECT_NE(chance_of_a_run(1, "there"), drawn);
  EXPECT_NE(one, other);
}

TEST_F(GuardTest, RandBeginsAnewWithEachRun) {
  const auto run = [](std::uint64_t seed) {
    std::vector<std::int64_t> drawn;
    const auto body = [&drawn](sim::World&) {
      for (int i = 0; i < 3; ++i) drawn.insert(drawn.end(), {std::rand(), ::random(), ::lrand48()});
    };
    sim::run_scenario(body, seed);
    return drawn;
  };
  const auto drawn = run(1);
  EXPECT_EQ(run(1), drawn);
  EXPECT_NE(run(2), drawn);
}

class GuardDeathTest : public testing::Test {
 protected:
  GuardDeathTest() {
    if (!sim::guard_is_active()) skip();
    GTEST_FLAG_SET(death_test_style, "fast");
  }
  void skip() { GTEST_SKIP() << "a sanitizer stands in its place"; }
};

void run_strictly(std::function<void()> what) {
  sim::set_strict_clocks(true);
  run_in_a_world(std::move(what));
}

TEST_F(GuardDeathTest, StrictClocksEndTheRun) {
  EXPECT_DEATH(run_strictly([] { (void)std::chrono::steady_clock::now(); }), "simulated world called clock_gettime");
  EXPECT_DEATH(run_strictly([] { (void)std::chrono::system_clock::now(); }), "simulated world called clock_gettime");
  EXPECT_DEATH(run_strictly([] { (void)std::time(nullptr); }), "simulated world called time");
  EXPECT_DEATH(run_strictly([] { (void)std::random_device()(); }), "simulated world called std::random_device");
}

TEST_F(GuardDeathTest, SleepingEndsTheRun) {
  EXPECT_DEATH(run_in_a_world([] { std::this_thread::sleep_for(1ns); }), "simulated world called .*nanosleep");
  EXPECT_DEATH(run_in_a_world([] { ::usleep(1); }), "simulated world called usleep.*would block");
}

TEST_F(GuardDeathTest, EntropyThatCannotBeRepeatedEndsTheRun) {
  EXPECT_DEATH(run_in_a_world([] { (void)std::fopen("/dev/urandom", "r"); }), "simulated world called fopen");
}

TEST_F(GuardDeathTest, SocketsOfTheMachineEndTheRun) {
  EXPECT_DEATH(run_in_a_world([] { ::socket(AF_INET, SOCK_STREAM, 0); }), "simulated world called socket");
  EXPECT_DEATH(run_in_a_world([] { ::epoll_create1(0); }), "simulated world called epoll_create1");
  EXPECT_DEATH(run_in_a_world([] { ::eventfd(0, 0); }), "simulated world called eventfd");
  EXPECT_DEATH(run_in_a_world([] { ::timerfd_create(CLOCK_MONOTONIC, 0); }), "simulated world called timerfd_create");
}

// As an AsioRuntime begins.
[[gnu::noinline]] void start_a_real_runtime() {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  std::fprintf(stderr, "it was made: %d\n", epoll);
}

TEST_F(GuardDeathTest, TheHostAndTheCallerAreNamed) {
  EXPECT_DEATH(
      run_in_a_world(start_a_real_runtime),
      "the host 'here' in a simulated world called epoll_create1 at 0.000000000 s: it belongs to the real machine(.|\n)*"
      "\n *razor::test::start_a_real_runtime\\(\\)(.|\n)*\n *razor::test::call\\(");
}

TEST_F(GuardDeathTest, ThreadsEndTheRun) {
  EXPECT_DEATH(run_in_a_world([] { std::thread([] {}).join(); }), "simulated world called pthread_create");
}

TEST_F(GuardDeathTest, OutsideOfAWorldAndWhereItIsAllowedTheyAreTheMachinesOwn) {
  const auto real_now = std::chrono::steady_clock::now();
  run_in_a_world([real_now] {
    const sim::NotSimulating allowed;
    const auto now = std::chrono::steady_clock::now();
    EXPECT_LT(std::chrono::abs(now - real_now), 1h);
  });
  EXPECT_GT(std::chrono::steady_clock::now().time_since_epoch().count(), 0);
  (void)std::random_device()();
  std::thread([] {}).join();
}

}  // namespace
}  // namespace razor::test
