#include "faults/main/minimise_command.h"

#include <fmt/format.h>
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "faults/main/scenario_trials.h"
#include "faults/page.h"
#include "faults/story.h"
#include "sim/main/cause.h"
#include "sim/main/text.h"
#include "sim/main/whole_number.h"
#include "sim/real_time.h"

namespace razor::faults {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kFailed = 1;
// A run that is slower than the first one by so much does not show what that one showed.
constexpr int kSlowerTimes = 10;
constexpr base::Duration kRunMin = seconds(2);
constexpr base::Duration kProgressOnTerminal = milliseconds(200);
constexpr base::Duration kProgressElsewhere = seconds(5);
// A page keeps what happens this near to the failure and to the calls that it is about.
constexpr base::Duration kNear = seconds(2);

volatile sig_atomic_t interrupted = 0;

double in_seconds(base::Duration span) { return std::chrono::duration<double>(span).count(); }

struct Options {
  std::string program;
  const sim::Scenario* scenario = nullptr;
  std::uint64_t seed = 0;
  std::optional<Plan> plan;
  std::string page;
  std::string plan_out;
  base::Duration budget{};
  TrialsConfig trials;
};

// --- The command line ---------------------------------------------------------------------------------------------------

struct Arguments {
  std::string scenario;
  std::uint64_t seed = 0;
  std::string plan;
  double minutes = 2;
  double time_limit = 60;
};

[[noreturn]] void wrong(const std::string& what) { throw CLI::ValidationError(what); }

void apply(const CLI::App& app, const Arguments& arguments, Options& options) {
  std::string scenario = arguments.scenario;
  std::optional<std::uint64_t> seed;
  if (app.count("--seed") > 0) seed = arguments.seed;
  if (!arguments.plan.empty()) {
    std::string error;
    options.plan = read_plan_file(arguments.plan, error);
    if (!options.plan) wrong(error);
    if (scenario.empty()) scenario = options.plan->scenario;
    if (!seed) seed = options.plan->seed;
  }
  if (scenario.empty()) wrong("--scenario: which one? --list shows them");
  options.scenario = sim::find_scenario(scenario);
  if (options.scenario == nullptr) wrong(fmt::format("--scenario: no scenario is called {}; --list shows them", scenario));
  if (!seed) wrong("--seed: which one failed?");
  options.seed = *seed;
  if (options.plan_out.empty()) options.plan_out = fmt::format("{}-{}.plan", scenario, *seed);
  options.budget = base::Duration(static_cast<std::int64_t>(arguments.minutes * 60e9));
  options.trials.limits.real_time = base::Duration(static_cast<std::int64_t>(arguments.time_limit * 1e9));
}

std::optional<int> read_options(int argc, char** argv, Options& options) {
  CLI::App app("Makes the plan of a failed run smaller while it fails for the same cause, and shows what happens then.");
  app.name(options.program + " minimise");
  Arguments arguments;
  app.add_option("--scenario", arguments.scenario, "The one that failed (default: the plan's)");
  app.add_option("--seed", arguments.seed, "Its seed (default: the plan's)")->check(sim::kWhole);
  app.add_option("--plan", arguments.plan, "A file with the plan it failed with (default: what the seed draws)");
  app.add_option("--page", options.page, "Write a page about the failure to this file: HTML, for any browser");
  app.add_option("--plan-out", options.plan_out, "Write the plan to this file (default: SCENARIO-SEED.plan)");
  app.add_option("--minutes", arguments.minutes, "Real time that the search may take")
      ->check(CLI::Range(0.0, 1e5))
      ->capture_default_str();
  app.add_option("--jobs", options.trials.jobs, "How many runs at a time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option(
         "--seeds-per-try", options.trials.seeds_per_try,
         "A smaller plan counts when it fails with one of so many seeds; for failures that need luck beside the plan")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--time-limit", arguments.time_limit, "Real seconds that a run may take")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  app.footer(
      "Ctrl-C ends the search with the smallest plan so far; a second one ends all at once.\n"
      "Exit status: 0 with a plan, 1 when the run does not fail or cannot be repeated, 64 when the command line or the "
      "plan is wrong.");
  try {
    app.parse(argc, argv);
    apply(app, arguments, options);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : EX_USAGE;
  }
  return std::nullopt;
}

