#include "sim/main/options.h"

#include <fmt/format.h>
#include <fnmatch.h>
#include <sysexits.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <fstream>

#include "sim/main/trace_file.h"
#include "sim/main/whole_number.h"
#include "sim/real_time.h"

namespace razor::sim {
namespace {

constexpr std::uint64_t kSeedsByDefault = 10;
constexpr double kTimeLimitByDefault = 300;

const CLI::Validator kSeconds(
    [](std::string& text) -> std::string {
      double value = 0;
      if (CLI::detail::lexical_cast(text, value) && value >= 0 && value <= 1e9) return {};
      return fmt::format("must be a number from 0 to 1e9: '{}'", text);
    },
    "SECONDS");
const CLI::Validator kMinutes(
    [](std::string& text) -> std::string {
      double value = 0;
      if (CLI::detail::lexical_cast(text, value) && value > 0 && value <= 1e6) return {};
      return fmt::format("must be a number above 0, up to 1e6: '{}'", text);
    },
    "MINUTES");

struct Arguments {
  std::vector<std::string> scenarios;
  std::uint64_t seed = 0;
  std::uint64_t seeds = kSeedsByDefault;
  double minutes = 0;
  bool replay = false;
  double time_limit = kTimeLimitByDefault;
  std::string shard;
};

[[noreturn]] void wrong(const std::string& what) { throw CLI::ValidationError(what); }

std::vector<const Scenario*> chosen(const std::vector<std::string>& patterns) {
  std::vector<bool> is_chosen(scenarios().size(), patterns.empty());
  for (const std::string& pattern : patterns) {
    bool fits = false;
    for (std::size_t i = 0; i < scenarios().size(); ++i) {
      if (::fnmatch(pattern.c_str(), std::string(scenarios()[i].name).c_str(), 0) != 0) continue;
      is_chosen[i] = true;
      fits = true;
    }
    if (!fits) wrong(fmt::format("--scenario: no scenario is called {}; --list shows them", pattern));
  }
  std::vector<const Scenario*> chosen;
  for (std::size_t i = 0; i < scenarios().size(); ++i) {
    if (is_chosen[i]) chosen.push_back(&scenarios()[i]);
  }
  if (chosen.empty()) wrong("this program has no scenario");
  return chosen;
}

void set_shard(Sweep& sweep, const std::string& name, std::string_view index, std::string_view total) {
  const auto read = [&name](std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) wrong(name + ": want i/n, i from 0 to n - 1, as 0/4");
    return value;
  };
  sweep.shard = read(index);
  sweep.shards = read(total);
  if (sweep.shard >= sweep.shards || sweep.shards > 1'000'000) wrong(name + ": want i/n, i from 0 to n - 1, as 0/4");
}

// What GoogleTest reads too, so that those who run tests in shards can run scenarios so.
void set_shard_from_environment(Sweep& sweep) {
  const char* total = std::getenv("GTEST_TOTAL_SHARDS");
  const char* index = std::getenv("GTEST_SHARD_INDEX");
  if (total == nullptr || index == nullptr) return;
  set_shard(sweep, "GTEST_SHARD_INDEX/GTEST_TOTAL_SHARDS", index, total);
  // Whoever set them learns by this file that they were read.
  if (const char* file = std::getenv("GTEST_SHARD_STATUS_FILE")) std::ofstream(file, std::ios::app);
}

void add_options(CLI::App& app, Arguments& arguments, MainOptions& options) {
  app.add_flag("--list", options.list, "Print the names of the scenarios, a line each");
  app.add_option("--scenario", arguments.scenarios, "A name, or a pattern with * and ?; may be repeated (default: all)")
      ->allow_extra_args(false);
  CLI::Option* seed = app.add_option("--seed", arguments.seed, "Run this seed only")->check(kWhole);
  app.add_option("--seeds", arguments.seeds, "How many seeds to run")->check(kWhole)->excludes(seed)->capture_default_str();
  app.add_option("--base-seed", options.sweep.base_seed, "The first of them")
      ->check(kWhole)
      ->excludes(seed)
      ->capture_default_str();
  app.add_option("--minutes", arguments.minutes,
                 "Begin runs for so many minutes of real time, as 0.5; without --seeds, with any number of seeds")
      ->check(kMinutes)
      ->excludes(seed);
  app.add_flag("--until-failure", options.until_failure, "Go on to the first failure; without --seeds, for ever")
      ->excludes(seed);
  CLI::Option* replay = app.add_flag("--replay", arguments.replay, "Run each seed twice, and compare what happened");
  app.add_option("--replay-one-in", options.replay_one_in, "Do so with every N-th seed of a scenario")
      ->check(kWhole)
      ->excludes(replay);
  app.add_option("--jobs", options.jobs, "How many processes run seeds")
      ->check(CLI::Range(1, 1024))
      ->default_val(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  app.add_option("--shard", arguments.shard, "i/n: run every n-th seed only (default: as GTEST_SHARD_INDEX says)");
  app.add_option("--time-limit", arguments.time_limit, "Real seconds that a seed may take; 0: no limit")
      ->check(kSeconds)
      ->capture_default_str();
  app.add_option("--trace", options.trace, "Write what happens to this file; for a single run. " + trace_endings());
  app.add_option("--json", options.json, "Write the summary to this file");
  app.add_flag("--require-sometimes", options.require_sometimes,
               "Fail when something that must happen in some run did not: what the summary lists as never reached");
  app.add_flag("--digests", options.digests, "Print the digest of each run to stdout, and all else to stderr");
  app.add_flag("--strict-clocks", options.strict_clocks,
               "End a run where it reads the machine's clocks or chance, which are simulated by default");
  app.add_option(
         "--seeds-per-process", options.seeds_per_process,
         "How many seeds a process runs before another takes over; above 1 it is quicker where seeds take less than some\n"
         "ms, and what a seed leaves behind (statics, the heap) the next ones find")
      ->check(kWhole)
      ->capture_default_str();
  app.add_flag("--in-process", options.in_process,
               "Run in this process, for debuggers: a crash ends it all, and what a seed leaves behind the next ones find")
      ->excludes("--time-limit");
}

void apply(const CLI::App& app, const Arguments& arguments, MainOptions& options) {
  Sweep& sweep = options.sweep;
  sweep.scenarios = chosen(arguments.scenarios);
  if (app.count("--seed") > 0) {
    sweep.base_seed = arguments.seed;
    sweep.seeds = 1;
  } else if (app.count("--seeds") > 0 || (!options.until_failure && app.count("--minutes") == 0)) {
    if (arguments.seeds == 0) wrong("--seeds: want at least 1");
    sweep.seeds = arguments.seeds;
  }
  set_shard_from_environment(sweep);
  if (app.count("--shard") > 0) {
    const std::size_t slash = std::min(arguments.shard.find('/'), arguments.shard.size());
    const std::string_view shard = arguments.shard;
    set_shard(sweep, "--shard", shard.substr(0, slash), shard.substr(std::min(slash + 1, shard.size())));
  }
  if (arguments.replay) options.replay_one_in = 1;
  if (app.count("--replay-one-in") > 0 && options.replay_one_in == 0) wrong("--replay-one-in: want at least 1");
  if (options.seeds_per_process == 0) wrong("--seeds-per-process: want at least 1");
  if (app.count("--minutes") > 0) {
    options.ends_at = real_time() + std::chrono::nanoseconds(static_cast<std::int64_t>(arguments.minutes * 60e9));
  }
  options.time_limit = std::chrono::nanoseconds(static_cast<std::int64_t>(arguments.time_limit * 1e9));
  if (options.trace.empty()) return;
  if (sweep.scenarios.size() != 1 || sweep.seeds != 1 || options.replay_one_in > 0) {
    wrong("--trace: is for a single run: one --scenario and one --seed, without --replay");
  }
  if (!can_trace_to(options.trace)) wrong("--trace: " + trace_endings());
}

}  // namespace

std::optional<int> read_options(int argc, char** argv, MainOptions& options) {
  options.program = argv[0];
  CLI::App app("Runs scenarios in a simulated world: each with many seeds, a seed being one run that can be repeated.");
  Arguments arguments;
  add_options(app, arguments, options);
  std::string footer =
      "Exit status: 0 when all passed, 1 when one failed, 64 when the command line is wrong, 130 when stopped by Ctrl-C\n"
      "before one failed. Each failure comes with the command that repeats it.";
  if (!options.extras.help_footer.empty()) footer += "\n\n" + options.extras.help_footer;
  app.footer(footer);
  try {
    app.parse(argc, argv);
    apply(app, arguments, options);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : EX_USAGE;
  }
  return std::nullopt;
}

}  // namespace razor::sim
