#pragma once
// Sweep: which scenarios run with which seeds, in which order, and which part of it is this process's own.

#include <optional>
#include <vector>

#include "sim/scenario.h"

namespace razor::sim {

/// One scenario with one seed.
struct Job {
  std::size_t scenario;  ///< its index in the sweep
  std::uint64_t seed;
};

/// Jobs have numbers from 0: all scenarios with the first seed, then all with the second. A shard runs some of the numbers.
struct Sweep {
  std::vector<const Scenario*> scenarios;
  std::uint64_t base_seed = 1;
  /// Empty: without end.
  std::optional<std::uint64_t> seeds;
  std::uint64_t shard = 0;
  std::uint64_t shards = 1;

  bool has(std::uint64_t number) const { return !seeds || number / scenarios.size() < *seeds; }
  Job job(std::uint64_t number) const { return {number % scenarios.size(), base_seed + number / scenarios.size()}; }
  /// Every number belongs to one shard. Each shard gets every scenario in turn, whatever their count.
  bool is_ours(std::uint64_t number) const {
    return (number % scenarios.size() + number / scenarios.size()) % shards == shard;
  }
  /// Whether one of every `one_in` of our jobs that is chosen is this one: in turn in each scenario, in each shard.
  bool is_one_in(std::uint64_t one_in, std::uint64_t number) const {
    return (number % scenarios.size() + number / scenarios.size() / shards) % one_in == 0;
  }
  /// How many are ours; empty: without end.
  std::optional<std::uint64_t> job_count() const {
    if (!seeds) return std::nullopt;
    if (shards == 1) return *seeds * scenarios.size();
    // The shards take turns in every scenario, each beginning with another seed.
    std::uint64_t count = 0;
    for (std::uint64_t scenario = 0; scenario < scenarios.size(); ++scenario) {
      const std::uint64_t first = (shard + shards - scenario % shards) % shards;
      if (*seeds > first) count += (*seeds - first - 1) / shards + 1;
    }
    return count;
  }
};

}  // namespace razor::sim
