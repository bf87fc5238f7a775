#pragma once
// A page about one failure, for people who do not know the code: which rule is broken and what it means, what was observed,
// the faults it takes, a diagram of what happened between the hosts, and the command that repeats it. One HTML file that needs
// nothing else: no network, no script to be read.

#include <map>
#include <string>

#include "faults/exploration.h"
#include "faults/plan.h"
#include "faults/story.h"
#include "sim/scenario.h"

namespace razor::faults {

/// The story of a call that a rule was broken by, as an oracle reported it: a text "call 17" of lines such as
/// "3.0043s server1 dispatched".
struct CallStory {
  struct Stage {
    base::Duration at{};  ///< of the world
    std::string host;  ///< what stands before a '/', where a host has several callers
    std::string what;
  };
  std::string name;  ///< "call 17"
  std::vector<Stage> stages;
};

/// Those that the failure's message names, in the order it does; if it names none, those to which something happened at that
/// moment. Only a few; other calls were reported for other failures. Lines that cannot be read are left out.
std::vector<CallStory> call_stories(const sim::Texts& texts, const sim::ScenarioFailure& failure);

/// What is known of a failure.
struct PageContent {
  std::string scenario;
  std::uint64_t seed = 0;
  sim::ScenarioFailure failure;
  Plan plan;
  std::vector<Knob> knobs;
  /// How many events each fault changed, by its number.
  std::map<std::uint32_t, std::uint64_t> effects;
  std::vector<CallStory> calls;
  Story story;
  std::string replay_command;
  /// How the plan became so small. Zero runs: nobody tried.
  struct Search {
    std::size_t faults_before = 0;
    std::uint64_t runs = 0;
    base::Duration real_time{};
    bool is_done = true;  ///< nothing could be made smaller; else the time was up
  } search;
};

/// The whole file.
std::string page_of(const PageContent& content);

/// "12" or "money", where the message names a rule that is broken (rule.h).
std::optional<std::string> broken_rule(std::string_view message);
/// What faults/contract.md asks for, in a sentence; empty where there is no such rule.
std::string_view meaning_of_rule(std::string_view rule);

}  // namespace razor::faults
