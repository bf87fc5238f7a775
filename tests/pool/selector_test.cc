// Selector against its promises. One that forgets them gives a call to an address that is down or full, or back to the
// one where it failed; one that shares badly overloads one; one whose leader wanders spreads what should stay together.

#include "razor/pool/selector.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "tests/support/pick.h"

namespace razor::pool {
namespace {

using test::one_in;
using test::pick;
using test::pick_of;

constexpr Balance kBalances[] = {Balance::round_robin, Balance::leader, Balance::least_in_flight};

using Candidates = std::vector<Candidate>;

Candidate usable(AddressId id, std::uint32_t weight = 100, std::uint32_t in_flight = 0) {
  return {.id = id, .healthy = true, .has_room = true, .weight = weight, .in_flight = in_flight};
}

// Who gets the call, by name; kNoAddress when it has to wait.
AddressId picked(Selector& selector, Candidates& candidates, AddressId avoid = kNoAddress) {
  const auto index = selector.pick(candidates, avoid);
  return index ? candidates.at(*index).id : kNoAddress;
}

std::map<AddressId, int> shares(Selector& selector, Candidates& candidates, int picks) {
  std::map<AddressId, int> counts;
  for (int i = 0; i < picks; ++i) ++counts[picked(selector, candidates)];
  return counts;
}

double five_sigma(int picks, double share) { return 5 * std::sqrt(picks * share * (1 - share)); }

TEST(Selector, NobodyIsPickedFromNobody) {
  for (const Balance balance : kBalances) {
    Selector selector(balance, 1);
    Candidates none;
    EXPECT_EQ(selector.pick(none), std::nullopt);
    EXPECT_EQ(selector.pick(none, 7), std::nullopt);
    selector.next_leader(none);
    EXPECT_EQ(selector.leader(), kNoAddress);
  }
}

TEST(Selector, ACallThatFailedSomewhereWaitsForRoomElsewhere) {
  for (const Balance balance : kBalances) {
    Selector selector(balance, 1);
    Candidates candidates{usable(1), usable(2)};
    EXPECT_EQ(picked(selector, candidates, 1), 2u);
    candidates[1].has_room = false;
    EXPECT_EQ(picked(selector, candidates, 1), kNoAddress);
    candidates[1].healthy = false;
    EXPECT_EQ(picked(selector, candidates, 1), 1u) << "it is the only healthy one";
  }
}

// --- Any balance -----------------------------------------------------------------------------------------------------

Candidates some_candidates() {
  Candidates candidates(pick<std::size_t>(0, 7));
  const int healthy_in_ten = pick(0, 11);
  const int room_in_ten = pick(0, 11);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    Candidate& one = candidates[i];
    one.id = static_cast<AddressId>(i + 1);
    one.healthy = pick(0, 10) < healthy_in_ten;
    one.has_room = pick(0, 10) < room_in_ten;
    one.weight = one.healthy ? pick(1u, 101u) : pick_of({0u, 100u});
    one.in_flight = pick(0u, 6u);
  }
  return candidates;
}

RC_GTEST_PROP(Selector, PicksOnlyWhatMayBePickedAndTheSameForTheSameSeed, ()) {
  const Balance balance = pick_of({Balance::round_robin, Balance::leader, Balance::least_in_flight});
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  Selector selector(balance, seed);
  Selector twin(balance, seed);
  for (int i = 0; i < 30; ++i) {
    Candidates candidates = some_candidates();
    const auto avoid = pick<AddressId>(0, 8);  // none, one of them, or unknown
    const bool others_healthy =
        std::ranges::any_of(candidates, [avoid](const Candidate& one) { return one.healthy && one.id != avoid; });
    const auto may_be_picked = [&](const Candidate& one) {
      return one.healthy && one.has_room && (one.id != avoid || !others_healthy);
    };
    Candidates for_twin = candidates;
    const auto index = selector.pick(candidates, avoid);
    RC_ASSERT(twin.pick(for_twin, avoid) == index);
    if (index) RC_ASSERT(may_be_picked(candidates.at(*index)));
    // Behind a full leader calls wait; else they wait only when nobody can take them.
    if (balance != Balance::leader) RC_ASSERT(index.has_value() == std::ranges::any_of(candidates, may_be_picked));
  }
}

// --- In turn ---------------------------------------------------------------------------------------------------------

TEST(Selector, TakesTurnsByWeightWithoutRuns) {
  Selector selector(Balance::round_robin, 1);
  Candidates candidates{usable(1, 100), usable(2, 20), usable(3, 20)};
  std::vector<AddressId> turns;
  for (int i = 0; i < 7; ++i) turns.push_back(picked(selector, candidates));
  EXPECT_EQ(turns, (std::vector<AddressId>{1, 1, 2, 1, 3, 1, 1}));
}

TEST(Selector, WhoWasFullForAWhileDoesNotCatchUp) {
  Selector selector(Balance::round_robin, 1);
  Candidates candidates{usable(1), usable(2), usable(3)};
  candidates[2].has_room = false;
  EXPECT_EQ(shares(selector, candidates, 1000), (std::map<AddressId, int>{{1, 500}, {2, 500}}));
  candidates[2].has_room = true;
  EXPECT_EQ(shares(selector, candidates, 30), (std::map<AddressId, int>{{1, 10}, {2, 10}, {3, 10}}));
}

RC_GTEST_PROP(Selector, TurnsAreProportionalToWeights, ()) {
  Selector selector(Balance::round_robin, 1);
  Candidates candidates = some_candidates();
  std::map<AddressId, std::int64_t> weights;
  std::int64_t sum = 0;
  for (const Candidate& one : candidates) {
    if (!one.healthy || !one.has_room) continue;
    weights[one.id] = one.weight;
    sum += one.weight;
  }
  std::map<AddressId, std::int64_t> counts;
  for (std::int64_t i = 1; i <= 2 * sum; ++i) {
    const AddressId id = picked(selector, candidates);
    ++counts[id];
    // Nobody is a whole call ahead of its share at any time,
    RC_ASSERT(counts[id] * sum < i * weights[id] + sum);
    // and at the end of a cycle each has exactly its share.
    if (i % sum == 0) {
      for (const auto& [one, weight] : weights) RC_ASSERT(counts[one] == i / sum * weight);
    }
  }
}

// --- Leader ----------------------------------------------------------------------------------------------------------

class SelectorLeaderTest : public testing::Test {
 protected:
  AddressId picks(AddressId avoid = kNoAddress) { return picked(selector_, candidates_, avoid); }
  Candidate& candidate(AddressId id) { return *std::ranges::find(candidates_, id, &Candidate::id); }
  void remove(AddressId id) {
    std::erase_if(candidates_, [id](const Candidate& one) { return one.id == id; });
  }

