// ClientSession against a model of what was sent: which seq is owed, finished, a ping's, or was never sent. A session that
// mixes these up gives an answer to the wrong call, counts the window wrongly, or takes a hostile answer for a late one.

#include "razor/stream/client_session.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>
#include <map>
#include <set>

#include "tests/stream/noted_call.h"
#include "tests/support/pick.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using base::TimePoint;
using wire::Seq;
using Answer = ClientSession::Answer;

ClientStreamConfig with_window(std::uint32_t window) {
  ClientStreamConfig config;
  config.window = window;
  return config;
}

class ClientSessionTest : public testing::Test {
 protected:
  ~ClientSessionTest() override {
    session_.for_each_in_flight([this](PendingCall& call) { session_.end(call); });
  }
  Answer answer(Seq seq) { return session_.on_answer(seq, answered_); }

  ClientSession session_{with_window(2)};
  NotedCall one_, two_, three_;
  PendingCall* answered_ = nullptr;
};

TEST_F(ClientSessionTest, SeqsCountFromOneWithPingsAmongThem) {
  EXPECT_EQ(session_.send(one_), 1u);
  EXPECT_EQ(session_.send_ping(), 2u);
  EXPECT_EQ(session_.send(two_), 3u);
  EXPECT_TRUE(one_.is_in_flight());
}

TEST_F(ClientSessionTest, AnAnswerReachesItsCallAndFreesTheWindow) {
  session_.send(one_);
  session_.send(two_);
  EXPECT_FALSE(session_.has_room());
  EXPECT_EQ(answer(2), Answer::expected);
  EXPECT_EQ(answered_, &two_);
  EXPECT_FALSE(two_.is_in_flight());
  EXPECT_TRUE(session_.has_room());
  EXPECT_EQ(session_.in_flight(), 1u);
}

TEST_F(ClientSessionTest, WhatWasAnsweredOrGivenUpIsLate) {
  session_.send(one_);
  session_.send(two_);
  EXPECT_EQ(answer(1), Answer::expected);
  EXPECT_EQ(answer(1), Answer::late);
  EXPECT_EQ(answered_, nullptr);
  session_.end(two_);
  EXPECT_TRUE(session_.has_room());
  EXPECT_FALSE(session_.owes());
  EXPECT_EQ(answer(2), Answer::late);
}

TEST_F(ClientSessionTest, PingsAreKnown) {
  session_.send(one_);
  EXPECT_EQ(answer(2), Answer::never_sent);
  EXPECT_EQ(session_.send_ping(), 2u);
  EXPECT_EQ(answer(2), Answer::pong);
  EXPECT_EQ(session_.send_ping(), 3u);
  EXPECT_EQ(answer(3), Answer::pong);
  for (Seq seq = 4; seq < 12; ++seq) EXPECT_EQ(session_.send_ping(), seq);
  EXPECT_EQ(answer(3), Answer::late);  // too long ago
  EXPECT_EQ(answer(4), Answer::pong);
}

// Only a pong that overtook an earlier call tells that later ones will.
TEST_F(ClientSessionTest, APeerIsKnownOnceAPongOvertookACall) {
  const Seq alone = session_.send_ping();
  EXPECT_EQ(answer(alone), Answer::pong);
  EXPECT_FALSE(session_.keepalive().is_known());
  const Seq before = session_.send_ping();
  session_.send(one_);
  EXPECT_EQ(answer(before), Answer::pong);
  EXPECT_FALSE(session_.keepalive().is_known());
  const Seq behind = session_.send_ping();
  EXPECT_EQ(answer(behind), Answer::pong);
  EXPECT_TRUE(session_.keepalive().is_known());
}

TEST_F(ClientSessionTest, SeqZeroAndSeqsOfTheFutureWereNeverSent) {
  EXPECT_EQ(answer(0), Answer::never_sent);
  EXPECT_EQ(answer(1), Answer::never_sent);
  session_.send(one_);
  EXPECT_EQ(answer(0), Answer::never_sent);
  EXPECT_EQ(answer(2), Answer::never_sent);
  EXPECT_EQ(answer(~Seq{0}), Answer::never_sent);
  EXPECT_TRUE(one_.is_in_flight());
}

TEST_F(ClientSessionTest, ACallThatMovedIsTheOneThatIsAnswered) {
  session_.send(one_);
  session_.relocated(one_);
  NotedCall elsewhere;
  EXPECT_EQ(answer(1), Answer::expected);
  EXPECT_EQ(answered_, &one_);
}

TEST_F(ClientSessionTest, GivingACallUpTakesItFromItsDeadline) {
  session_.send(one_);
  session_.deadlines().insert(one_, TimePoint(1s), TimePoint());
  session_.end(one_);
  DeadlineList expired;
  session_.deadlines().expire(TimePoint(1h), expired);
  EXPECT_TRUE(expired.empty());
}

TEST_F(ClientSessionTest, AnAnsweredCallHasNoDeadlineAnyMore) {
  session_.send(one_);
  session_.deadlines().insert(one_, TimePoint(1s), TimePoint());
  EXPECT_EQ(answer(1), Answer::expected);
  DeadlineList expired;
  session_.deadlines().expire(TimePoint(1h), expired);
  EXPECT_TRUE(expired.empty());
}

