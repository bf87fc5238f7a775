// SentCalls against a model of what was sent: which seq is owed, finished, a ping's, or was never sent. A class that
// mixes these up gives an answer to the wrong call, counts the window wrongly, or takes a hostile answer for a late one.

#include "razor/stream/internal/sent_calls.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>
#include <map>
#include <set>

#include "tests/stream/noted_call.h"
#include "tests/support/pick.h"

namespace razor::stream {
namespace {

using wire::Seq;
using Found = SentCalls::Found;

class SentCallsTest : public testing::Test {
 protected:
  ~SentCallsTest() override {
    sent_.for_each([this](Exchange& call) { sent_.remove(call, Exchange::Reason::lost); });
  }
  Found answer(Seq seq) { return sent_.on_response(seq, answered_); }

  SentCalls sent_{2};
  NotedCall one_, two_, three_;
  Exchange* answered_ = nullptr;
};

TEST_F(SentCallsTest, SeqsCountFromOneWithPingsAmongThem) {
  EXPECT_EQ(sent_.send(one_), 1u);
  EXPECT_EQ(sent_.send_ping(), 2u);
  EXPECT_EQ(sent_.send(two_), 3u);
  EXPECT_TRUE(one_.is_in_flight());
}

TEST_F(SentCallsTest, AnAnswerReachesItsCallAndFreesTheWindow) {
  sent_.send(one_);
  sent_.send(two_);
  EXPECT_FALSE(sent_.has_room());
  EXPECT_EQ(answer(2), Found::expected);
  EXPECT_EQ(answered_, &two_);
  EXPECT_FALSE(two_.is_in_flight());
  EXPECT_TRUE(sent_.has_room());
  EXPECT_EQ(sent_.in_flight(), 1u);
}

TEST_F(SentCallsTest, WhatWasAnsweredOrGivenUpIsLate) {
  sent_.send(one_);
  sent_.send(two_);
  EXPECT_EQ(answer(1), Found::expected);
  EXPECT_EQ(answer(1), Found::late);
  EXPECT_EQ(answered_, nullptr);
  sent_.remove(two_, Exchange::Reason::deadline);
  EXPECT_TRUE(sent_.has_room());
  EXPECT_FALSE(sent_.any());
  EXPECT_EQ(answer(2), Found::late);
}

TEST_F(SentCallsTest, PingsAreKnown) {
  sent_.send(one_);
  EXPECT_EQ(answer(2), Found::never_sent);
  EXPECT_EQ(sent_.send_ping(), 2u);
  EXPECT_EQ(answer(2), Found::prompt_pong);
  EXPECT_EQ(sent_.send_ping(), 3u);
  EXPECT_EQ(answer(3), Found::prompt_pong);
  for (Seq seq = 4; seq < 12; ++seq) EXPECT_EQ(sent_.send_ping(), seq);
  EXPECT_EQ(answer(3), Found::late);  // too long ago
  EXPECT_EQ(answer(4), Found::prompt_pong);
}

// Only a pong that overtook an earlier call tells that later ones will.
TEST_F(SentCallsTest, APeerIsKnownOnceAPongOvertookACall) {
  const Seq alone = sent_.send_ping();
  EXPECT_EQ(answer(alone), Found::pong);
  const Seq before = sent_.send_ping();
  sent_.send(one_);
  EXPECT_EQ(answer(before), Found::pong);
  const Seq behind = sent_.send_ping();
  EXPECT_EQ(answer(behind), Found::prompt_pong);
}

TEST_F(SentCallsTest, SeqZeroAndSeqsOfTheFutureWereNeverSent) {
  EXPECT_EQ(answer(0), Found::never_sent);
  EXPECT_EQ(answer(1), Found::never_sent);
  sent_.send(one_);
  EXPECT_EQ(answer(0), Found::never_sent);
  EXPECT_EQ(answer(2), Found::never_sent);
  EXPECT_EQ(answer(~Seq{0}), Found::never_sent);
  EXPECT_TRUE(one_.is_in_flight());
}

TEST_F(SentCallsTest, ACallThatMovedIsTheOneThatIsAnswered) {
  sent_.send(one_);
  sent_.relocated(one_);
  NotedCall elsewhere;
  EXPECT_EQ(answer(1), Found::expected);
  EXPECT_EQ(answered_, &one_);
}

TEST(SentCalls, TakesNoCallsOnceItsSeqsAreUsedUpButStillPings) {
  SentCalls sent(128, ~Seq{0} - 3);
  NotedCall one, two;
  ASSERT_TRUE(sent.has_seqs());
  EXPECT_EQ(sent.send(one), ~Seq{0} - 3);
  ASSERT_TRUE(sent.has_seqs());
  EXPECT_EQ(sent.send(two), ~Seq{0} - 2);
  EXPECT_FALSE(sent.has_seqs());
  EXPECT_TRUE(sent.has_room());
  EXPECT_EQ(sent.send_ping(), ~Seq{0} - 1);
  Exchange* answered = nullptr;
  EXPECT_EQ(sent.on_response(~Seq{0} - 3, answered), Found::expected);
  EXPECT_EQ(answered, &one);
  EXPECT_EQ(sent.on_response(~Seq{0}, answered), Found::never_sent);
  sent.remove(two, Exchange::Reason::lost);
}

// --- Model -----------------------------------------------------------------------------------------------------------

struct SentAndModel {
  explicit SentAndModel(std::uint32_t call_window) : window(call_window), sent(call_window) {}
  ~SentAndModel() {
    sent.for_each([this](Exchange& call) { sent.remove(call, Exchange::Reason::lost); });
  }

