#include "razor/pool/pool_state.h"

#include "razor/base/format.h"
#include "razor/base/time_text.h"

namespace razor::pool {

std::string attempts_text(std::uint32_t failures, base::Duration next_in) {
  if (failures == 0) return {};
  std::string text = base::format(" ({} attempt{} in a row", failures, failures == 1 ? "" : "s");
  if (next_in > base::Duration::zero()) text += base::format(", next in {}", base::span_text(next_in));
  return text + ")";
}

std::string AddressState::to_string() const {
  std::string text = base::format("{}: {}", address, name_of(health));
  if (health_for > base::Duration::zero()) text += base::format(" for {}", base::span_text(health_for));
  if (health == HealthState::healthy && share < Health::kFullWeight) text += base::format(", {} % of its share", share);
  if (leads) text += ", leads";
  if (from_redirect) text += ", named by an error";
  text += base::format(", {} connection{}{}, {} in flight", connections, connections == 1 ? "" : "s",
                       connecting && next_attempt_in == base::Duration::zero() ? " and one on its way" : "", in_flight);
  if (plain > 0) text += base::format(", {} of plain version 1", plain);
  if (silent > 0) text += base::format(", {} silent", silent);
  if (leaving > 0) text += base::format(", {} more that end", leaving);
  if (!why.empty()) text += base::format("; last trouble: {}", why);
  if (health != HealthState::healthy) text += attempts_text(failures, next_attempt_in);
  return text;
}

std::string PoolState::to_string() const {
  std::string text = base::format(
      "{} calls: {} answered, {} failed, {} abandoned, {} in flight, {} waiting ({} B); {} attempts: {} retries, {} moves, "
      "{} redirects, {} hedges ({} won), {} tokens left for more; {} connects, {} failed; {} silences, {} ejections",
      stats.calls_submitted, stats.calls_answered, stats.calls_failed_total(), stats.calls_abandoned, in_flight, waiting,
      bytes, stats.attempts, stats.retries, stats.moves, stats.redirects, stats.hedges, stats.hedges_won, retry_tokens,
      stats.connects, stats.connects_failed, stats.silences, stats.ejections);
  for (const auto& [errc, count] : stats.calls_failed) text += base::format("\n  {} {}", count, base::name_of(errc));
  for (const AddressState& address : addresses) text += "\n  " + address.to_string();
  return text;
}

}  // namespace razor::pool
