// Scenarios that fail in every way there is, each with one seed of a few: pytests/test_scenario_main.py runs them as a user
// would. Some do not fail, but do not do the same twice; the last ones tell about themselves.
//
// The program has an option of its own: `--trouble WORD`, which scenarios report.

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "sim/main/scenario_program.h"
#include "sim/scenario.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;
using runtime::Task;

constexpr std::uint64_t kBadSeed = 3;

Task<void> sleep(runtime::Runtime& runtime) { co_await runtime.clock().sleep_for(1s); }

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

// --- What depends on more than its seed ---

// No event tells of it. Alone, every seed passes.
RAZOR_SCENARIO(counts_its_runs_quietly) {
  static int runs = 0;
  RAZOR_EXPECT(++runs == 1, "run {}", runs);
}

// Some seeds fail, always the same.
RAZOR_SCENARIO(draws_from_rand) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < world.seed() % 7; ++i) sum += static_cast<std::uint64_t>(std::rand());
  RAZOR_EXPECT((sum + static_cast<std::uint64_t>(std::rand())) % 4 != 0, "it drew one of four");
}

int a_global = 0;

// Seeds fail by where a global, the heap and a function lie.
RAZOR_SCENARIO(depends_on_addresses) {
  const auto on_heap = std::make_unique<int>();
  std::uint64_t sum = world.seed() * 0x9e37'79b9'7f4a'7c15;
  for (const void* address : {static_cast<const void*>(&a_global), static_cast<const void*>(on_heap.get())}) {
    // By the megabyte: in a sweep there are more things on the heap than in a program that runs one seed.
    sum = (sum ^ reinterpret_cast<std::uintptr_t>(address) >> 20) * 0x9e37'79b9'7f4a'7c15;
  }
  RAZOR_EXPECT(sum >> 63 == 0, "the upper half");
}

// Alone, no seed fails.
RAZOR_SCENARIO(fails_in_company) {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string words{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  RAZOR_EXPECT(words.find("--seeds") == words.npos, "it is not alone");
}

Task<void> turn_without_end(runtime::Runtime& runtime) {
  while (true) co_await runtime.clock().sleep_for(0s);
}

// Time creeps, and never comes to an end.
RAZOR_SCENARIO(turns_without_end) {
  world.host("idle").start(sleep);
  world.host("spinner").start(turn_without_end);
  while (true) world.run_for(1h);
}

Task<void> compute_without_end(runtime::Runtime& runtime) {
  co_await runtime.clock().sleep_for(1s);
  const volatile bool for_ever = true;
  while (for_ever) {
  }
}

RAZOR_SCENARIO(computes_without_end) {
  world.host("computer").start(compute_without_end);
  world.run_for(1h);
}

Task<void> read_a_clock(runtime::Runtime& runtime) {
  co_await runtime.clock().sleep_for(1s);
  (void)std::chrono::steady_clock::now();
}

RAZOR_SCENARIO(reads_a_clock) {
  world.host("reader").start(read_a_clock);
  world.run_for(2s);
}

// --- What tells about itself ---

std::string trouble;  // set by main

RAZOR_SCENARIO(reports) {
  // The number of the seed in calls: all differ. Only the even ones are cut.
  sim::report_count("calls", world.seed());
  sim::report_count("calls", 1'000'000);
  if (world.seed() % 2 == 0) sim::report_count("acted/cut", 3);
  sim::report_count("acted/crash", 0);
  if (world.seed() == kBadSeed) sim::report_count("sometimes/a bad seed");
  sim::report_text("plan", "of a run that passes");
  world.run_for(1s);
}

// 60 lines, beside which there is more than a pipe holds.
void report_a_long_plan() {
  std::string plan;
  for (int line = 1; line <= 60; ++line) plan += fmt::format("line {} {}\n", line, trouble);
  sim::report_text("plan", "which the next one takes the place of");
  sim::report_text("plan", plan);
  sim::report_text("story", std::string(300 * 1024, 's'));
}

RAZOR_SCENARIO(crashes_with_a_plan) {
  sim::report_count("calls");
  report_a_long_plan();
  world.run_for(1s);
  if (world.seed() == kBadSeed) *static_cast<int volatile*>(nullptr) = 0;
}

// The second run of a replay crashes: its reports are the first one's.
RAZOR_SCENARIO(crashes_the_second_time) {
  static int runs = 0;
  sim::report_text("plan", fmt::format("of run {}", ++runs));
  world.run_for(1s);
  if (runs == 2) std::abort();
}

// Every seed, for one of three causes.
RAZOR_SCENARIO(breaks_rules) {
  sim::report_text("plan", fmt::format("seed {}", world.seed()));
  RAZOR_EXPECT(world.seed() % 4 == 0, "rule 12: call {} ran twice", world.seed());
  RAZOR_EXPECT(world.seed() % 8 == 0, "rule {}: {} are left", "money", world.seed());
  RAZOR_REQUIRE(false, "seed {}", world.seed());
}

// The first rule a hundred times, and then another.
RAZOR_SCENARIO(breaks_a_rule_often) {
  for (int i = 0; i < 100; ++i) RAZOR_EXPECT(false, "rule 7: call {} of server{}:{} came back", i, i % 3, 4000 + i);
  RAZOR_EXPECT(world.seed() == 0, "rule 8: it is late");
}

// Ten bugs that break the same rule, each with numbers of its own.
RAZOR_SCENARIO(breaks_one_rule_in_many_ways) {
  constexpr std::array<std::string_view, 10> kHow{"twice", "late",   "early",  "never", "in vain",
                                                  "wrong", "behind", "before", "alone", "again"};
  RAZOR_EXPECT(false, "rule 7: call {} of server{}:{} ran {} after {}ms", world.seed(), world.seed() % 3, world.seed() * 7,
               kHow[world.seed() % kHow.size()], world.seed() * 1.5);
}

}  // namespace
}  // namespace razor::test

int main(int argc, char** argv) {
  razor::sim::ProgramExtras extras;
  extras.sometimes = {"a bad seed", "never in these tests"};
  extras.help_footer = "--trouble WORD   what some scenarios report";
  std::vector<char*> rest;
  for (int i = 0; i < argc; ++i) {
    if (std::strcmp(argv[i], "--trouble") == 0 && i + 1 < argc) {
      razor::test::trouble = argv[++i];
      extras.replay_words = {"--trouble", argv[i]};
    } else {
      rest.push_back(argv[i]);
    }
  }
  return razor::sim::scenario_program(static_cast<int>(rest.size()), rest.data(), extras);
}
