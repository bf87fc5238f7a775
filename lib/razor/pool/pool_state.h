#pragma once
// PoolState: what a pool is doing, as a snapshot that a person can read.

#include <array>
#include <map>
#include <string>
#include <vector>

#include "razor/base/bytes.h"
#include "razor/base/error.h"
#include "razor/pool/health.h"
#include "razor/runtime/address.h"

namespace razor::pool {

/// Totals since the pool was made.
struct PoolStats {
  std::uint64_t calls_submitted = 0;
  std::uint64_t calls_answered = 0;            ///< with a result, or with an error of the handler
  std::map<base::Errc, std::uint64_t> calls_failed;  ///< in the framework, errors that the server answers included
  std::uint64_t calls_abandoned = 0;           ///< whose caller stopped waiting
  std::uint64_t attempts = 0;                  ///< that were sent
  std::uint64_t retries = 0;                   ///< of calls that may have run
  std::uint64_t moves = 0;                     ///< of calls that were never sent, or not whole
  std::uint64_t redirects = 0;                 ///< that errors of handlers asked for
  std::uint64_t hedges = 0;
  std::uint64_t hedges_won = 0;
  std::uint64_t connects = 0;
  std::uint64_t connects_failed = 0;
  std::uint64_t silences = 0;  ///< connections whose process answered no pings, though its machine was alive
  std::uint64_t ejections = 0;  ///< how often an address was healthy and is so no more

  std::uint64_t calls_failed_total() const {
    std::uint64_t total = 0;
    for (const auto& [errc, count] : calls_failed) total += count;
    return total;
  }
};

struct AddressState {
  runtime::Address address;
  bool from_redirect = false;  ///< known only because an error named it
  bool leads = false;  ///< with Balance::leader
  HealthState health = HealthState::healthy;
  base::Duration health_for{};  ///< since it changed last; zero if never
  std::string why;  ///< what went wrong last; empty: nothing yet
  std::uint32_t share = 0;  ///< of the calls, in hundredths; 0 while not healthy
  std::uint32_t connections = 0;  ///< that take calls
  std::uint32_t plain =
      0;  ///< of those: on which deadlines, cancellation and metadata do not travel, though `hello` is not off
  std::uint32_t silent = 0;  ///< of all: whose process answers no pings, though its machine is alive
  std::uint32_t leaving = 0;  ///< that take none any more, until those that they carry have ended
  bool connecting = false;  ///< or being probed, now or after a back-off
  base::Duration next_attempt_in{};  ///< the rest of that back-off
  std::uint32_t in_flight = 0;
  std::uint32_t failures = 0;  ///< of attempts to reach it, in a row
  std::uint64_t connects = 0;  ///< attempts to connect, since the pool knows it
  std::uint64_t attempts = 0;  ///< of calls, likewise

  std::string to_string() const;
};

/// " (3 attempts in a row, next in 400 ms)"; empty without failures.
std::string attempts_text(std::uint32_t failures, base::Duration next_in);

struct PoolState {
  std::vector<AddressState> addresses;
  std::uint32_t in_flight = 0;
  std::uint32_t waiting = 0;  ///< for a connection, for room, for their next attempt
  base::ByteCount bytes = 0;  ///< of all calls that have not ended
  std::int64_t retry_tokens = 0;  ///< left in the retry budget
  PoolStats stats;

  std::uint32_t connections() const {
    std::uint32_t total = 0;
    for (const AddressState& one : addresses) total += one.connections;
    return total;
  }
  /// A line for the whole pool, and one for each address.
  std::string to_string() const;
};

}  // namespace razor::pool

namespace razor {
using pool::AddressState;
using pool::PoolState;
using pool::PoolStats;
}  // namespace razor
