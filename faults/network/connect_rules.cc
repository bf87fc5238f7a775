#include "faults/network/connect_rules.h"

#include <algorithm>
#include <vector>

#include "faults/rule.h"
#include "faults/values.h"

namespace razor::faults {

using base::Duration;

namespace {

// Turns of the simulator take time when very many come at one instant.
constexpr Duration kSlack = std::chrono::milliseconds(1);
// A draw hits a bound of its range once in a billion times. More gaps in a row that do were not drawn.
constexpr int kGapsWithoutJitterMax = 3;

// A delay doubles with each failure.
Duration full_delay(std::uint32_t failures, Duration least, Duration most) {
  for (; failures > 0 && least < most; --failures) least = least > most / 2 ? most : 2 * least;
  return std::min(least, most);
}

}  // namespace

// The pool uses more connections than its cap at a time if more than the cap were there when the newest of them was
// established, and each of them took a call since.
void ConnectRules::on_call_assigned(const ConnectionFacts& connection) const {
  const std::size_t cap = std::size_t{limits_.connections_max} * limits_.pools_per_host;
  std::vector<const ConnectionFacts*> in_use;
  for (const auto& [number, other] : tracker_.connections()) {
    if (other->has_same_ends(connection) && other->is_live() && other->took_call_at) in_use.push_back(other.get());
  }
  if (in_use.size() <= cap) return;
  for (const ConnectionFacts* newest : in_use) {
    const auto together = std::ranges::count_if(in_use, [newest](const ConnectionFacts* other) {
      return other->established_at <= newest->established_at && *other->took_call_at >= newest->established_at;
    });
    RAZOR_RULE(21, static_cast<std::size_t>(together) <= cap, "{}: {} connections at a time take calls, of {}",
               connection.name(), together, cap);
    if (static_cast<std::size_t>(together) > cap) return;
  }
}

void ConnectRules::on_connect(const ConnectFacts& address) const {
  const std::size_t most = std::size_t{limits_.connects_per_minute_max} * limits_.pools_per_host;
  RAZOR_RULE(30, address.within_a_minute.size() <= most, "{}: {} attempts to connect within a minute", address.name(),
             address.within_a_minute.size());
}

void ConnectRules::on_connect_after_refusal(ConnectFacts& address, Duration gap) const {
  const Duration full = full_delay(address.refusals - 1, limits_.reconnect_min, limits_.reconnect_max);
  RAZOR_RULE(30, gap + kSlack >= full / 2, "{}: an attempt {} behind the one before, after {} that were refused",
             address.name(), to_rounded_text(gap), address.refusals);
  const bool is_drawn = gap != full && gap != full / 2;
  address.gaps_without_jitter = is_drawn ? 0 : address.gaps_without_jitter + 1;
  RAZOR_RULE(30, address.gaps_without_jitter <= kGapsWithoutJitterMax, "{}: the last {} gaps have no jitter", address.name(),
             address.gaps_without_jitter);
}

void ConnectRules::on_connect_alive(const ConnectFacts& address, bool is_last) const {
  if (limits_.pools_per_host > 1) return;
  RAZOR_RULE(21, is_last, "{}: connects twice at a time", address.name());
}

}  // namespace razor::faults
