// What a seed draws, and what playing a plan draws: each setting, kind and fault from a stream of its own. Drawing from a
// shared stream would move everything behind it when one thing is taken away; then plans could not be shrunk.

#include "faults/exploration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "faults/swarm.h"
#include "sim/scenario.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

const Roles kRoles{{"server0", "server1"}, {"caller0"}, {"stranger"}, true, {}};

std::vector<Fault> drawn(std::uint64_t seed, std::string_view without = {}, const Actions& actions = {},
                         const Roles& roles = kRoles) {
  std::vector<const FaultKind*> kinds;
  for (const FaultKind* kind : catalogue()) {
    if (kind->name() != without) kinds.push_back(kind);
  }
  return draw_faults(sim::Seed(seed), Swarm{roles, actions, kinds, 10min});
}

TEST(Swarm, IsTheSameForTheSameSeed) {
  EXPECT_EQ(drawn(1), drawn(1));
  EXPECT_NE(drawn(1), drawn(2));
}

TEST(Swarm, DrawsOnlyWhatCanBePlayed) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    std::uint32_t number = 0;
    base::Duration last{};
    for (const Fault& fault : drawn(seed)) {
      EXPECT_EQ(fault.number, ++number);
      EXPECT_GE(fault.at, last);
      last = fault.at;
      EXPECT_LE(fault.at + fault.lasts, 10min) << fault.to_string();
      ASSERT_NE(find_kind(fault.what), nullptr);
      EXPECT_EQ(find_kind(fault.what)->check(fault), "") << fault.to_string();
    }
  }
}

TEST(Swarm, RunsDifferInKind) {
  std::map<std::string, int> runs_with;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    std::set<std::string> kinds;
    for (const Fault& fault : drawn(seed)) kinds.insert(fault.what);
    EXPECT_LT(kinds.size(), catalogue().size());
    for (const std::string& kind : kinds) ++runs_with[kind];
  }
  for (const FaultKind* kind : catalogue()) {
    const int runs = runs_with[std::string(kind->name())];
    EXPECT_GT(runs, 50) << kind->name();
    // Resets come with other kinds, too.
    if (kind->name() == "reset") continue;
    EXPECT_LT(runs, 150) << kind->name() << " is in most runs";
  }
}

// What else goes with it are the resets that it brings with it.
TEST(Swarm, OneKindLessLeavesTheOthers) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const std::vector<Fault> all = drawn(seed);
    for (const FaultKind* kind : catalogue()) {
      const std::vector<Fault> rest = drawn(seed, kind->name());
      std::set<std::string> gone;
      std::size_t found = 0;
      for (Fault fault : all) {
        if (found < rest.size()) fault.number = rest[found].number;
        if (found < rest.size() && fault == rest[found]) {
          ++found;
        } else {
          gone.insert(fault.what);
        }
      }
      EXPECT_EQ(found, rest.size()) << "without " << kind->name() << " something else was drawn";
      gone.erase(std::string(kind->name()));
      if (kind->name().ends_with("connects") || kind->name() == "accept_errors" || kind->name() == "small_buffers")
        gone.erase("reset");
      EXPECT_EQ(gone, std::set<std::string>()) << "without " << kind->name();
    }
  }
}

// A kind that cannot act with the roles was drawn nevertheless, and its faults of a run did nothing.
TEST(Swarm, KindsThatCannotActAreNotDrawn) {
  struct Case {
    std::string_view kind;
    Roles roles;
  };
  Roles without_the_time = kRoles;
  without_the_time.reads_time_of_day = false;
  Roles without_untrusted_peers = kRoles;
  without_untrusted_peers.untrusted_peers.clear();
  Roles without_callers = kRoles;
  without_callers.callers.clear();
  Roles foreign = kRoles;
  foreign.foreign = kRoles.servers;
  Roles alone{{"server0"}, {}, {}, true, {}};
  const std::vector<Case> cases = {
      {"clock_step", without_the_time},
      {"corrupt", without_untrusted_peers},
      {"reset", without_callers},
      {"sever", without_callers},
      {"handler_delay", foreign},
      {"handler_throw", foreign},
      {"handler_drop", foreign},
      {"partition", alone},
      {"swizzle", alone},
  };
  for (const Case& one : cases) {
    EXPECT_NE(find_kind(one.kind)->lacks(one.roles), "") << one.kind;
    EXPECT_EQ(find_kind(one.kind)->lacks(kRoles), "") << one.kind;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
      for (const Fault& fault : drawn(seed, {}, {}, one.roles)) ASSERT_NE(fault.what, one.kind) << "seed " << seed;
    }
  }
}

// Connections live long: where nothing makes new ones, these kinds met none.
TEST(Swarm, WhatActsOnNewConnectionsBringsAResetWithIt) {
  int seen = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const std::vector<Fault> all = drawn(seed);
    for (const Fault& fault : all) {
      if (fault.what != "refuse_connects" && fault.what != "hang_connects" && fault.what != "accept_errors") continue;
      ++seen;
      const bool has_partner = std::ranges::any_of(all, [&fault](const Fault& other) {
        return other.what == "reset" && other.where.back() == fault.where.front() && other.at >= fault.at &&
               other.at <= fault.at + fault.lasts / 2;
      });
      EXPECT_TRUE(has_partner) << "seed " << seed << ": " << fault.to_string();
    }
  }
  EXPECT_GT(seen, 200);
}

