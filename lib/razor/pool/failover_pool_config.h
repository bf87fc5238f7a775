#pragma once
// Settings of a FailoverPool, beside those of each of its addresses.

#include "razor/pool/client_pool_config.h"
#include "razor/pool/health.h"
#include "razor/pool/selector.h"

namespace razor::pool {

struct FailoverPoolConfig {
  /// Connections are counted for each address, calls and bytes for the whole pool.
  ClientPoolConfig pool{};
  /// Which address gets a call. (selector.h)
  Balance balance = Balance::round_robin;
  HealthConfig health{};
  /// An idempotent call that has no answer after this time is sent to another address too, unless its options say
  /// otherwise; zero: never. (call_policy.h, call_driver.cc)
  base::Duration hedge_after = base::Duration::zero();

  /// How often a call follows errors that send it to another address; then its caller gets the error. (call_policy.cc)
  std::uint32_t redirects_max = 8;
  /// Addresses that only such errors have named: how many the pool knows at a time, and for how long after their last use.
  /// (address_book.h)
  std::uint32_t redirect_addresses_max = 16;
  base::Duration redirect_address_timeout = std::chrono::seconds(60);
};
static_assert(std::is_trivially_copyable_v<FailoverPoolConfig>);

}  // namespace razor::pool

namespace razor {
using pool::Balance;
using pool::FailoverPoolConfig;
}  // namespace razor