// --- Progress -----------------------------------------------------------------------------------------------------------

class Progress {
 public:
  Progress() : on_terminal_(::isatty(STDERR_FILENO) != 0), started_at_(sim::real_time()) {}

  void show(std::size_t faults, std::uint64_t runs, bool is_news) {
    const base::Duration now = sim::real_time();
    const bool is_due = now - shown_at_ >= (on_terminal_ ? kProgressOnTerminal : kProgressElsewhere);
    if (!is_due && !(is_news && !on_terminal_ && faults != faults_shown_)) return;
    const char* const end = on_terminal_ ? "" : "\n";
    fmt::print(stderr, "{}{} fault{}, {} runs, {:.1f} s{}", on_terminal_ ? "\r\033[K" : "", faults, faults == 1 ? "" : "s",
               runs, in_seconds(elapsed()), end);
    std::fflush(stderr);
    shown_at_ = now;
    faults_shown_ = faults;
  }
  void clear() const {
    if (on_terminal_) fmt::print(stderr, "\r\033[K");
  }
  base::Duration elapsed() const { return sim::real_time() - started_at_; }

 private:
  const bool on_terminal_;
  const base::Duration started_at_;
  base::Duration shown_at_{};
  std::size_t faults_shown_ = 0;
};

// --- What runs report ---------------------------------------------------------------------------------------------------

// "#3 acted 17" in lines.
std::map<std::uint32_t, std::uint64_t> read_effects(const sim::Texts& texts) {
  std::map<std::uint32_t, std::uint64_t> effects;
  const auto faults = texts.find("faults");
  std::istringstream lines{faults == texts.end() ? std::string() : faults->second};
  std::string number;
  std::string word;
  for (std::uint64_t count = 0; lines >> number >> word >> count;) {
    if (number.starts_with('#')) effects[static_cast<std::uint32_t>(std::strtoul(number.c_str() + 1, nullptr, 10))] = count;
  }
  return effects;
}

// False, with a message, when the file cannot be written: known before minutes are spent.
bool can_write(const std::string& path) {
  if (path.empty() || ::access(path.c_str(), W_OK) == 0) return true;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (errno == ENOENT && ::access(folder.empty() ? "." : folder.c_str(), W_OK) == 0) return true;
  fmt::print(stderr, "{}: {}\n", path, std::strerror(errno));
  return false;
}

bool write_file(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (file) return true;
  fmt::print(stderr, "{}: {}\n", path, std::strerror(errno));
  return false;
}

// --- The command --------------------------------------------------------------------------------------------------------

class Command {
 public:
  explicit Command(const Options& options) : options_(options) {}

  int run() {
    if (!establish()) return kFailed;
    Failing smallest = search();
    if (!verify(smallest)) return kFailed;
    return report(smallest);
  }

 private:
  ChildResult play(const std::optional<Plan>& plan, std::uint64_t seed) {
    ++runs_;
    return run_in_child({.scenario = options_.scenario, .seed = seed, .plan = plan, .limits = options_.trials.limits});
  }

