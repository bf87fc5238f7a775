#pragma once
// Selector: which of several addresses gets the next call. Pure: it is shown the candidates, and names one.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "razor/base/random_stream.h"

namespace razor::pool {

enum class Balance : std::uint8_t {
  round_robin,      ///< one after the other, by their shares
  leader,           ///< all calls go to one, until it fails; then to the next that is healthy
  least_in_flight,  ///< of two drawn at random, the one with fewer calls under way
};

constexpr std::string_view name_of(Balance balance) {
  switch (balance) {
    case Balance::round_robin: return "round_robin";
    case Balance::leader: return "leader";
    case Balance::least_in_flight: return "least_in_flight";
  }
  return "?";
}

/// Names an address for as long as a pool knows it; never used again for another.
using AddressId = std::uint32_t;
inline constexpr AddressId kNoAddress = 0;

/// What a Selector is shown of an address. Kept from one pick to the next.
struct Candidate {
  AddressId id = kNoAddress;
  bool healthy = false;
  bool has_room = false;         ///< it could take a call right now
  std::uint32_t weight = 0;      ///< its share, in hundredths
  std::uint32_t in_flight = 0;
  std::int64_t credit = 0;       ///< the Selector's own
};

class Selector {
 public:
  Selector(Balance balance, std::uint64_t seed) : balance_(balance), random_(seed) {}

  Balance balance() const { return balance_; }

  /// The index of the candidate that gets the next call; nothing when the call has to wait.
  ///
  /// Never one that is not healthy, or has no room. `avoid` only when no other is healthy: a call that failed there waits
  /// for room at another one.
  std::optional<std::size_t> pick(std::span<Candidate> candidates, AddressId avoid = kNoAddress);

  /// With `Balance::leader`: the candidate that the call has to wait for, if it has no room; nothing when none is healthy.
  std::optional<std::size_t> wanted(std::span<const Candidate> candidates, AddressId avoid);

  /// With `Balance::leader`: who leads; kNoAddress before the first call.
  AddressId leader() const { return leader_; }
  void set_leader(AddressId id) { leader_ = id; }
  /// Another leads from now on: the next healthy one behind the present leader, or that itself when there is no other.
  void next_leader(std::span<const Candidate> candidates);

 private:
  std::optional<std::size_t> pick_in_turn(std::span<Candidate> candidates, AddressId avoid);
  std::optional<std::size_t> pick_less_busy(std::span<const Candidate> candidates, AddressId avoid);

  Balance balance_;
  base::RandomStream random_;
  AddressId leader_ = kNoAddress;
  std::size_t leader_index_ = 0;  // where it was seen last, for when it is gone
};

}  // namespace razor::pool
