#include "sim/scenario.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

namespace razor::sim {
namespace {

// A RAZOR_EXPECT in a loop would fill the memory: what comes behind the first ones is counted.
constexpr std::size_t kFailuresKept = 10;
// And behind those, the first of each place, of so many places.
constexpr std::size_t kPlacesKept = 20;

// Not derived from std::exception, so that those who handle these let it pass.
struct Stopped {};

// The run that goes on in this thread. RAZOR_EXPECT must find it from any function and coroutine, as EXPECT_TRUE does.
class Run;
thread_local Run* current_run = nullptr;

class Run {
 public:
  Run(World& world, const ScenarioOptions& options)
      : world_(world), options_(options), outer_(std::exchange(current_run, this)) {
    if (options.world != nullptr) *options.world = &world;
    if (options.observe) watch(options.observe(world));
  }
  Run(const Run&) = delete;
  ~Run() {
    unwatch();
    if (options_.world != nullptr) *options_.world = nullptr;
    current_run = outer_;
  }

  void fail(ScenarioFailure failure) {
    ++result_.failure_count;
    // One check that fails on and on does not hide what fails behind it.
    const bool is_new = places_.size() < kPlacesKept && places_.insert(failure.place).second;
    if (result_.failure_count > kFailuresKept && !is_new) return;
    if (options_.on_failure) options_.on_failure(failure);
    result_.failures.push_back(std::move(failure));
  }
  void count(std::string_view name, std::uint64_t count) {
    const auto found = result_.counts.find(name);
    (found != result_.counts.end() ? found->second : result_.counts[std::string(name)]) += count;
  }
  void set_text(std::string_view name, std::string text) {
    if (options_.on_text) options_.on_text(name, text);
    result_.texts.insert_or_assign(std::string(name), std::move(text));
  }
  [[noreturn]] void stop() {
    if (options_.on_stop) {
      unwatch();
      options_.on_stop(result());
    }
    throw Stopped();
  }
  base::Duration elapsed() const { return world_.elapsed(); }
  const ScenarioResult& result() {
    result_.events = world_.events();
    result_.elapsed = world_.elapsed();
    result_.digest = world_.digest();
    return result_;
  }

 private:
  void watch(std::unique_ptr<Observer> observer) {
    observer_ = std::move(observer);
    if (observer_) world_.engine().add_observer(*observer_);
  }
  void unwatch() {
    if (observer_) world_.engine().remove_observer(*observer_);
    observer_.reset();
  }

  World& world_;
  const ScenarioOptions& options_;
  Run* outer_;
  std::unique_ptr<Observer> observer_;
  ScenarioResult result_;
  std::set<std::string> places_;  // of failures
};

// Else what one run draws from rand() would depend on how often those before it did.
void begin_chance_of_the_process(World& world) {
  base::RandomStream draws = world.random("rand");
  const std::uint64_t seed = draws.bits();
  std::srand(static_cast<unsigned>(seed));  // random() too
  ::srand48(static_cast<long>(seed >> 32));
}

std::vector<Scenario>& registered() {
  static std::vector<Scenario> all;  // made when the first registers: before main, in no order
  return all;
}

std::string described(const char* condition, std::string_view what) {
  return what.empty() ? fmt::format("expected: {}", condition) : fmt::format("expected: {}: {}", condition, what);
}

Run& run_of(const char* file, int line, const char* condition, std::string_view what) {
  if (current_run == nullptr) base::check_failed(file, line, condition, fmt::format("outside a scenario: {}", what));
  return *current_run;
}

}  // namespace

void report_count(std::string_view name, std::uint64_t count) {
  if (current_run != nullptr) current_run->count(name, count);
}

void report_text(std::string_view name, std::string text) {
  if (current_run != nullptr) current_run->set_text(name, std::move(text));
}

const std::vector<Scenario>& scenarios() { return registered(); }

const Scenario* find_scenario(std::string_view name) {
  for (const Scenario& scenario : registered()) {
    if (scenario.name == name) return &scenario;
  }
  return nullptr;
}

ScenarioResult run_scenario(const ScenarioBody& body, std::uint64_t seed, const ScenarioOptions& options) {
  World world(seed, {}, options.log);
  begin_chance_of_the_process(world);
  Run run(world, options);
  const auto threw = [&run](std::string_view what) {
    run.fail({ScenarioFailure::Kind::exception, {}, run.elapsed(), fmt::format("exception: {}", what)});
  };
  try {
    body(world);
  } catch (const Stopped&) {
  } catch (const std::exception& error) {
    threw(error.what());
  } catch (...) {
    threw("of an unknown type");
  }
  return run.result();
}

ScenarioResult run_scenario(std::string_view name, std::uint64_t seed, const ScenarioOptions& options) {
  const Scenario* scenario = find_scenario(name);
  RAZOR_CHECK(scenario != nullptr, "no scenario is called {}", name);
  return run_scenario(scenario->body, seed, options);
}

std::string_view name_of(ScenarioFailure::Kind kind) {
  switch (kind) {
    case ScenarioFailure::Kind::expectation: return "expectation";
    case ScenarioFailure::Kind::requirement: return "requirement";
    case ScenarioFailure::Kind::exception: return "exception";
    case ScenarioFailure::Kind::crash: return "crash";
    case ScenarioFailure::Kind::time_limit: return "time_limit";
    case ScenarioFailure::Kind::divergence: return "divergence";
  }
  return "?";
}

std::string ScenarioFailure::text() const {
  const auto nanoseconds = at.count();
  return fmt::format("{}{}at {}.{:09} s: {}", place, place.empty() ? "" : ": ", nanoseconds / 1'000'000'000,
                     nanoseconds % 1'000'000'000, message);
}

std::string ScenarioResult::text() const {
  std::string text;
  for (const ScenarioFailure& failure : failures) text += failure.text() + '\n';
  if (failure_count > failures.size()) text += fmt::format("and {} failures more\n", failure_count - failures.size());
  return text;
}

namespace detail {

ScenarioRegistration::ScenarioRegistration(std::string_view name, void (*body)(World&)) {
  RAZOR_CHECK(find_scenario(name) == nullptr, "two scenarios are called {}", name);
  std::vector<Scenario>& all = registered();
  const auto behind = std::find_if(all.begin(), all.end(), [name](const Scenario& other) { return other.name > name; });
  all.insert(behind, Scenario{name, body});
}

void expectation_failed(const char* file, int line, const char* condition, std::string_view what) {
  Run& run = run_of(file, line, condition, what);
  run.fail(
      {ScenarioFailure::Kind::expectation, fmt::format("{}:{}", file, line), run.elapsed(), described(condition, what)});
}

void requirement_failed(const char* file, int line, const char* condition, std::string_view what) {
  Run& run = run_of(file, line, condition, what);
  run.fail(
      {ScenarioFailure::Kind::requirement, fmt::format("{}:{}", file, line), run.elapsed(), described(condition, what)});
  run.stop();
}

}  // namespace detail
}  // namespace razor::sim