  // What fails, and by which plan.
  bool establish() {
    ChildResult first = play(options_.plan, options_.seed);
    const std::string name = fmt::format("{}, seed {}", options_.scenario->name, options_.seed);
    if (first.ok()) {
      fmt::print("{} does not fail: there is nothing to make smaller\n", name);
      return false;
    }
    fmt::print("{}:\n{}\n", name, sim::indented(first.result.failures.front().text()));
    std::fflush(stdout);
    cause_ = sim::cause_of(options_.scenario->name, first.result.failures.front());
    const auto text = first.result.texts.find("plan");
    Plan plan = options_.plan.value_or(Plan{});
    if (text != first.result.texts.end()) {
      std::string error;
      const auto reported = Plan::parse(text->second, error);
      if (!reported) {
        fmt::print(stderr, "the plan that it reports cannot be read: {}\n", error);
        return false;
      }
      plan = *reported;
    }
    plan.scenario = options_.scenario->name;
    plan.seed = options_.seed;
    start_ = ScenarioTrials::failing_of(plan, first.result);
    idle_ = read_effects(first.result.texts);
    TrialsConfig config = options_.trials;
    const bool hangs = first.result.failures.front().kind == sim::ScenarioFailure::Kind::time_limit;
    if (!hangs)
      config.limits.real_time = std::min(config.limits.real_time, std::max(kRunMin, first.real_time * kSlowerTimes));
    trials_.emplace(
        *options_.scenario, cause_, config, [this] { return go_on(); },
        [this](const Failing& smaller) { got_smaller(smaller); });
    faults_ = start_.plan.faults.size();
    if (trials_->find_failure(play(start_.plan, options_.seed).result) != nullptr) return true;
    fmt::print(
        "The same plan, played again, does not fail for the same cause ({}): what decides is not in the plan.\n"
        "--replay shows where two runs differ.\n",
        cause_);
    return false;
  }

  Failing search() {
    Failing failing = start_;
    progress_.show(faults_, runs(), true);
    if (auto smaller = trials_->first_failing({without_idle(start_.plan)})) {
      failing = std::move(*smaller);
      got_smaller(failing);
    }
    failing = minimise(std::move(failing), *trials_);
    is_done_ = interrupted == 0 && progress_.elapsed() < options_.budget;
    search_took_ = progress_.elapsed();
    progress_.clear();
    return failing;
  }

  // Faults that changed nothing are not needed, unless to take part in chance.
  Plan without_idle(Plan plan) const {
    std::erase_if(plan.faults, [this](const Fault& fault) {
      const auto effects = idle_.find(fault.number);
      return effects != idle_.end() && effects->second == 0;
    });
    return plan;
  }

  bool go_on() {
    progress_.show(faults_, runs(), false);
    return interrupted == 0 && progress_.elapsed() < options_.budget;
  }
  void got_smaller(const Failing& smaller) {
    faults_ = smaller.plan.faults.size();
    progress_.show(faults_, runs(), true);
  }
  std::uint64_t runs() const { return runs_ + trials_->runs(); }

  // It fails, and does so twice in the same way; the second time its story is written down.
  bool verify(Failing& smallest) {
    const std::uint64_t seed = smallest.plan.seed.value_or(options_.seed);
    const ChildResult once = play(smallest.plan, seed);
    const sim::ScenarioFailure* failure = trials_->find_failure(once.result);
    StoryReader reader(failure != nullptr ? focus_on(*failure, once.result) : StoryFocus{});
    ++runs_;
    const ChildResult again = run_in_child(
        {.scenario = options_.scenario,
         .seed = seed,
         .plan = smallest.plan,
         .limits = options_.trials.limits,
         .observe = [](sim::World& world, TellParent tell) { return std::make_unique<StoryWriter>(world, std::move(tell)); },
         .on_told = [&reader](std::string_view record) { reader.take(record); }});
    const bool is_the_same =
        failure != nullptr && trials_->find_failure(again.result) != nullptr && once.result.digest == again.result.digest;
    if (!is_the_same) {
      fmt::print("Two runs of this plan differ: it fails by something that is not in the plan.\n--replay shows where.\n\n{}",
                 smallest.plan.to_string());
      return false;
    }
    smallest = ScenarioTrials::failing_of(smallest.plan, again.result);
    shown_ = again.result;
    story_ = reader.story();
    return true;
  }

