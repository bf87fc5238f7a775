#pragma once
// How fast a FailoverPool reacts, in virtual time, in one world: scenarios hold the figures to their limits, and
// bench/failover_figures prints them over many seeds.

#include "razor/base/time.h"
#include "sim/world.h"

namespace razor::test {

/// What happens to a server.
enum class Loss : unsigned char {
  killed,   ///< its process: connecting is refused
  crashed,  ///< its machine: silence
  paused,   ///< it stands still; its system goes on
  cut,      ///< nothing gets through either way
  cut_one_way,  ///< nothing comes back
};

struct LossMeasure {
  base::Duration usual{};       ///< the slowest call before
  base::Duration slowest{};     ///< the slowest call around the loss
  std::uint64_t failed = 0;     ///< of the idempotent calls, all are
  base::Duration avoided_after{};   ///< from the loss to the last attempt on that server
  base::Duration used_again_after{};  ///< from its return (listening, or running, or connected) to the next call there
};
/// One of two servers is lost for `span`, under a load of idempotent calls.
LossMeasure lose_one_of_two(sim::World& world, Loss loss, base::Duration span);

/// All servers are killed for `span`: from their return to the first success.
base::Duration all_lost_and_back(sim::World& world, base::Duration span);

struct RetryMeasure {
  std::uint64_t calls = 0;
  std::uint64_t attempts = 0;
  std::uint64_t burst = 0;  ///< of the retry budget
};
/// Every handler fails for a minute, and every call is idempotent.
RetryMeasure everything_fails(sim::World& world);

/// How often an address of a server that works was taken out of use, in a minute of more load than it can carry, with many
/// calls that are too late.
std::uint64_t false_alarms_under_full_load(sim::World& world);

}  // namespace razor::test
