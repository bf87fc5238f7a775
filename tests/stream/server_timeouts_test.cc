// ServerTimeouts: every limit of time that a server has for a peer, at its edge and one nanosecond before. A session that
// reckons from the wrong event closes honest peers, or never closes those that do not move.

#include "razor/stream/internal/server_timeouts.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/pick.h"
#include "tests/support/time_points.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::TimePoint;
using Overdue = ServerTimeouts::Overdue;
using Reading = ServerTimeouts::Reading;

using test::kStart;

class ServerTimeoutsTest : public testing::Test {
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
  ServerInFlight running_;
  ServerTimeouts session_{config_, running_, kStart};
};

TEST_F(ServerTimeoutsTest, WantsAFirstByteSoonOnlyWhileConnectionsAreShort) {
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
TEST_F(ServerTimeoutsTest, BytesThatAreAcknowledgedAreProgressOfAWrite) {
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

TEST_F(ServerTimeoutsTest, WithoutKnowledgeOfTheTransportNothingIsSampled) {
  session_.on_bytes(kStart, 32, 1, Reading::between);
  session_.on_write_begins(kStart);
  session_.on_acknowledged(kStart + 1s, std::nullopt);
  EXPECT_EQ(session_.next_sample(), TimePoint::max());
  expect_overdue(kStart + 5s, Overdue::write);
}

TEST_F(ServerTimeoutsTest, WantsAHeadWholeSoonAfterItsFirstByte) {
  session_.on_bytes(kStart + 9s, 1, 0, Reading::head);
  expect_overdue(kStart + 14s, Overdue::head);
  session_.on_bytes(kStart + 13s, 30, 0, Reading::head);  // drop by drop does not help
  expect_overdue(kStart + 14s, Overdue::head);
  session_.on_bytes(kStart + 13s, 1, 1, Reading::between);
  expect_overdue(kStart + 133s, Overdue::idle);
}

TEST_F(ServerTimeoutsTest, EachHeadHasItsOwnTime) {
  session_.on_bytes(kStart, 1, 0, Reading::head);
  session_.on_bytes(kStart + 4s, 32, 1, Reading::head);  // one request whole, the first byte of the next
  expect_overdue(kStart + 9s, Overdue::head);
}

TEST_F(ServerTimeoutsTest, WantsABodyToMoveOn) {
  session_.on_bytes(kStart, 32, 0, Reading::body);
  expect_overdue(kStart + 5s, Overdue::body);
  session_.on_bytes(kStart + 4s, 1023, 0, Reading::body);
  expect_overdue(kStart + 5s, Overdue::body);
  session_.on_bytes(kStart + 4s, 1, 0, Reading::body);
  expect_overdue(kStart + 9s, Overdue::body);
  session_.on_bytes(kStart + 8s, 1024, 0, Reading::body);
  expect_overdue(kStart + 13s, Overdue::body);
}

TEST_F(ServerTimeoutsTest, TheBodysTimeBeginsWithTheEndOfTheHead) {
  session_.on_bytes(kStart, 16, 0, Reading::head);
  session_.on_bytes(kStart + 4s, 16, 0, Reading::body);
  expect_overdue(kStart + 9s, Overdue::body);
}

TEST_F(ServerTimeoutsTest, ProgressOfOneBodyDoesNotCountForTheNext) {
  session_.on_bytes(kStart, 32, 0, Reading::body);
  session_.on_bytes(kStart + 1s, 1000, 1, Reading::body);  // the rest of it, and the start of another
  session_.on_bytes(kStart + 2s, 1000, 0, Reading::body);
  expect_overdue(kStart + 6s, Overdue::body);
}

TEST_F(ServerTimeoutsTest, AnIdlePeerIsClosedAfterItsLastRequest) {
  session_.on_bytes(kStart + 1s, 32, 1, Reading::between);
  expect_overdue(kStart + 121s, Overdue::idle);
  session_.on_bytes(kStart + 100s, 32, 1, Reading::between);
  expect_overdue(kStart + 220s, Overdue::idle);
}

TEST_F(ServerTimeoutsTest, APeerIsNotIdleWhileItIsOwedAnAnswer) {
  running_.begin();
  session_.on_bytes(kStart, 32, 1, Reading::between);
  EXPECT_EQ(running_.count(), 1u);
  expect_no_limit();
  running_.end(1);
  session_.on_write_begins(kStart + 1h);
  session_.on_written(kStart + 1h);
  expect_overdue(kStart + 1h + 120s, Overdue::idle);
}

TEST_F(ServerTimeoutsTest, APeerThatIsOwedAnAnswerMustStillFinishWhatItBegan) {
  running_.begin();
  session_.on_bytes(kStart, 33, 1, Reading::head);
  expect_overdue(kStart + 5s, Overdue::head);
}

TEST_F(ServerTimeoutsTest, WantsAnswersToBeTaken) {
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

TEST_F(ServerTimeoutsTest, EachStallHasItsWholeTime) {
  session_.on_bytes(kStart, 32, 1, Reading::between);
  session_.on_write_begins(kStart);
  session_.on_written(kStart + 1s);
  session_.on_write_begins(kStart + 60s);
  expect_overdue(kStart + 65s, Overdue::write);
}

TEST_F(ServerTimeoutsTest, WhileWeDoNotReadThePeerCannotBeLate) {
  session_.on_bytes(kStart, 33, 1, Reading::head);
  session_.on_pause(kStart + 1s);
  expect_no_limit();
  session_.on_resume(kStart + 1h, Reading::head);
  expect_overdue(kStart + 1h + 5s, Overdue::head);
}

TEST_F(ServerTimeoutsTest, APausedPeerMustStillTakeItsAnswers) {
  session_.on_bytes(kStart, 32, 1, Reading::between);
  session_.on_write_begins(kStart);
  session_.on_pause(kStart);
  expect_overdue(kStart + 5s, Overdue::write);
}

TEST(ServerTimeouts, LimitsWithoutEndAreNone) {
  ServerConfig config;
  config.first_byte_timeout = config.idle_timeout = config.head_timeout = config.body_progress_timeout =
      config.write_stall_timeout = Duration::max();
  ServerInFlight running;
  ServerTimeouts session(config, running, kStart);
  EXPECT_EQ(session.next_check(), TimePoint::max());
  session.on_bytes(kStart, 1, 0, Reading::head);
  session.on_write_begins(kStart);
  EXPECT_EQ(session.next_check(), TimePoint::max());
  EXPECT_EQ(session.check(kStart + 24h * 365), Overdue::nothing);
}

TEST(ServerTimeouts, EveryReasonHasAName) {
  for (const Overdue overdue :
       {Overdue::nothing, Overdue::first_byte, Overdue::idle, Overdue::head, Overdue::body, Overdue::write}) {
    EXPECT_GT(name_of(overdue).size(), 5u);
  }
}

// Whatever happens: nothing is found before `next_check`, and something is at it.
RC_GTEST_PROP(ServerTimeouts, LooksAgainExactlyWhenSomethingIsOverdue, ()) {
  ServerConfig config;
  ServerInFlight running;
  ServerTimeouts session(config, running, kStart);
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
      case 5: running.begin(); break;
      case 6:
        if (!running.empty()) running.end(1);
        break;
      default: session.on_bytes(now, test::pick<base::ByteCount>(1, 3000), test::pick<std::size_t>(0, 2), reading); break;
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