  Selector selector_{Balance::leader, 1};
  Candidates candidates_{usable(1), usable(2), usable(3)};
};

TEST_F(SelectorLeaderTest, LeadsUntilItFailsAndDoesNotComeBackByItself) {
  EXPECT_EQ(selector_.leader(), kNoAddress);
  EXPECT_EQ(picks(), 1u);
  EXPECT_EQ(picks(), 1u);
  candidate(1).healthy = false;
  candidate(2).healthy = false;
  EXPECT_EQ(picks(), 3u);
  candidate(1).healthy = true;
  EXPECT_EQ(picks(), 3u);
  candidate(3).healthy = false;
  EXPECT_EQ(picks(), 1u) << "behind the last comes the first";
}

TEST_F(SelectorLeaderTest, CallsWaitForALeaderThatIsFull) {
  EXPECT_EQ(picks(), 1u);
  candidate(1).has_room = false;
  EXPECT_EQ(picks(), kNoAddress);
  EXPECT_EQ(selector_.leader(), 1u);
}

TEST_F(SelectorLeaderTest, OneCallThatFailedThereGoesElsewhereTheOthersStay) {
  EXPECT_EQ(picks(), 1u);
  EXPECT_EQ(picks(1), 2u);
  EXPECT_EQ(selector_.leader(), 1u);
  EXPECT_EQ(picks(2), 1u);
}

TEST_F(SelectorLeaderTest, IsKnownByNameNotByPlace) {
  selector_.set_leader(2);
  std::ranges::reverse(candidates_);
  candidates_.insert(candidates_.begin(), usable(4));
  EXPECT_EQ(picks(), 2u);
  candidate(2).healthy = false;
  EXPECT_EQ(picks(), 1u);
}

TEST_F(SelectorLeaderTest, TheOneBehindTakesOverWhenItIsRemoved) {
  selector_.set_leader(2);
  EXPECT_EQ(picks(), 2u);
  remove(2);
  EXPECT_EQ(picks(), 3u);
  remove(3);
  EXPECT_EQ(picks(), 1u);
  remove(1);
  EXPECT_EQ(picks(), kNoAddress);
  candidates_ = {usable(4)};
  EXPECT_EQ(picks(), 4u);
}

TEST_F(SelectorLeaderTest, TheFirstHealthyOneLeadsAlsoWhenNoneWasAtFirst) {
  for (Candidate& one : candidates_) one.healthy = false;
  EXPECT_EQ(picks(), kNoAddress);
  for (Candidate& one : candidates_) one.healthy = true;
  EXPECT_EQ(picks(), 1u);
}

TEST_F(SelectorLeaderTest, AnotherLeadsWhenAskedFor) {
  selector_.next_leader(candidates_);
  EXPECT_EQ(selector_.leader(), kNoAddress) << "nobody leads before the first call";
  EXPECT_EQ(picks(), 1u);
  candidate(2).healthy = false;
  selector_.next_leader(candidates_);
  EXPECT_EQ(picks(), 3u);
  candidate(1).healthy = false;
  selector_.next_leader(candidates_);
  EXPECT_EQ(picks(), 3u) << "there is no other";
}

TEST_F(SelectorLeaderTest, TheOneBehindTakesOverFromALeaderThatHadNoCall) {
  EXPECT_EQ(picks(), 1u);
  selector_.next_leader(candidates_);
  EXPECT_EQ(selector_.leader(), 2u);
  remove(2);
  EXPECT_EQ(picks(), 3u);
}

// The line: those who may lead, the present leader first, then those behind it, all around.
struct LeaderAndLine {
  LeaderAndLine() {
    const int count = pick(1, 7);
    for (int i = 0; i < count; ++i) add();
    line = ids();
  }

