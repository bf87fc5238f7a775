// ServerSession: every limit of time that a server has for a peer, at its edge and one nanosecond before. A session that
// reckons from the wrong event closes honest peers, or never closes those that do not move.

#include "razor/stream/server_session.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/pick.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::TimePoint;
using Overdue = ServerSession::Overdue;
using Reading = ServerSession::Reading;

constexpr TimePoint kStart(1000s);

class ServerSessionTest : public testing::Test {
 protected:
  // The session is content until just before `limit`, and then finds this.
  void expect_overdue(TimePoint limit, Overdue why) const {
    EXPECT_EQ(session_.next_check(), limit);
    EXPECT_EQ(session_.check(limit - 1ns), Overdue::nothing);
    EXPECT_EQ(session_.check(limit), why);
    EXPECT_EQ(session_.check(limit + 1h), why);
  }
  void expect_no_limit() const {
    EXPECT_EQ(session_.next_check(), TimePoint::max());
    EXPECT_EQ(session_.check(kStart + 24h * 365), Overdue::nothing);
  }

  ServerConfig config_;
  ServerSession session_{config_, kStart};
};

TEST_F(ServerSessionTest, WantsAFirstByteSoonOnlyWhileConnectionsAreShort) {
  expect_overdue(kStart + 120s, Overdue::first_byte);
  session_.set_crowded(true);
  expect_overdue(kStart + 10s, Overdue::first_byte);
  session_.set_crowded(false);
  expect_overdue(kStart + 120s, Overdue::first_byte);
  session_.set_crowded(true);
  session_.on_bytes(kStart + 1s, 32, 1, Reading::between);
  expect_overdue(kStart + 121s, Overdue::idle);
}

// On a slow link the transport takes the next part of a large answer long after the last, and the peer acknowledges all
// the while.
TEST_F(ServerSessionTest, BytesThatAreAcknowledgedAreProgressOfAWrite) {
  session_.on_bytes(kStart, 32, 1, Reading::between);
  session_.on_write_begins(kStart);
  EXPECT_TRUE(session_.sample_is_due(kStart));
  session_.on_acknowledged(kStart, 1000);
  EXPECT_EQ(session_.next_sample(), kStart + 1s);
  EXPECT_FALSE(session_.sample_is_due(kStart + 1s - 1ns));
  session_.on_acknowledged(kStart + 4s, 1001);
  expect_overdue(kStart + 9s, Overdue::write);
  session_.on_acknowledged(kStart + 8s, 1001);  // none since
  expect_overdue(kStart + 9s, Overdue::write);
  EXPECT_EQ(session_.next_sample(), kStart + 9s);
  session_.on_written(kStart + 8s);
  EXPECT_EQ(session_.next_sample(), TimePoint::max());
  session_.on_write_begins(kStart + 60s);
  EXPECT_EQ(session_.next_sample(), kStart + 61s) << "no sample for each write";
}

TEST_F(ServerSessionTest, WithoutKnowledgeOfTheTransportNothingIsSampled) {
  session_.on_bytes(kStart, 32, 1, Reading::between);
  session_.on_write_begins(kStart);
  session_.on_acknowledged(kStart + 1s, std::nullopt);
  EXPECT_EQ(session_.next_sample(), TimePoint::max());
  expect_overdue(kStart + 5s, Overdue::write);
}

TEST_F(ServerSessionTest, WantsAHeadWholeSoonAfterItsFirstByte) {
  session_.on_bytes(kStart + 9s, 1, 0, Reading::head);
  expect_overdue(kStart + 14s, Overdue::head);
  session_.on_bytes(kStart + 13s, 30, 0, Reading::head);  // drop by drop does not help
  expect_overdue(kStart + 14s, Overdue::head);
  session_.on_bytes(kStart + 13s, 1, 1, Reading::between);
  expect_overdue(kStart + 133s, Overdue::idle);
}

TEST_F(ServerSessionTest, EachHeadHasItsOwnTime) {
  session_.on_bytes(kStart, 1, 0, Reading::head);
  session_.on_bytes(kStart + 4s, 32, 1, Reading::head);  // one request whole, the first byte of the next
  expect_overdue(kStart + 9s, Overdue::head);
}

TEST_F(ServerSessionTest, WantsABodyToMoveOn) {
  session_.on_bytes(kStart, 32, 0, Reading::body);
  expect_overdue(kStart + 5s, Overdue::body);
  session_.on_bytes(kStart + 4s, 1023, 0, Reading::body);
  expect_overdue(kStart + 5s, Overdue::body);
  session_.on_bytes(kStart + 4s, 1, 0, Reading::body);
  expect_overdue(kStart + 9s, Overdue::body);
  session_.on_bytes(kStart + 8s, 1024, 0, Reading::body);
  expect_overdue(kStart + 13s, Overdue::body);
}

TEST_F(ServerSessionTest, TheBodysTimeBeginsWithTheEndOfTheHead) {
  session_.on_bytes(kStart, 16, 0, Reading::head);
  session_.on_bytes(kStart + 4s, 16, 0, Reading::body);
  expect_overdue(kStart + 9s, Overdue::body);
}

TEST_F(ServerSessionTest, ProgressOfOneBodyDoesNotCountForTheNext) {
  session_.on_bytes(kStart, 32, 0, Reading::body);
  session_.on_bytes(kStart + 1s, 1000, 1, Reading::body);  // the rest of it, and the start of another
  session_.on_bytes(kStart + 2s, 1000, 0, Reading::body);
  expect_overdue(kStart + 6s, Overdue::body);
}