  static StoryFocus focus_on(const sim::ScenarioFailure& failure, const sim::ScenarioResult& result) {
    StoryFocus focus;
    focus.windows.push_back({failure.at - kNear, failure.at + kNear});
    for (const CallStory& call : call_stories(result.texts, failure)) {
      focus.windows.push_back({call.stages.front().at - kNear, call.stages.back().at + kNear});
    }
    return focus;
  }

  int report(const Failing& smallest) {
    const std::string again =
        fmt::format("{} --plan {}", sim::shell_quoted(options_.program), sim::shell_quoted(options_.plan_out));
    const sim::ScenarioFailure& failure = *trials_->find_failure(shown_);
    fmt::print("The smallest plan{}, of {} fault{} where there {} {}, after {} runs in {:.1f} s{}:\n\n{}\n{}\n\n",
               is_done_ ? "" : " so far", smallest.plan.faults.size(), smallest.plan.faults.size() == 1 ? "" : "s",
               start_.plan.faults.size() == 1 ? "was" : "were", start_.plan.faults.size(), runs(), in_seconds(search_took_),
               interrupted != 0 ? ", interrupted"
               : is_done_       ? ""
                                : ", the time is up",
               smallest.plan.to_string(), sim::indented(failure.text()));
    const bool written = write_file(options_.plan_out, smallest.plan.to_string());
    fmt::print("again: {}\n", again);
    fmt::print("on processes: pytest --razor-plan {} ...\n", sim::shell_quoted(options_.plan_out));
    if (options_.page.empty()) return written ? 0 : EX_CANTCREAT;
    const bool page_written = write_file(options_.page, page(smallest, failure, again));
    if (page_written) fmt::print("page: {}\n", options_.page);
    return written && page_written ? 0 : EX_CANTCREAT;
  }

  std::string page(const Failing& smallest, const sim::ScenarioFailure& failure, const std::string& again) {
    PageContent content;
    content.scenario = options_.scenario->name;
    content.seed = smallest.plan.seed.value_or(options_.seed);
    content.failure = failure;
    content.plan = smallest.plan;
    content.knobs = smallest.knobs;
    content.effects = read_effects(shown_.texts);
    content.calls = call_stories(shown_.texts, failure);
    content.story = std::move(story_);
    content.replay_command = again;
    content.search = {start_.plan.faults.size(), runs(), search_took_, is_done_};
    return page_of(content);
  }

  const Options& options_;
  Progress progress_;
  std::string cause_;
  Failing start_;
  std::map<std::uint32_t, std::uint64_t> idle_;
  std::optional<ScenarioTrials> trials_;
  std::uint64_t runs_ = 0;  // beside those of trials_
  std::size_t faults_ = 0;
  bool is_done_ = false;
  base::Duration search_took_{};
  sim::ScenarioResult shown_;
  Story story_;
};

}  // namespace

std::optional<Plan> read_plan_file(const std::string& path, std::string& error) {
  std::ifstream file(path, std::ios::binary);
  file.peek();  // a directory opens, and does not read
  std::ostringstream text;
  if (file.good()) text << file.rdbuf();
  if (!file.is_open() || file.bad()) {
    error = fmt::format("{}: {}", path, std::strerror(errno));
    return std::nullopt;
  }
  auto plan = Plan::parse(text.str(), error);
  if (plan) return plan;
  constexpr std::string_view kLine = "line ";
  error =
      error.starts_with(kLine) ? fmt::format("{}:{}", path, error.substr(kLine.size())) : fmt::format("{}: {}", path, error);
  return std::nullopt;
}

int minimise_command(int argc, char** argv) {
  Options options;
  options.program = argv[0];
  // What follows the word `minimise` is as if the program were called so.
  if (const auto status = read_options(argc - 1, argv + 1, options)) return *status;
  if (!can_write(options.page) || !can_write(options.plan_out)) return EX_CANTCREAT;
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // a second one ends it at once
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  try {
    return Command(options).run();
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", options.program, error.what());
    return EX_OSERR;
  }
}

}  // namespace razor::faults
