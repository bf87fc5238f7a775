#pragma once
// Scenarios: tests in a simulated world, as GoogleTest knows tests. One seed is one run; a program that links
// razor::sim_main runs any number of them (`./prog --help`), a GoogleTest test runs one with `run_scenario`.
//
//   RAZOR_SCENARIO(survives_a_crash) {            // is given `razor::sim::World& world`
//     int answers = 0;
//     world.host("server").start(serve);
//     world.host("client").start([&answers](razor::Runtime& runtime) { return ask(runtime, answers); });
//     world.after(3s, [&world] { world.host("server").restart(); });
//     world.run_for(1min);
//     RAZOR_EXPECT(answers > 0, "none of {} answers came", kQuestions);
//   }
//
// It fails by RAZOR_EXPECT, RAZOR_REQUIRE, an exception, a failed RAZOR_CHECK or another crash, or its time limit; the last
// two only where it runs in a process of its own, as razor::sim_main does it. What it reports beside (report_count), a sweep of
// seeds sums up.
//
// The world goes after the scenario's variables: coroutines that are destroyed with it must not reach for them.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/fmt_address.h"
#include "sim/world.h"

namespace razor::sim {

struct ScenarioFailure {
  enum class Kind : std::uint8_t { expectation, requirement, exception, crash, time_limit, divergence };
  Kind kind;
  /// "file:line"; empty where none is known.
  std::string place;
  /// Virtual time, since the world began.
  base::Duration at{};
  std::string message;

  /// One line or several, as compilers report errors: "x_test.cc:12: at 3.000250 s: expected ...".
  std::string text() const;
};
/// As in JSON: "time_limit".
std::string_view name_of(ScenarioFailure::Kind kind);

/// What runs report beside failures, by name.
using Counts = std::map<std::string, std::uint64_t, std::less<>>;
using Texts = std::map<std::string, std::string, std::less<>>;

/// What came of one run.
struct ScenarioResult {
  /// The first ones, in order.
  std::vector<ScenarioFailure> failures;
  std::uint64_t failure_count = 0;
  std::uint64_t events = 0;
  base::Duration elapsed{};  ///< of virtual time
  std::uint64_t digest = 0;
  Counts counts;
  Texts texts;

  bool ok() const { return failure_count == 0; }
  /// All failures, a line each; empty when there are none: `EXPECT_EQ(result.text(), "")`.
  std::string text() const;
};

// --- Reports: what a run tells beside its failures. They are no events: the digest is the same without them. --------------

/// Adds to a number of the run that goes on in this thread; outside a scenario it does nothing. razor::sim_main sums them over
/// a sweep. What stands before the first '/' of a name is its group: "acted/cut".
void report_count(std::string_view name, std::uint64_t count = 1);
/// Sets a text of that run, over one of the same name. "plan" is what razor::sim_main shows of runs that failed.
void report_text(std::string_view name, std::string text);

using ScenarioBody = std::function<void(World&)>;

struct Scenario {
  std::string_view name;
  ScenarioBody body;
};

/// All that RAZOR_SCENARIO defined in this program, by name. They live as long as it does.
const std::vector<Scenario>& scenarios();
/// Null when there is none of this name.
const Scenario* find_scenario(std::string_view name);

/// What a run may be given from outside.
struct ScenarioOptions {
  /// Makes who watches: called when the world is there, destroyed before it goes, whatever comes of the run.
  std::function<std::unique_ptr<Observer>(World&)> observe;
  /// Told of each failure as it happens: what a crash would take away.
  std::function<void(const ScenarioFailure&)> on_failure;
  /// Told of each text as it is reported, likewise.
  std::function<void(std::string_view name, std::string_view text)> on_text;
  /// Told when a RAZOR_REQUIRE failed, behind `on_failure`; must not return. Without it an exception is thrown, which reaches
  /// `run_scenario` from the scenario itself, but ends the process when it escapes a task of a host.
  std::function<void(const ScenarioResult&)> on_stop;
  /// Has the world while it is there, and null before and after, for those who look in from a signal handler.
  World* volatile* world = nullptr;
  /// For all hosts; null: warnings and errors go to stderr.
  base::LogSink* log = nullptr;
};

/// Runs `body` in a world of this seed, here and now.
///
/// rand(), random() and drand48() begin anew, from the seed.
///
/// Errors:  an exception that leaves `body` is a failure of the result.
/// Threads: several may run at a time, each in a thread of its own; what they draw from rand() cannot be repeated then.
ScenarioResult run_scenario(const ScenarioBody& body, std::uint64_t seed, const ScenarioOptions& options = {});
/// The one of this name, which must be there.
ScenarioResult run_scenario(std::string_view name, std::uint64_t seed, const ScenarioOptions& options = {});

// --- Below: what the macros use --------------------------------------------------------------------------------------

namespace detail {

struct ScenarioRegistration {
  ScenarioRegistration(std::string_view name, void (*body)(World&));
};
void expectation_failed(const char* file, int line, const char* condition, std::string_view what = {});
[[noreturn]] void requirement_failed(const char* file, int line, const char* condition, std::string_view what = {});

}  // namespace detail
}  // namespace razor::sim

/// Defines a scenario: a function with the parameter `razor::sim::World& world`. Its name is one of the program's own.
#define RAZOR_SCENARIO(name)                                                                                                \
  static void razor_scenario_##name(::razor::sim::World& world);                                                            \
  static const ::razor::sim::detail::ScenarioRegistration razor_scenario_registration_##name(#name, razor_scenario_##name); \
  static void razor_scenario_##name([[maybe_unused]] ::razor::sim::World& world)

/// Records a failure, and goes on, unless `condition` holds: `RAZOR_EXPECT(sum == 3, "sum is {}", sum)`. Also in the
/// coroutines of a scenario, and in functions that it calls.
#define RAZOR_EXPECT(condition, ...)                                                                                     \
  do {                                                                                                                   \
    if (!(condition)) [[unlikely]] {                                                                                     \
      ::razor::sim::detail::expectation_failed(__FILE__, __LINE__, #condition __VA_OPT__(, ::fmt::format(__VA_ARGS__))); \
    }                                                                                                                    \
  } while (false)

/// As RAZOR_EXPECT, but the scenario ends there.
#define RAZOR_REQUIRE(condition, ...)                                                                                    \
  do {                                                                                                                   \
    if (!(condition)) [[unlikely]] {                                                                                     \
      ::razor::sim::detail::requirement_failed(__FILE__, __LINE__, #condition __VA_OPT__(, ::fmt::format(__VA_ARGS__))); \
    }                                                                                                                    \
  } while (false)