TEST_F(ServerSessionTest, AnIdlePeerIsClosedAfterItsLastRequest) {
  session_.on_bytes(kStart + 1s, 32, 1, Reading::between);
  expect_overdue(kStart + 121s, Overdue::idle);
  session_.on_bytes(kStart + 100s, 32, 1, Reading::between);
  expect_overdue(kStart + 220s, Overdue::idle);
}

TEST_F(ServerSessionTest, APeerIsNotIdleWhileItIsOwedAnAnswer) {
  session_.on_dispatched();
  session_.on_bytes(kStart, 32, 1, Reading::between);
  EXPECT_EQ(session_.handlers(), 1u);
  expect_no_limit();
  session_.on_handled();
  session_.on_write_begins(kStart + 1h);
  session_.on_written(kStart + 1h);
  expect_overdue(kStart + 1h + 120s, Overdue::idle);
}

TEST_F(ServerSessionTest, APeerThatIsOwedAnAnswerMustStillFinishWhatItBegan) {
  session_.on_dispatched();
  session_.on_bytes(kStart, 33, 1, Reading::head);
  expect_overdue(kStart + 5s, Overdue::head);
}

TEST_F(ServerSessionTest, WantsAnswersToBeTaken) {
  session_.on_bytes(kStart, 32, 1, Reading::between);
  session_.on_write_begins(kStart + 1s);
  expect_overdue(kStart + 6s, Overdue::write);
  session_.on_write_begins(kStart + 3s);  // more answers are no progress
  expect_overdue(kStart + 6s, Overdue::write);
  session_.on_write_progress(kStart + 5s);
  expect_overdue(kStart + 10s, Overdue::write);
  session_.on_written(kStart + 7s);
  expect_overdue(kStart + 127s, Overdue::idle);
}

TEST_F(ServerSessionTest, EachStallHasItsWholeTime) {
  session_.on_bytes(kStart, 32, 1, Reading::between);
  session_.on_write_begins(kStart);
  session_.on_written(kStart + 1s);
  session_.on_write_begins(kStart + 60s);
  expect_overdue(kStart + 65s, Overdue::write);
}

TEST_F(ServerSessionTest, WhileWeDoNotReadThePeerCannotBeLate) {
  session_.on_bytes(kStart, 33, 1, Reading::head);
  session_.on_pause(kStart + 1s);
  expect_no_limit();
  session_.on_resume(kStart + 1h, Reading::head);
  expect_overdue(kStart + 1h + 5s, Overdue::head);
}

TEST_F(ServerSessionTest, APausedPeerMustStillTakeItsAnswers) {
  session_.on_bytes(kStart, 32, 1, Reading::between);
  session_.on_write_begins(kStart);
  session_.on_pause(kStart);
  expect_overdue(kStart + 5s, Overdue::write);
}

TEST(ServerSession, LimitsWithoutEndAreNone) {
  ServerConfig config;
  config.first_byte_timeout = config.idle_timeout = config.head_timeout = config.body_progress_timeout =
      config.write_stall_timeout = Duration::max();
  ServerSession session(config, kStart);
  EXPECT_EQ(session.next_check(), TimePoint::max());
  session.on_bytes(kStart, 1, 0, Reading::head);
  session.on_write_begins(kStart);
  EXPECT_EQ(session.next_check(), TimePoint::max());
  EXPECT_EQ(session.check(kStart + 24h * 365), Overdue::nothing);
}

TEST(ServerSession, EveryReasonHasAName) {
  for (const Overdue overdue : {Overdue::nothing, Overdue::first_byte, Overdue::idle, Overdue::head, Overdue::body,
                                Overdue::write}) {
    EXPECT_GT(name_of(overdue).size(), 5u);
  }
}

// Whatever happens: nothing is found before `next_check`, and something is at it.
RC_GTEST_PROP(ServerSession, LooksAgainExactlyWhenSomethingIsOverdue, ()) {
  ServerConfig config;
  ServerSession session(config, kStart);
  TimePoint now = kStart;
  const int steps = test::pick(0, 200);
  for (int i = 0; i < steps; ++i) {
    now += Duration(test::pick<std::int64_t>(0, Duration(4s).count()));
    const auto reading = test::pick_of<Reading>({Reading::between, Reading::head, Reading::body});
    switch (test::pick(0, 9)) {
      case 0: session.on_pause(now); break;
      case 1: session.on_resume(now, reading); break;
      case 2: session.on_write_begins(now); break;
      case 3: session.on_write_progress(now); break;
      case 4: session.on_written(now); break;
      case 5: session.on_dispatched(); break;
      case 6:
        if (session.handlers() > 0) session.on_handled();
        break;
      default:
        session.on_bytes(now, test::pick<base::ByteCount>(1, 3000), test::pick<std::size_t>(0, 2), reading);
        break;
    }
    const TimePoint next = session.next_check();
    if (next == TimePoint::max()) {
      RC_ASSERT(session.check(now + 24h * 365) == Overdue::nothing);
      continue;
    }
    RC_ASSERT(session.check(next - 1ns) == Overdue::nothing);
    RC_ASSERT(session.check(next) != Overdue::nothing);
    now = std::min(now, next - 1ns);  // the connection is still open
  }
}

}  // namespace
}  // namespace razor::stream