TEST(Swarm, ForeignServersKeepTheirHandlersAndTheirMemory) {
  Roles roles = kRoles;
  roles.foreign = {"server1"};
  int seen = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    for (const Fault& fault : drawn(seed, {}, {}, roles)) {
      if (!fault.what.starts_with("handler_") && fault.what != "allocation_failure") continue;
      ++seen;
      EXPECT_NE(fault.where.front(), "server1") << fault.to_string();
    }
  }
  EXPECT_GT(seen, 100);
}

// What actions draw when a plan is played, by the number of their fault.
std::map<std::uint32_t, std::uint64_t> draws_of(const Plan& plan) {
  std::map<std::uint32_t, std::uint64_t> draws;
  set_given_plan(plan);
  const auto result = sim::run_scenario(
      [&draws](sim::World& world) {
        world.host("server0");
        Exploration run(world);
        run.add_action("draw", {"server0"},
                       [&draws](const Fault& fault, base::RandomStream& random) { draws[fault.number] = random.bits(); });
        run.play(10s);
      },
      17);
  set_given_plan(std::nullopt);
  EXPECT_EQ(result.text(), "");
  return draws;
}

TEST(Injector, OneFaultLessMovesNoOtherDraw) {
  Plan plan;
  for (std::uint32_t number = 1; number <= 8; ++number) {
    plan.faults.push_back({number, number * 1s, "draw", {"server0"}, {}, {}});
  }
  const std::map<std::uint32_t, std::uint64_t> all = draws_of(plan);
  ASSERT_EQ(all.size(), 8u);
  for (std::uint32_t number = 1; number <= 8; ++number) {
    Plan smaller = plan;
    std::erase_if(smaller.faults, [number](const Fault& fault) { return fault.number == number; });
    std::map<std::uint32_t, std::uint64_t> expected = all;
    expected.erase(number);
    EXPECT_EQ(draws_of(smaller), expected);
  }
}

TEST(Exploration, DrawsSettingsByNameAndTakesThoseOfAPlan) {
  const auto settings_of = [](std::optional<Plan> plan, bool with_more) {
    std::map<std::string, std::string> settings;
    set_given_plan(std::move(plan));
    const auto result = sim::run_scenario(
        [&](sim::World& world) {
          Exploration run(world);
          if (with_more) run.number("more", 0, 1'000'000);
          run.number("servers", 1, 1'000'000);
          run.duration("tick", 10ms, 1s);
          run.one_in("odd", 2);
          for (const auto& [name, value] : run.plan().settings) settings[name] = value;
        },
        5);
    set_given_plan(std::nullopt);
    EXPECT_EQ(result.text(), "");
    return settings;
  };
  std::map<std::string, std::string> drawn = settings_of({}, false);
  std::map<std::string, std::string> with_more = settings_of({}, true);
  with_more.erase("more");
  EXPECT_EQ(drawn, with_more);
  Plan plan;
  plan.settings["servers"] = "3";
  drawn["servers"] = "3";
  EXPECT_EQ(settings_of(plan, false), drawn);
}

TEST(Exploration, RefusesAPlanThatCannotBePlayed) {
  const auto played = [](std::string_view text) {
    std::string error;
    set_given_plan(Plan::parse(text, error));
    const auto result = sim::run_scenario(
        [](sim::World& world) {
          world.host("server0");
          Exploration run(world);
          run.number("servers", 1, 5);
          run.play(1s);
        },
        1);
    set_given_plan(std::nullopt);
    return result.text();
  };
  EXPECT_THAT(played("at 1s rain server0"), testing::HasSubstr("no kind of fault and no action is called rain"));
  EXPECT_THAT(played("at 1s pause server9 for 1s"), testing::HasSubstr("there is no host server9"));
  EXPECT_THAT(played("set servers 6"), testing::HasSubstr("want a number from 1 to 5"));
  EXPECT_EQ(played("at 100ms pause server0 for 1s"), "");
}

// A run tells which faults changed something.
TEST(Exploration, ReportsWhatActed) {
  Plan plan;
  plan.faults.push_back({1, 1s, "fire", {"server0"}, {}, {}});
  plan.faults.push_back({2, 20s, "fire", {"server0"}, {}, {}});
  set_given_plan(plan);
  int fired = 0;
  const auto result = sim::run_scenario(
      [&fired](sim::World& world) {
        world.host("server0");
        Exploration run(world);
        run.add_action("fire", {"server0"}, [&fired](const Fault&, base::RandomStream&) { ++fired; });
        run.play(10s);
        run.heal();
        world.run_for(1min);
      },
      1);
  set_given_plan(std::nullopt);
  EXPECT_EQ(fired, 1) << "what has not begun when the run heals never does";
  EXPECT_EQ(result.counts.at("faults begun"), 1u);
  EXPECT_EQ(result.counts.at("faults that acted"), 1u);
  EXPECT_EQ(result.counts.at("acted/fire"), 1u);
  EXPECT_EQ(result.texts.at("faults"), "#1 acted 1\n#2 acted 0\n");
}

}  // namespace
}  // namespace razor::faults