  std::vector<AddressId> ids() const {
    std::vector<AddressId> all;
    for (const Candidate& one : candidates) all.push_back(one.id);
    return all;
  }
  const Candidate& of(AddressId id) const { return *std::ranges::find(candidates, id, &Candidate::id); }
  // The first healthy one in line other than `avoid`.
  AddressId first_but(AddressId avoid) const {
    const auto found = std::ranges::find_if(line, [this, avoid](AddressId id) { return id != avoid && of(id).healthy; });
    return found == line.end() ? kNoAddress : *found;
  }
  void leads(AddressId id) {
    leader = id;
    line = ids();
    std::ranges::rotate(line, std::ranges::find(line, id));
  }

  void add() {
    candidates.push_back(usable(next_id++));
    candidates.back().healthy = one_in(2);
    if (is_led()) leads(leader);
  }
  Candidate& any_candidate() { return candidates[pick<std::size_t>(0, candidates.size())]; }
  void change_places() {
    std::swap(any_candidate(), any_candidate());
    leads(leader);
  }
  void remove_one() {
    if (candidates.size() == 1) return;
    const AddressId id = one_in(2) ? leader : any_candidate().id;
    std::erase_if(candidates, [id](const Candidate& one) { return one.id == id; });
    std::erase(line, id);
  }
  void ask_for_another() {
    selector.next_leader(candidates);
    if (const AddressId next = first_but(leader)) leads(next);
    RC_ASSERT(selector.leader() == leader);
  }

  // The line behind a leader that is gone is only known as it was then: until the next one leads, its order stays.
  bool is_led() const { return std::ranges::find(candidates, leader, &Candidate::id) != candidates.end(); }
  void order_changes() {
    switch (pick(0, 4)) {
      case 0: return change_places();
      case 1: return remove_one();
      case 2: return ask_for_another();
      default: return add();
    }
  }
  void health_or_room_changes() {
    switch (pick(0, 6)) {
      case 0: any_candidate().has_room ^= true; break;
      case 1:
        for (Candidate& one : candidates) one.healthy = false;
        break;
      case 2:
        for (Candidate& one : candidates) one.healthy = true;
        break;
      default: any_candidate().healthy ^= true; break;
    }
  }

