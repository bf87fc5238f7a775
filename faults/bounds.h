#pragma once
// Bounds: what must hold at any moment, looked at again and again while a world runs: sizes of queues, numbers of
// connections, shares of a budget. Each is a function of the scenario's own, which asks whom it likes.
//
//   faults::Bounds bounds(world, 100ms);
//   bounds.add(22, "the queue of the pool", [&] { return pool.wrong_bounds(); });   // empty: it holds
//   ...
//   bounds.check_all();
//
// They are looked at before a turn of any Runtime: never while a program runs, and never where nothing happens. What is only
// wrong for less than `every` may be missed.

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "faults/rule.h"

namespace razor::faults {

class Bounds final : private sim::Observer {
 public:
  /// The world outlives it.
  explicit Bounds(sim::World& world, base::Duration every = std::chrono::milliseconds(100));
  Bounds(const Bounds&) = delete;
  ~Bounds() override;

  /// `wrong` says what is wrong; empty: nothing. A rule that stays broken is told once. What `wrong` looks at outlives this,
  /// or `wrong` knows when it is gone.
  void add(std::string rule, std::string name, std::function<std::string()> wrong);
  void add(int rule, std::string name, std::function<std::string()> wrong);

  /// All of them, now.
  void check_all();
  /// How often they were looked at.
  std::uint64_t looks() const { return looks_; }

 private:
  struct Bound {
    std::string rule;
    std::string name;
    std::function<std::string()> wrong;
    bool is_broken = false;
  };

  void on_occurrence(const sim::Occurrence& occurrence) override;

  sim::World& world_;
  base::Duration every_;
  base::TimePoint looked_at_;
  std::uint64_t looks_ = 0;
  std::vector<Bound> bounds_;
};

/// What may be spent within any 10 s: a share of what was earned, and a burst. For a Bound of rule 14, with the sums of a pool:
///
///   bounds.add(14, "retries", [&, budget = RetryBudget(10, 100)]() mutable {
///     return budget.look(world.now(), stats.retries + stats.hedges, stats.calls_submitted);
///   });
class RetryBudget {
 public:
  RetryBudget(std::uint32_t percent, std::uint32_t burst) : percent_(percent), burst_(burst) {}

  /// Both sums only grow; where one is smaller than before, it is of another pool. What is wrong, or empty.
  std::string look(base::TimePoint now, std::uint64_t retries, std::uint64_t calls);

 private:
  struct Sample {
    base::TimePoint at;
    std::uint64_t retries;
    std::uint64_t calls;
  };
  std::uint32_t percent_;
  std::uint32_t burst_;
  std::deque<Sample> past_;
};

// --- Ends of runs ----------------------------------------------------------------------------------------------------

/// Rule 27: lets the world run until `recovered()`, and says that the rule is broken where that is not so within `limit`.
/// `what`: "every server is used again".
void check_recovery(sim::World& world, base::Duration limit, std::string_view what, const std::function<bool()>& recovered);

/// Rule 25, when all is closed and healed: lets the world run until nothing is left to happen, and says that the rule is
/// broken where something still is after `limit`, or a host has a connection. Systems that send again what nobody
/// acknowledges give up after a quarter of an hour.
void check_quiescence(sim::World& world, base::Duration limit = std::chrono::minutes(30));

}  // namespace razor::faults