  void send() {
    RC_ASSERT(sent.has_room() == (owed.size() < window));
    if (!sent.has_room()) return;
    calls.emplace_back();
    const Seq seq = sent.send(calls.back());
    RC_ASSERT(seq == last_seq + 1);
    last_seq = seq;
    owed.emplace(seq, &calls.back());
  }
  void ping() {
    const Seq seq = sent.send_ping();
    RC_ASSERT(seq == last_seq + 1);
    last_seq = seq;
    pings.push_back(seq);
    if (pings.size() > 8) pings.pop_front();
  }
  void answer(Seq seq) {
    Exchange* call = nullptr;
    const Found found = sent.on_response(seq, call);
    const auto known = owed.find(seq);
    if (known != owed.end()) {
      RC_ASSERT(found == Found::expected);
      RC_ASSERT(call == known->second);
      owed.erase(known);
      return;
    }
    RC_ASSERT(call == nullptr);
    if (seq == 0 || seq > last_seq) {
      RC_ASSERT(found == Found::never_sent);
    } else {
      const bool overtakes = !owed.empty() && owed.begin()->first < seq;
      const Found pong = overtakes ? Found::prompt_pong : Found::pong;
      RC_ASSERT(found == (std::ranges::find(pings, seq) != pings.end() ? pong : Found::late));
    }
  }
  void answer_nth(std::size_t n) {
    if (!owed.empty()) answer(nth(n)->first);
  }
  void end_nth(std::size_t n) {
    if (owed.empty()) return;
    sent.remove(*nth(n)->second, Exchange::Reason::cancelled);
    owed.erase(nth(n));
  }
  void check() {
    RC_ASSERT(sent.in_flight() == owed.size());
    RC_ASSERT(sent.any() == !owed.empty());
    RC_ASSERT(sent.window_used() == owed.size());
    std::vector<Exchange*> in_order, in_flight;
    for (const auto& [seq, call] : owed) in_order.push_back(call);
    sent.for_each([&](Exchange& call) { in_flight.push_back(&call); });
    RC_ASSERT(in_flight == in_order);
  }

  std::map<Seq, NotedCall*>::iterator nth(std::size_t n) {
    return std::next(owed.begin(), static_cast<std::ptrdiff_t>(n % owed.size()));
  }

  std::uint32_t window;
  std::deque<NotedCall> calls;
  SentCalls sent;
  std::map<Seq, NotedCall*> owed;
  Seq last_seq = 0;
  std::deque<Seq> pings;
};

RC_GTEST_PROP(SentCalls, AgreesWithAModel, ()) {
  SentAndModel both(test::pick_of<std::uint32_t>({1, 2, 10, 128}));
  const int steps = test::pick(0, 500);
  for (int i = 0; i < steps; ++i) {
    const auto n = test::pick<std::size_t>(0, 1000);
    switch (test::pick(0, 8)) {
      case 0: both.ping(); break;
      case 1: both.answer(n % (both.last_seq + 4)); break;  // late, twice, a ping's, never sent
      case 2: both.end_nth(n); break;
      case 3:
      case 4: both.answer_nth(n); break;
      default: both.send(); break;
    }
    both.check();
  }
}

}  // namespace
}  // namespace razor::stream
