#include "faults/fault_kind.h"

#include <algorithm>

#include "razor/base/check.h"

namespace razor::faults {
namespace {

// least .. most, up to a part of it that grows with the square of hardness, small ones more often.
std::int64_t drawn(base::RandomStream& random, std::int64_t least, std::int64_t most, int hardness) {
  RAZOR_CHECK(least <= most, "drawn between {} and {}", least, most);
  const auto hard = static_cast<std::uint64_t>(std::clamp(hardness, 1, 100));
  const auto span = static_cast<std::uint64_t>(most - least);
  const auto reach = static_cast<std::uint64_t>(static_cast<unsigned __int128>(span) * (hard * hard) / 10'000);
  const std::uint64_t within = random.below(reach + 1);
  return least + static_cast<std::int64_t>(random.below(within + 1));
}

// Two digits, and zeros behind them.
std::int64_t rounded_down(std::int64_t value) {
  std::int64_t step = 1;
  while (value / step >= 100) step *= 10;
  return value / step * step;
}

}  // namespace

std::string_view lacks_servers(const Roles& roles) { return roles.servers.empty() ? "a server" : ""; }

std::string_view lacks_callers(const Roles& roles) {
  return roles.servers.empty() || roles.callers.empty() ? "a server and a caller" : "";
}

std::string_view lacks_untrusted_peers(const Roles& roles) {
  return roles.untrusted_peers.empty() ? "an untrusted peer" : "";
}

std::string_view lacks_own_servers(const Roles& roles) {
  const bool has =
      std::ranges::any_of(roles.servers, [&roles](const std::string& server) { return !roles.is_foreign(server); });
  return has ? "" : "a server made with the library";
}

base::Duration Draw::duration(base::Duration least, base::Duration most) {
  return std::max(least, base::Duration(rounded_down(drawn(random, least.count(), most.count(), hardness))));
}

std::int64_t Draw::number(std::int64_t least, std::int64_t most) { return drawn(random, least, most, hardness); }

}  // namespace razor::faults
