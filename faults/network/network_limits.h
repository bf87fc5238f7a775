#pragma once
// NetworkLimits: what the hosts that a NetworkOracle watches promise about their connections.

#include <chrono>
#include <cstdint>
#include <type_traits>

#include "razor/base/time.h"

namespace razor::faults {

/// The defaults are those of faults/contract.md.
struct NetworkLimits {
  std::uint32_t window = 128;
  std::uint32_t handlers_per_connection_max = 1024;
  std::uint32_t connections_max = 8;  ///< of one pool to one address
  std::uint32_t pools_per_host = 1;   ///< that know the same address
  std::uint32_t connects_per_minute_max = 90;
  base::Duration reconnect_min = std::chrono::milliseconds(50);
  base::Duration reconnect_max = std::chrono::seconds(1);
  base::Duration ping_interval = std::chrono::seconds(1);
  base::Duration ping_timeout = std::chrono::seconds(2);
  /// While a ping is out, a client checks acknowledgements only so often, and counts silence from that check.
  base::Duration acknowledgement_check_interval = std::chrono::milliseconds(125);
  base::Duration tick = std::chrono::seconds(1);
  /// How long a reaction that should be immediate may take.
  base::Duration at_once = std::chrono::milliseconds(100);
};
static_assert(std::is_trivially_copyable_v<NetworkLimits>);

}  // namespace razor::faults
