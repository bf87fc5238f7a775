// How fast a FailoverPool reacts, held to its limits: one scenario a figure. bench/failover_figures prints them.

#include <chrono>

#include "sim/scenario.h"
#include "tests/scenarios/failover_measures.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;

// Silence is noticed within ping_interval + ping_timeout.
constexpr base::Duration kAvoidedMax = 3500ms;
constexpr base::Duration kUsedAgainMax = 1500ms;

void check_loss(sim::World& world, Loss loss, base::Duration span) {
  const LossMeasure measure = lose_one_of_two(world, loss, span);
  RAZOR_EXPECT(measure.failed == 0, "{} idempotent calls failed", measure.failed);
  RAZOR_EXPECT(measure.avoided_after <= kAvoidedMax, "calls were sent to it for {} ns", measure.avoided_after.count());
  RAZOR_EXPECT(measure.used_again_after <= kUsedAgainMax, "used again after {} ns", measure.used_again_after.count());
  RAZOR_EXPECT(measure.slowest <= measure.usual + kAvoidedMax, "the slowest call took {} ns", measure.slowest.count());
}

RAZOR_SCENARIO(one_of_two_is_killed) { check_loss(world, Loss::killed, world.random("span").between(1s, 70s)); }
RAZOR_SCENARIO(one_of_two_crashes) { check_loss(world, Loss::crashed, world.random("span").between(4s, 70s)); }
RAZOR_SCENARIO(one_of_two_is_paused) { check_loss(world, Loss::paused, world.random("span").between(5s, 70s)); }
RAZOR_SCENARIO(one_of_two_is_cut_off) { check_loss(world, Loss::cut, world.random("span").between(5s, 70s)); }
RAZOR_SCENARIO(one_of_two_is_not_heard) { check_loss(world, Loss::cut_one_way, world.random("span").between(5s, 70s)); }

RAZOR_SCENARIO(all_are_killed_and_come_back) {
  const base::Duration span = world.random("span").between(5s, 60s);
  const base::Duration first_success = all_lost_and_back(world, span);
  RAZOR_EXPECT(first_success <= 2s, "first success after {} ns", first_success.count());
}

RAZOR_SCENARIO(retries_stay_within_their_budget) {
  const RetryMeasure measure = everything_fails(world);
  RAZOR_EXPECT(measure.calls > 1000);
  RAZOR_EXPECT(measure.attempts > measure.calls, "nothing was retried");
  RAZOR_EXPECT(measure.attempts * 10 <= measure.calls * 11 + measure.burst * 10, "{} attempts for {} calls",
               measure.attempts, measure.calls);
}

RAZOR_SCENARIO(no_false_alarms_under_full_load) {
  const std::uint64_t alarms = false_alarms_under_full_load(world);
  RAZOR_EXPECT(alarms == 0, "{} false alarms", alarms);
}

}  // namespace
}  // namespace razor::test
