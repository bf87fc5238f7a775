// A program of explored scenarios: `./prog --help`. Link razor::faults_main, and define scenarios with RAZOR_SCENARIO that
// have a faults::Exploration.
//
// It is what razor::sim_main is (sim/main/scenario_program.h), and beside that plays plans from files, prints the plans that
// seeds draw, and makes those that fail smaller (minimise_command.h).

#include <fmt/format.h>
#include <sysexits.h>

#include <cstring>

#include "faults/exploration.h"
#include "faults/main/list_kinds.h"
#include "faults/main/minimise_command.h"
#include "faults/run_in_child.h"
#include "faults/sometimes.h"
#include "sim/main/fixed_addresses.h"
#include "sim/main/scenario_program.h"

namespace {

using namespace razor;
using namespace razor::faults;

constexpr int kFailed = 1;

constexpr const char* kHelp =
    "Scenarios with faults:\n"
    "  --plan FILE      Play this plan instead of what seeds draw; its lines 'scenario' and 'seed' say which run that is,\n"
    "                   unless --scenario and --seed do\n"
    "  --print-plan     Print the plan of one --scenario and --seed, and run nothing to its end\n"
    "  --list-kinds     Print what each kind of fault does, with its parameters, and run nothing\n"
    "  minimise ...     Make the plan of a failed run smaller, and write a page about it: 'minimise --help'";

// The options that are ours; the rest is the scenario program's.
struct Arguments {
  std::vector<std::string> rest;
  std::string plan;
  bool has_plan = false;
  bool prints_plan = false;
};

int usage_error(std::string_view what) {
  fmt::print(stderr, "{}\nRun with --help for more information.\n", what);
  return EX_USAGE;
}

// The value of an option, as "--name value" or "--name=value"; `at` moves on behind it. Empty: it is another option.
std::optional<std::string> value_of(const std::vector<std::string>& words, std::size_t& at, const std::string& name) {
  if (words[at].starts_with(name + "=")) return words[at].substr(name.size() + 1);
  if (words[at] != name) return std::nullopt;
  return ++at < words.size() ? words[at] : std::string();
}

Arguments sorted_out(const std::vector<std::string>& words) {
  Arguments arguments;
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (words[at] == "--print-plan") {
      arguments.prints_plan = true;
    } else if (const std::size_t before = at; const auto plan = value_of(words, at, "--plan")) {
      arguments.plan = *plan;
      arguments.has_plan = true;
    } else {
      arguments.rest.push_back(words[before]);
    }
  }
  return arguments;
}

bool has_any(const std::vector<std::string>& words, std::initializer_list<std::string_view> options) {
  for (const std::string& word : words) {
    for (const std::string_view option : options) {
      if (word == option || word.starts_with(std::string(option) + "=")) return true;
    }
  }
  return false;
}

void add_defaults(const Plan& plan, std::vector<std::string>& words) {
  if (!plan.scenario.empty() && !has_any(words, {"--scenario"})) words.insert(words.end(), {"--scenario", plan.scenario});
  if (plan.seed && !has_any(words, {"--seed", "--seeds", "--base-seed", "--minutes", "--until-failure"})) {
    words.insert(words.end(), {"--seed", fmt::format("{}", *plan.seed)});
  }
}

// A child plays it only until it has told its plan.
int print_plan(const std::vector<std::string>& words) {
  std::string name;
  std::optional<std::uint64_t> seed;
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (const auto scenario = value_of(words, at, "--scenario")) {
      name = *scenario;
    } else if (const auto text = value_of(words, at, "--seed")) {
      std::string error;
      const auto line = Plan::parse("seed " + *text, error);
      if (!line) return usage_error(fmt::format("--seed: must be a whole number: '{}'", *text));
      seed = line->seed;
    } else {
      return usage_error(
          fmt::format("{}: --print-plan wants --scenario and --seed, and no other option but --plan", words[at]));
    }
  }
  const sim::Scenario* scenario = sim::find_scenario(name);
  if (scenario == nullptr)
    return usage_error(fmt::format("--print-plan: no scenario is called '{}'; --list shows them", name));
  if (!seed) return usage_error("--print-plan: wants one --seed");
  Child child({.scenario = scenario, .seed = *seed, .plan = given_plan()});
  const auto told = [&child] { return child.result().result.texts.find("plan"); };
  while (!child.look() && told() == child.result().result.texts.end()) wait_for_any({&child}, std::chrono::minutes(1));
  if (told() == child.result().result.texts.end()) {
    fmt::print(stderr, "{}, seed {}: it has told of no plan\n{}", name, *seed, child.result().result.text());
    return kFailed;
  }
  std::string error;
  auto plan = Plan::parse(told()->second, error);
  if (!plan) {
    fmt::print(stderr, "{}, seed {}: its plan cannot be read: {}\n", name, *seed, error);
    return kFailed;
  }
  plan->scenario = name;
  fmt::print("{}", plan->to_string());
  return 0;
}

int run(const char* program, std::vector<std::string> words) {
  Arguments arguments = sorted_out(words);
  sim::ProgramExtras extras;
  extras.sometimes = sometimes_names();
  extras.help_footer = kHelp;
  if (arguments.has_plan) {
    std::string error;
    if (arguments.plan.empty()) return usage_error("--plan: wants a file");
    auto plan = read_plan_file(arguments.plan, error);
    if (!plan) return usage_error(error);
    add_defaults(*plan, arguments.rest);
    extras.replay_words = {"--plan", arguments.plan};
    set_given_plan(std::move(plan));
  }
  if (arguments.prints_plan) return print_plan(arguments.rest);
  std::vector<char*> argv{const_cast<char*>(program)};
  for (std::string& word : arguments.rest) argv.push_back(word.data());
  argv.push_back(nullptr);
  return sim::scenario_program(static_cast<int>(argv.size()) - 1, argv.data(), extras);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--list-kinds") == 0) {
    fmt::print("{}", list_of_kinds());
    return 0;
  }
  razor::sim::fix_addresses();
  if (argc > 1 && std::strcmp(argv[1], "minimise") == 0) return minimise_command(argc, argv);
  return run(argv[0], {argv + 1, argv + argc});
}
