// ServerInFlight: which requests of a connection run, and who wants to know that their callers have given up. One that forgets a
// request cancels nothing, or another's; one that tells twice wakes what is gone; seqs are the peer's choice, and may jump.

#include "razor/stream/internal/server_in_flight.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>
#include <map>
#include <optional>

#include "tests/support/pick.h"
#include "tests/support/time_points.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using base::TimePoint;
using test::kStart;
using wire::Seq;

struct Ear final : CancelListener {
  void on_cancelled() override { ++told; }
  int told = 0;
};

void begin(ServerInFlight& running, Seq seq, TimePoint deadline = TimePoint::max()) {
  running.begin_call(seq, deadline, stop_time(deadline, 0ns));
  running.begin();
}

TEST(ServerInFlight, OfAPlainConnectionItOnlyCounts) {
  ServerInFlight running;
  running.begin();
  running.begin();
  EXPECT_EQ(running.find(1), nullptr);
  EXPECT_EQ(running.count(), 2u);
  running.end(1);
  running.end(1);  // a peer may use a seq twice
  EXPECT_TRUE(running.empty());
}

TEST(ServerInFlight, ACallIsFoundFromItsBeginningToItsEnd) {
  ServerInFlight running;
  running.extend();
  running.begin_call(2, kStart + 1s, kStart + 2s);
  running.begin();
  ASSERT_NE(running.find(2), nullptr);
  EXPECT_EQ(running.find(2)->deadline, kStart + 1s);
  EXPECT_EQ(running.find(2)->stop_at, kStart + 2s);
  EXPECT_FALSE(running.find(2)->is_cancelled);
  EXPECT_EQ(running.find(1), nullptr);
  EXPECT_EQ(running.find(2 + 64), nullptr) << "the same place in the table";
  EXPECT_EQ(running.find(2 + (Seq{1} << 40)), nullptr);
  running.end(2);
  EXPECT_EQ(running.find(2), nullptr);
  EXPECT_TRUE(running.empty());
}

TEST(ServerInFlight, OneThatIsNotDispatchedAfterAllIsForgotten) {
  ServerInFlight running;
  running.extend();
  running.begin_call(2, TimePoint::max(), TimePoint::max());
  running.forget_call(2);
  running.forget_call(2);
  EXPECT_EQ(running.find(2), nullptr);
  EXPECT_TRUE(running.empty());
  ServerInFlight plain;
  plain.forget_call(2);
}

TEST(ServerInFlight, ListenersAreToldOnceAndOnlyOfTheirOwnCall) {
  ServerInFlight running;
  running.extend();
  Ear first, second, others, connections;
  begin(running, 2);
  begin(running, 3);
  running.listen(2, first);
  running.listen(2, second);
  running.listen(3, others);
  running.listen(99, connections);
  running.find(2)->cancel();
  running.find(2)->cancel();
  EXPECT_EQ(first.told, 1);
  EXPECT_EQ(second.told, 1);
  EXPECT_EQ(others.told, 0);
  running.cancel_all();
  running.cancel_all();
  EXPECT_EQ(first.told, 1);
  EXPECT_EQ(others.told, 1);
  EXPECT_EQ(connections.told, 1);
  EXPECT_TRUE(running.find(2)->is_cancelled);
  EXPECT_TRUE(running.find(3)->is_cancelled);
  EXPECT_EQ(running.count(), 2u) << "they run until they are answered";
}

TEST(ServerInFlight, OneThatListensNoMoreIsNotTold) {
  ServerInFlight running;
  running.extend();
  begin(running, 2);
  Ear stays;
  {
    Ear gone;
    running.listen(2, gone);
    running.listen(2, stays);
  }
  running.cancel_all();
  EXPECT_EQ(stays.told, 1);
}

TEST(ServerInFlight, AListenerOfACallThatEndsIsInNoListAnyMore) {
  Ear ear;
  ServerInFlight running;
  running.extend();
  begin(running, 2);
  running.listen(2, ear);
  running.end(2);
  EXPECT_FALSE(ear.is_linked());
  running.cancel_all();
  EXPECT_EQ(ear.told, 0);
}