TEST(ClientSession, TakesNoCallsOnceItsSeqsAreUsedUpButStillPings) {
  ClientSession session(with_window(128), ~Seq{0} - 3);
  NotedCall one, two;
  ASSERT_TRUE(session.has_seqs());
  EXPECT_EQ(session.send(one), ~Seq{0} - 3);
  ASSERT_TRUE(session.has_seqs());
  EXPECT_EQ(session.send(two), ~Seq{0} - 2);
  EXPECT_FALSE(session.has_seqs());
  EXPECT_TRUE(session.has_room());
  EXPECT_EQ(session.send_ping(), ~Seq{0} - 1);
  PendingCall* answered = nullptr;
  EXPECT_EQ(session.on_answer(~Seq{0} - 3, answered), Answer::expected);
  EXPECT_EQ(answered, &one);
  EXPECT_EQ(session.on_answer(~Seq{0}, answered), Answer::never_sent);
  session.end(two);
}

TEST(ClientSession, KeepaliveIsQuietOnceAllIsAnswered) {
  ClientSession session(with_window(4));
  NotedCall one, two;
  session.send(one);
  session.send(two);
  session.keepalive().on_owed(TimePoint(1s));
  PendingCall* answered = nullptr;
  EXPECT_EQ(session.on_answer(1, answered), Answer::expected);
  EXPECT_NE(session.keepalive().next_check(), TimePoint::max());
  EXPECT_EQ(session.on_answer(2, answered), Answer::expected);
  EXPECT_EQ(session.keepalive().next_check(), TimePoint::max());
}

TEST(ClientSession, APeerThatLeftACallUnansweredIsWatchedUntilItSaysAnything) {
  ClientSession session(with_window(4));
  NotedCall call;
  session.send(call);
  session.keepalive().on_owed(TimePoint(1s));
  session.end(call);
  EXPECT_EQ(session.keepalive().next_check(), TimePoint(2s));
  session.on_bytes(TimePoint(1500ms));
  EXPECT_EQ(session.keepalive().next_check(), TimePoint::max());
}

TEST(ClientSession, BytesDoNotEndTheWatchWhileCallsAreOwed) {
  ClientSession session(with_window(4));
  NotedCall call;
  session.send(call);
  session.keepalive().on_owed(TimePoint(1s));
  session.on_bytes(TimePoint(1500ms));
  EXPECT_EQ(session.keepalive().next_check(), TimePoint(2500ms));
  session.end(call);
}

// --- Model -----------------------------------------------------------------------------------------------------------

struct SessionAndModel {
  explicit SessionAndModel(std::uint32_t call_window) : window(call_window), session(with_window(call_window)) {}
  ~SessionAndModel() {
    session.for_each_in_flight([this](PendingCall& call) { session.end(call); });
  }

  void send() {
    RC_ASSERT(session.has_room() == (owed.size() < window));
    if (!session.has_room()) return;
    calls.emplace_back();
    const Seq seq = session.send(calls.back());
    RC_ASSERT(seq == last_seq + 1);
    last_seq = seq;
    owed.emplace(seq, &calls.back());
  }
  void ping() {
    const Seq seq = session.send_ping();
    RC_ASSERT(seq == last_seq + 1);
    last_seq = seq;
    pings.push_back(seq);
    if (pings.size() > 8) pings.pop_front();
  }
  void answer(Seq seq) {
    PendingCall* call = nullptr;
    const Answer found = session.on_answer(seq, call);
    const auto known = owed.find(seq);
    if (known != owed.end()) {
      RC_ASSERT(found == Answer::expected);
      RC_ASSERT(call == known->second);
      owed.erase(known);
      return;
    }
    RC_ASSERT(call == nullptr);
    if (seq == 0 || seq > last_seq) {
      RC_ASSERT(found == Answer::never_sent);
    } else {
      RC_ASSERT(found == (std::ranges::find(pings, seq) != pings.end() ? Answer::pong : Answer::late));
    }
  }
  void answer_nth(std::size_t n) {
    if (!owed.empty()) answer(nth(n)->first);
  }
  void end_nth(std::size_t n) {
    if (owed.empty()) return;
    session.end(*nth(n)->second);
    owed.erase(nth(n));
  }
  void check() {
    RC_ASSERT(session.in_flight() == owed.size());
    RC_ASSERT(session.owes() == !owed.empty());
    RC_ASSERT(session.window().used() == owed.size());
    std::vector<PendingCall*> in_order, in_flight;
    for (const auto& [seq, call] : owed) in_order.push_back(call);
    session.for_each_in_flight([&](PendingCall& call) { in_flight.push_back(&call); });
    RC_ASSERT(in_flight == in_order);
  }

  std::map<Seq, NotedCall*>::iterator nth(std::size_t n) {
    return std::next(owed.begin(), static_cast<std::ptrdiff_t>(n % owed.size()));
  }

  std::uint32_t window;
  std::deque<NotedCall> calls;
  ClientSession session;
  std::map<Seq, NotedCall*> owed;
  Seq last_seq = 0;
  std::deque<Seq> pings;
};

RC_GTEST_PROP(ClientSession, AgreesWithAModel, ()) {
  SessionAndModel both(test::pick_of<std::uint32_t>({1, 2, 10, 128}));
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
