// Scenarios that fail in every way there is, each with one seed of a few: pytests/test_scenario_main.py runs them as a user
// would. The last ones do not fail, but do not do the same twice.

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>

#include "sim/scenario.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;
using runtime::Task;

constexpr std::uint64_t kBadSeed = 3;

Task<void> sleep(runtime::Runtime& runtime) {
  co_await runtime.clock().sleep_for(1s);
}

RAZOR_SCENARIO(passes) {
  world.host("here").start(sleep);
  world.run_for(10s);
}

RAZOR_SCENARIO(expects) {
  world.host("here").start(sleep);
  world.run_for(2s);
  RAZOR_EXPECT(world.seed() != kBadSeed, "first, seed {}", world.seed());
  world.run_for(1s);
  RAZOR_EXPECT(world.seed() != kBadSeed);
}

RAZOR_SCENARIO(expects_often) {
  for (int i = 0; i < 1000; ++i) RAZOR_EXPECT(world.seed() != kBadSeed, "number {}", i);
}

RAZOR_SCENARIO(requires_it) {
  RAZOR_REQUIRE(world.seed() != kBadSeed, "it must be so");
  RAZOR_EXPECT(world.seed() != kBadSeed, "not reached");
}

Task<void> require(runtime::Runtime& runtime, std::uint64_t seed) {
  co_await runtime.clock().sleep_for(1s);
  RAZOR_REQUIRE(seed != kBadSeed, "in a coroutine");
}

RAZOR_SCENARIO(requires_it_in_a_coroutine) {
  world.host("here").start([seed = world.seed()](runtime::Runtime& runtime) { return require(runtime, seed); });
  world.run_for(2s);
  RAZOR_EXPECT(world.seed() != kBadSeed, "not reached");
}

RAZOR_SCENARIO(throws) {
  if (world.seed() == kBadSeed) throw std::runtime_error("thrown \"here\"");
}

RAZOR_SCENARIO(checks) {
  world.run_for(5s);
  world.note("about to check");
  std::fputs("the last words\n", stderr);
  RAZOR_CHECK(world.seed() != kBadSeed, "a bug");
}

RAZOR_SCENARIO(crashes) {
  world.run_for(5s);
  if (world.seed() == kBadSeed) *static_cast<int volatile*>(nullptr) = 0;
}

RAZOR_SCENARIO(exits) {
  if (world.seed() == kBadSeed) std::_Exit(5);
}

RAZOR_SCENARIO(hangs) {
  world.run_for(7s);
  const volatile bool for_ever = world.seed() == kBadSeed;
  while (for_ever) {
  }
}

Task<void> spin(runtime::Runtime& runtime) {
  while (true) co_await runtime.clock().sleep_for(1us);
}

// It would go on for ever, virtual time and all: for Ctrl-C.
RAZOR_SCENARIO(never_ends) {
  world.host("here").start(spin);
  while (true) world.run_for(1s);
}

// --- What is not the same twice ---

Task<void> sleep_for_a_static_time(runtime::Runtime& runtime) {
  static int runs = 0;
  co_await runtime.clock().sleep_for(3s);
  co_await runtime.clock().sleep_for(1ms * ++runs);
}

RAZOR_SCENARIO(counts_its_runs) {
  world.host("counter").start(sleep_for_a_static_time);
  world.run_for(10s);
}

RAZOR_SCENARIO(notes_an_address) {
  const auto where = std::make_unique<int>();
  world.run_for(1s);
  world.note(fmt::format("{}", static_cast<void*>(where.get())));
}

// The second run ends earlier.
RAZOR_SCENARIO(does_less) {
  static int runs = 0;
  world.host("here").start(sleep);
  world.run_for(++runs % 2 == 1 ? 2s : 500ms);
}

}  // namespace
}  // namespace razor::test
