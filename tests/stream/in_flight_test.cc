// InFlight against std::map. A ring that grows wrongly loses calls or gives one to another's seq; one that does not push
// slow calls aside grows without end or overwrites them.

#include "razor/stream/internal/in_flight.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>
#include <map>

#include "tests/stream/noted_call.h"
#include "tests/support/pick.h"

namespace razor::stream {
namespace {

using wire::Seq;

std::vector<Exchange*> all(InFlight& in_flight) {
  std::vector<Exchange*> calls;
  in_flight.for_each([&](Exchange& call) { calls.push_back(&call); });
  return calls;
}

TEST(InFlight, TakesEachCallOnce) {
  InFlight in_flight(4);
  NotedCall one, two;
  in_flight.insert(1, one);
  in_flight.insert(2, two);
  EXPECT_EQ(in_flight.size(), 2u);
  EXPECT_EQ(in_flight.take(2), &two);
  EXPECT_EQ(in_flight.take(2), nullptr);
  EXPECT_EQ(in_flight.take(1), &one);
  EXPECT_TRUE(in_flight.empty());
}

TEST(InFlight, KnowsNoSeqThatWasNotEntered) {
  InFlight in_flight(4);
  EXPECT_EQ(in_flight.take(0), nullptr);
  EXPECT_EQ(in_flight.take(~Seq{0}), nullptr);
  NotedCall call;
  in_flight.insert(5, call);
  EXPECT_EQ(in_flight.take(0), nullptr);
  EXPECT_EQ(in_flight.take(5 + 64), nullptr) << "another seq with the same place in the ring";
  EXPECT_EQ(in_flight.take(5 + (Seq{1} << 32)), nullptr);
  EXPECT_EQ(in_flight.take(5), &call);
}

TEST(InFlight, ASlowCallStaysWhileTheRingTurnsManyTimes) {
  InFlight in_flight(2);
  NotedCall slow, quick;
  in_flight.insert(1, slow);
  for (Seq seq = 2; seq < 10'000; ++seq) {
    in_flight.insert(seq, quick);
    ASSERT_EQ(in_flight.take(seq), &quick);
    ASSERT_EQ(in_flight.size(), 1u);
  }
  EXPECT_EQ(all(in_flight), (std::vector<Exchange*>{&slow}));
  EXPECT_EQ(in_flight.take(1), &slow);
  EXPECT_EQ(in_flight.take(1), nullptr);
  EXPECT_TRUE(in_flight.empty());
}

TEST(InFlight, HoldsMoreThanItWasMadeFor) {
  InFlight in_flight(1);
  std::deque<NotedCall> calls(5000);
  for (std::size_t i = 0; i < calls.size(); ++i) in_flight.insert(i + 1, calls[i]);
  EXPECT_EQ(in_flight.size(), calls.size());
  const std::vector<Exchange*> found = all(in_flight);
  ASSERT_EQ(found.size(), calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(found[i], &calls[i]);
    EXPECT_EQ(in_flight.take(i + 1), &calls[i]);
  }
}

TEST(InFlight, AnotherObjectCanStandForACallInTheRingAndOutsideIt) {
  InFlight in_flight(1);
  NotedCall slow, slow_moved, quick, quick_moved;
  in_flight.insert(1, slow);
  for (Seq seq = 2; seq < 200; ++seq) {
    in_flight.insert(seq, quick);
    ASSERT_EQ(in_flight.take(seq), &quick);
  }
  in_flight.insert(200, quick);
  in_flight.replace(1, slow_moved);
  in_flight.replace(200, quick_moved);
  EXPECT_EQ(in_flight.take(1), &slow_moved);
  EXPECT_EQ(in_flight.take(200), &quick_moved);
}

TEST(InFlight, AVisitMayTakeTheCall) {
  InFlight in_flight(1);
  std::deque<NotedCall> calls(300);
  for (std::size_t i = 0; i < calls.size(); ++i) in_flight.insert(i + 1, calls[i]);
  for (Seq seq = 301; seq < 1000; ++seq) in_flight.skip(seq);  // some are in the overflow now
  std::size_t visited = 0;
  in_flight.for_each([&](Exchange& call) {
    EXPECT_EQ(&call, &calls[visited]);
    EXPECT_EQ(in_flight.take(++visited), &call);
  });
  EXPECT_EQ(visited, calls.size());
  EXPECT_TRUE(in_flight.empty());
}

TEST(InFlightDeathTest, ReplacingWhatIsNotThereIsABug) {
  InFlight in_flight(1);
  NotedCall call;
  EXPECT_DEATH(in_flight.replace(1, call), "seq=1 is not in flight");
}

// --- Model -----------------------------------------------------------------------------------------------------------

struct TableAndModel {
  explicit TableAndModel(std::uint32_t expected) : table(expected) {}

  void insert(Seq skipped) {
    for (; skipped > 0; --skipped) table.skip(next++);
    calls.emplace_back();
    table.insert(next, calls.back());
    model.emplace(next, &calls.back());
    ++next;
  }
  void take(Seq seq) {
    const auto known = model.find(seq);
    Exchange* expected = known == model.end() ? nullptr : known->second;
    RC_ASSERT(table.take(seq) == expected);
    if (known != model.end()) model.erase(known);
  }
  void take_nth(std::size_t n) {
    if (!model.empty()) take(std::next(model.begin(), static_cast<std::ptrdiff_t>(n % model.size()))->first);
  }
  void replace_nth(std::size_t n) {
    if (model.empty()) return;
    const auto known = std::next(model.begin(), static_cast<std::ptrdiff_t>(n % model.size()));
    calls.emplace_back();
    table.replace(known->first, calls.back());
    known->second = &calls.back();
  }
  void check() const {
    RC_ASSERT(table.size() == model.size());
    RC_ASSERT(table.empty() == model.empty());
  }
  void check_all() {
    std::vector<Exchange*> expected;
    for (const auto& [seq, call] : model) expected.push_back(call);
    RC_ASSERT(all(table) == expected);
  }

  std::deque<NotedCall> calls;
  InFlight table;
  std::map<Seq, Exchange*> model;
  Seq next = 1;
};

RC_GTEST_PROP(InFlight, AgreesWithAMap, ()) {
  TableAndModel both(test::pick_of<std::uint32_t>({1, 16, 64, 128, 1000}));
  const int steps = test::pick(0, 2000);
  // Up to here the table fills, above it empties: so it grows, turns, and has slow calls.
  const std::size_t level = test::pick_of<std::size_t>({1, 10, 100, 500});
  for (int i = 0; i < steps; ++i) {
    const auto n = test::pick<std::size_t>(0, 10'000);
    switch (test::pick(0, 16)) {
      case 0: both.insert(n % 200); break;             // pings take seqs, too
      case 1: both.take(n % (both.next + 10)); break;  // any seq, known or not
      case 2: both.replace_nth(n); break;
      case 3: both.take_nth(0); break;
      default:
        if (both.model.size() < level) {
          both.insert(0);
        } else {
          both.take_nth(both.model.size() - 1 - n % std::min<std::size_t>(both.model.size(), 20));  // a young one
        }
    }
    both.check();
    if (n % 64 == 0) both.check_all();
  }
  both.check_all();
  while (!both.model.empty()) both.take_nth(test::pick<std::size_t>(0, 1000));
  both.check();
}

}  // namespace
}  // namespace razor::stream