  void call() {
    const auto avoid = pick<AddressId>(0, next_id);
    if (const AddressId first = first_but(kNoAddress)) leads(first);
    const AddressId elsewhere = first_but(avoid);
    const AddressId expected = elsewhere != kNoAddress ? elsewhere : first_but(kNoAddress);
    const bool can_go = expected != kNoAddress && of(expected).has_room;
    RC_ASSERT(picked(selector, candidates, avoid) == (can_go ? expected : kNoAddress));
    RC_ASSERT(selector.leader() == leader);
  }

  AddressId next_id = 1;
  AddressId leader = kNoAddress;
  Candidates candidates;
  std::vector<AddressId> line;
  Selector selector{Balance::leader, 1};
};

RC_GTEST_PROP(Selector, TheFirstHealthyOneInLineLeads, ()) {
  LeaderAndLine both;
  const int steps = pick(0, 200);
  for (int i = 0; i < steps; ++i) {
    if (one_in(2)) {
      both.health_or_room_changes();
    } else if (both.is_led()) {
      both.order_changes();
    }
    both.call();
  }
}

// --- Least in flight -------------------------------------------------------------------------------------------------

TEST(Selector, TheLessBusyOfTwoDrawnGetsTheCall) {
  Selector selector(Balance::least_in_flight, 1);
  Candidates candidates{usable(1, 100, 2), usable(2, 100, 0), usable(3, 100, 1)};
  const auto counts = shares(selector, candidates, 9000);
  // Of the three pairs, the idle one wins two, the next one wins one.
  EXPECT_NEAR(counts.at(2), 6000, five_sigma(9000, 2.0 / 3));
  EXPECT_NEAR(counts.at(3), 3000, five_sigma(9000, 1.0 / 3));
  EXPECT_FALSE(counts.contains(1));
}

TEST(Selector, IdleOnesAreDrawnByTheirWeights) {
  Selector selector(Balance::least_in_flight, 1);
  Candidates candidates{usable(1, 10), usable(2, 30), usable(3, 60)};
  const auto counts = shares(selector, candidates, 10'000);
  EXPECT_NEAR(counts.at(1), 1000, five_sigma(10'000, 0.1));
  EXPECT_NEAR(counts.at(2), 3000, five_sigma(10'000, 0.3));
  EXPECT_NEAR(counts.at(3), 6000, five_sigma(10'000, 0.6));
}

TEST(Selector, BusyMeansInRelationToTheShare) {
  Selector selector(Balance::least_in_flight, 1);
  Candidates candidates{usable(1, 100, 9), usable(2, 10, 1)};
  EXPECT_EQ(shares(selector, candidates, 100), (std::map<AddressId, int>{{1, 100}}));
}

TEST(Selector, AnotherSeedDrawsOthers) {
  Candidates candidates{usable(1), usable(2), usable(3), usable(4)};
  Selector one(Balance::least_in_flight, 1);
  Selector two(Balance::least_in_flight, 2);
  int same = 0;
  for (int i = 0; i < 100; ++i) same += picked(one, candidates) == picked(two, candidates) ? 1 : 0;
  EXPECT_LT(same, 60);
}

RC_GTEST_PROP(Selector, TheBusiestIsNeverPickedUnlessItIsAlone, ()) {
  Selector selector(Balance::least_in_flight, *rc::gen::arbitrary<std::uint64_t>());
  Candidates candidates = some_candidates();
  const auto less_busy = [](const Candidate& a, const Candidate& b) {
    return a.in_flight * b.weight < b.in_flight * a.weight;
  };
  Candidates fit;
  std::ranges::copy_if(candidates, std::back_inserter(fit),
                       [](const Candidate& one) { return one.healthy && one.has_room; });
  std::ranges::sort(fit, less_busy);
  RC_PRE(fit.size() >= 2u);
  RC_PRE(less_busy(fit[fit.size() - 2], fit.back()));
  for (int i = 0; i < 50; ++i) RC_ASSERT(picked(selector, candidates) != fit.back().id);
}

}  // namespace
}  // namespace razor::pool
