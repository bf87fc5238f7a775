#include "razor/pool/selector.h"

#include <algorithm>

namespace razor::pool {
namespace {

bool any_healthy_but(std::span<const Candidate> candidates, AddressId avoid) {
  return std::ranges::any_of(candidates, [avoid](const Candidate& one) { return one.healthy && one.id != avoid; });
}

// The next healthy candidate behind `index`, `avoid` aside, all around: `index` itself is looked at last.
std::optional<std::size_t> next_healthy(std::span<const Candidate> candidates, std::size_t index, AddressId avoid) {
  for (std::size_t step = 1; step <= candidates.size(); ++step) {
    const std::size_t next = (index + step) % candidates.size();
    if (candidates[next].healthy && candidates[next].id != avoid) return next;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> Selector::pick(std::span<Candidate> candidates, AddressId avoid) {
  if (balance_ == Balance::leader) {
    const auto leader = wanted(candidates, avoid);
    return leader && candidates[*leader].has_room ? leader : std::nullopt;
  }
  if (avoid != kNoAddress && !any_healthy_but(candidates, avoid)) avoid = kNoAddress;
  switch (balance_) {
    case Balance::round_robin: return pick_in_turn(candidates, avoid);
    case Balance::leader: break;
    case Balance::least_in_flight: return pick_less_busy(candidates, avoid);
  }
  return std::nullopt;
}

// Smooth weighted round robin: everybody earns its weight, the richest pays the sum. Those that cannot take a call now
// neither earn nor pay. Source: nginx, ngx_http_upstream_get_peer.
std::optional<std::size_t> Selector::pick_in_turn(std::span<Candidate> candidates, AddressId avoid) {
  std::optional<std::size_t> best;
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    Candidate& one = candidates[i];
    if (!one.healthy || !one.has_room || one.id == avoid) continue;
    one.credit += one.weight;
    sum += one.weight;
    if (!best || one.credit > candidates[*best].credit) best = i;
  }
  if (best) candidates[*best].credit -= sum;
  return best;
}

std::optional<std::size_t> Selector::wanted(std::span<const Candidate> candidates, AddressId avoid) {
  const auto found = std::ranges::find(candidates, leader_, &Candidate::id);
  std::optional<std::size_t> chosen;
  if (found == candidates.end()) {
    // Gone, or there was none: begin where it was, so that the first is the first.
    if (candidates.empty()) return std::nullopt;
    chosen = next_healthy(candidates, (leader_index_ + candidates.size() - 1) % candidates.size(), kNoAddress);
  } else {
    leader_index_ = static_cast<std::size_t>(found - candidates.begin());
    chosen = found->healthy ? leader_index_ : next_healthy(candidates, leader_index_, kNoAddress);
  }
  if (!chosen) return std::nullopt;
  leader_ = candidates[*chosen].id;
  leader_index_ = *chosen;
  // One call that failed there goes elsewhere, if it can; the others stay.
  if (leader_ != avoid) return chosen;
  const auto other = next_healthy(candidates, *chosen, avoid);
  return other ? other : chosen;
}

void Selector::next_leader(std::span<const Candidate> candidates) {
  const auto found = std::ranges::find(candidates, leader_, &Candidate::id);
  if (found == candidates.end()) return;
  leader_index_ = static_cast<std::size_t>(found - candidates.begin());
  if (const auto next = next_healthy(candidates, leader_index_, leader_)) {
    leader_ = candidates[*next].id;
    leader_index_ = *next;
  }
}

// Two are drawn by their shares, and the less busy of them, in relation to its share, is chosen.
// Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing".
std::optional<std::size_t> Selector::pick_less_busy(std::span<const Candidate> candidates, AddressId avoid) {
  const auto fits = [avoid](const Candidate& one) { return one.healthy && one.has_room && one.id != avoid; };
  std::uint64_t sum = 0;
  for (const Candidate& one : candidates) sum += fits(one) ? one.weight : 0;
  if (sum == 0) return std::nullopt;
  const auto draw = [&](std::optional<std::size_t> other) {
    std::uint64_t rest = random_.below(sum - (other ? candidates[*other].weight : 0));
    std::size_t index = 0;
    for (;; ++index) {
      if (!fits(candidates[index]) || index == other) continue;
      if (rest < candidates[index].weight) return index;
      rest -= candidates[index].weight;
    }
  };
  const std::size_t first = draw(std::nullopt);
  if (sum == candidates[first].weight) return first;
  const std::size_t second = draw(first);
  const Candidate& a = candidates[first];
  const Candidate& b = candidates[second];
  const bool second_is_less_busy = std::uint64_t{b.in_flight} * a.weight < std::uint64_t{a.in_flight} * b.weight;
  return second_is_less_busy ? second : first;
}

}  // namespace razor::pool