TEST(ServerInFlight, ItMayEndWhileCallsRun) {
  std::deque<Ear> ears(300);
  {
    ServerInFlight running;
    running.extend();
    for (Seq i = 0; i < ears.size(); ++i) {
      begin(running, 1 + i * 1000);
      running.listen(1 + i * 1000, ears[i]);
    }
  }
  for (const Ear& ear : ears) {
    EXPECT_FALSE(ear.is_linked()) << "its call is destroyed";
    EXPECT_EQ(ear.told, 0);
  }
}

TEST(ServerInFlight, SeqsMayJumpAsFarAsTheyCan) {
  ServerInFlight running;
  running.extend();
  Ear low, high;
  const Seq far = Seq{1} << 60;
  begin(running, 2);
  begin(running, far + 2);  // the same place in the table
  begin(running, far + 3);
  begin(running, ~Seq{0});
  running.listen(2, low);
  running.listen(~Seq{0}, high);
  EXPECT_NE(running.find(far + 2), running.find(2));
  ASSERT_NE(running.find(far + 3), nullptr);
  running.cancel_all();
  EXPECT_EQ(low.told, 1);
  EXPECT_EQ(high.told, 1);
  for (const Seq seq : {far + 3, Seq{2}, ~Seq{0}, far + 2}) {
    ASSERT_NE(running.find(seq), nullptr);
    EXPECT_TRUE(running.find(seq)->is_cancelled);
    running.end(seq);
    EXPECT_EQ(running.find(seq), nullptr);
  }
  EXPECT_TRUE(running.empty());
}

TEST(ServerInFlightDeathTest, AResponseWithoutARequestIsABug) {
  ServerInFlight running;
  EXPECT_DEATH(running.end(1), "a response without a request");
}

// Requests with any distances between their seqs begin and end in any order; each is found by its seq, and told once.
RC_GTEST_PROP(ServerInFlight, AgreesWithAMap, ()) {
  struct Known {
    TimePoint deadline;
    Ear* ear;
    bool is_cancelled = false;
  };
  std::deque<Ear> ears;
  std::map<Seq, Known> model;
  ServerInFlight running;
  running.extend();
  Seq last = 0;
  const auto any = [&] { return std::next(model.begin(), test::pick<std::ptrdiff_t>(0, std::ssize(model))); };
  const int steps = test::pick(0, 600);
  for (int i = 0; i < steps; ++i) {
    switch (test::pick(0, 12)) {
      case 0:
      case 1:
      case 2:
        if (model.empty()) break;
        {
          const auto ended = any();
          running.end(ended->first);
          RC_ASSERT(!ended->second.ear->is_linked());
          model.erase(ended);
        }
        break;
      case 3:
        if (test::one_in(10)) {
          running.cancel_all();
          for (auto& [seq, known] : model) known.is_cancelled = true;
        }
        break;
      default: {
        last += test::one_in(8) ? test::pick_of<Seq>({64, 2048, Seq{1} << 32, Seq{1} << 58}) : test::pick<Seq>(1, 4);
        if (last > Seq{1} << 62) return;
        const TimePoint deadline = kStart + test::pick(0, 100) * 1ms;
        begin(running, last, deadline);
        ears.emplace_back();
        running.listen(last, ears.back());
        model[last] = {deadline, &ears.back()};
      }
    }
    RC_ASSERT(running.count() == model.size());
  }
  for (const auto& [seq, known] : model) {
    const ServerCall* call = running.find(seq);
    RC_ASSERT(call != nullptr);
    RC_ASSERT(call->deadline == known.deadline);
    RC_ASSERT(call->is_cancelled == known.is_cancelled);
    RC_ASSERT(known.ear->told == (known.is_cancelled ? 1 : 0));
    RC_ASSERT(running.find(seq + 1) == nullptr || model.contains(seq + 1));
  }
}

}  // namespace
}  // namespace razor::stream
