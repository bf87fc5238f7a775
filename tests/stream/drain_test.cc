// Drain: a connection ends only when nothing is owed any more, and always once nothing is. A step too early resets a peer that
// is owed a response; one that never comes keeps the connection for ever.

#include "razor/stream/internal/drain.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/pick.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using base::TimePoint;
using State = Drain::State;
using Step = Drain::Step;

constexpr Drain::Owed kNothing{};

TEST(Drain, WhileItServesThereIsNothingToDo) {
  Drain drain;
  EXPECT_EQ(drain.next(kNothing), Step::none);
  EXPECT_TRUE(drain.reads_requests());
}

constexpr TimePoint kNotice = TimePoint() + 1s;

TEST(Drain, AFrameThatHasBegunToComeWhenTheNoticeEndsIsWaitedFor) {
  Drain drain;
  drain.begin_leaving(kNotice);
  EXPECT_EQ(drain.leave_until(), kNotice);
  EXPECT_FALSE(drain.has_left(kNotice - 1ns, 5, true));
  EXPECT_FALSE(drain.has_left(kNotice, 5, true));
  EXPECT_EQ(drain.leave_until(), TimePoint::max()) << "no time is awaited any more";
  EXPECT_FALSE(drain.has_left(kNotice + 1h, 5, true));
  EXPECT_TRUE(drain.has_left(kNotice + 1h, 6, true)) << "but one only: the next may have begun already";
}

TEST(Drain, BetweenFramesTheNoticeEndsInTime) {
  Drain drain;
  EXPECT_FALSE(drain.has_left(kNotice, 5, false)) << "it does not leave";
  drain.begin_leaving(kNotice);
  EXPECT_FALSE(drain.has_left(kNotice - 1ns, 5, false));
  EXPECT_TRUE(drain.has_left(kNotice, 5, false));
  drain.begin(0, false);
  EXPECT_FALSE(drain.has_left(kNotice, 5, false)) << "it drains already";
}

TEST(Drain, WhatHadArrivedIsReadBeforeOurSideIsShut) {
  Drain drain;
  drain.begin(1000, true);
  EXPECT_TRUE(drain.reads_requests());
  EXPECT_EQ(drain.next({.received = 1000, .input_pending = true}), Step::none);
  EXPECT_EQ(drain.next({.is_paused = true, .received = 1500, .input_pending = false}), Step::none)
      << "some wait in the reader";
  EXPECT_EQ(drain.next({.is_anything = true, .received = 1500}), Step::none);
  EXPECT_EQ(drain.next({.received = 1500}), Step::shut_write);
  drain.on_write_shut();
  EXPECT_FALSE(drain.reads_requests());
  EXPECT_EQ(drain.next(kNothing), Step::none);
}

TEST(Drain, APeerThatSendsWithoutEndDoesNotKeepItOpen) {
  Drain drain;
  drain.begin(10, true);
  EXPECT_EQ(drain.next({.received = 10 + InputBacklog::kHeldMax - 1, .input_pending = true}), Step::none);
  EXPECT_EQ(drain.next({.received = 10 + InputBacklog::kHeldMax, .input_pending = true}), Step::shut_write);
}

TEST(Drain, APeerThatBrokeTheProtocolIsStillAnsweredWhatItAskedBefore) {
  Drain drain;
  drain.on_broken_frame();
  EXPECT_FALSE(drain.reads_requests());
  EXPECT_EQ(drain.next({.is_anything = true}), Step::none);
  EXPECT_EQ(drain.next({.received = 5, .input_pending = true}), Step::shut_write) << "what it sends now is not looked at";
}

TEST(Drain, APeerThatShutItsSideIsClosedOnceItIsAnswered) {
  Drain drain;
  drain.on_peer_closed();
  EXPECT_EQ(drain.next({.is_anything = true}), Step::none);
  EXPECT_EQ(drain.next(kNothing), Step::close);
}

TEST(Drain, ThePeersTimeToCloseBeginsOnce) {
  Drain drain;
  drain.begin(0, false);
  drain.on_write_shut();
  EXPECT_EQ(drain.linger_until(), TimePoint::max());
  drain.on_all_acknowledged(TimePoint(5s), 1s);
  drain.on_all_acknowledged(TimePoint(9s), 1s);
  EXPECT_EQ(drain.linger_until(), TimePoint(6s));
}

TEST(Drain, APeerThatIsAskedToLeaveIsServedUntilItsTimeIsOver) {
  Drain drain;
  EXPECT_EQ(drain.leave_until(), TimePoint::max());
  drain.begin_leaving(TimePoint(7s));
  EXPECT_EQ(drain.state(), State::leaving);
  EXPECT_TRUE(drain.reads_requests());
  EXPECT_TRUE(drain.takes_requests());
  EXPECT_EQ(drain.leave_until(), TimePoint(7s));
  EXPECT_EQ(drain.next(kNothing), Step::none) << "it may still ask for something";
  drain.begin(0, false);
  EXPECT_EQ(drain.state(), State::draining);
  EXPECT_TRUE(drain.reads_requests());
  EXPECT_FALSE(drain.takes_requests());
  EXPECT_EQ(drain.leave_until(), TimePoint::max());
  EXPECT_EQ(drain.next(kNothing), Step::shut_write);
}

TEST(Drain, WhileItLeavesAPeerMayCloseOrBreakTheProtocol) {
  Drain closes, breaks;
  closes.begin_leaving(TimePoint(7s));
  closes.on_peer_closed();
  EXPECT_EQ(closes.leave_until(), TimePoint::max());
  EXPECT_EQ(closes.next({.is_anything = true}), Step::none);
  EXPECT_EQ(closes.next(kNothing), Step::close);
  breaks.begin_leaving(TimePoint(7s));
  breaks.on_broken_frame();
  EXPECT_FALSE(breaks.takes_requests());
  EXPECT_EQ(breaks.next(kNothing), Step::shut_write);
}

TEST(DrainDeathTest, NoStateComesBack) {
  Drain drain;
  drain.on_closed();
  EXPECT_DEATH(drain.begin(0, false), "cannot go from state");
  Drain leaving;
  leaving.begin_leaving(TimePoint(7s));
  EXPECT_DEATH(leaving.begin_leaving(TimePoint(9s)), "cannot go from state");
  Drain draining;
  draining.begin(0, false);
  EXPECT_DEATH(draining.begin_leaving(TimePoint(7s)), "cannot go from state");
}

// Whatever happens in whatever order: no step while something is owed, and a step as soon as nothing is.
RC_GTEST_PROP(Drain, EndsExactlyWhenNothingIsOwed, ()) {
  Drain drain;
  std::uint32_t owed = 0;
  base::ByteCount received = 0, arrived_at = 0;  // `arrived_at`: up to where had bytes arrived when it began to drain
  bool is_paused = false;
  State expected = State::serving;
  const int steps = test::pick(0, 60);
  for (int i = 0; i < steps && expected != State::closed; ++i) {
    const base::ByteCount pending = test::pick<base::ByteCount>(0, 3);  // arrived, and not read
    switch (test::pick(0, 9)) {
      case 0:
        if (expected < State::draining) {
          drain.begin(received, pending > 0);
          arrived_at = received + pending;
          expected = State::draining;
        }
        break;
      case 1:
        if (expected < State::refusing) {
          drain.on_broken_frame();
          expected = State::refusing;
        }
        break;
      case 2:
        if (expected < State::peer_closed) {
          drain.on_peer_closed();
          expected = State::peer_closed;
        }
        break;
      case 3: ++owed; break;
      case 4: owed = owed == 0 ? 0 : owed - 1; break;
      case 5: is_paused = !is_paused; break;
      case 6:
        if (expected == State::serving) {
          drain.begin_leaving(TimePoint(7s));
          expected = State::leaving;
        }
        break;
      default: received += test::pick<base::ByteCount>(0, 3); break;
    }
    RC_ASSERT(drain.state() == expected);
    const bool takes_requests = expected == State::serving || expected == State::leaving;
    RC_ASSERT(drain.takes_requests() == takes_requests);
    RC_ASSERT(drain.reads_requests() == (takes_requests || expected == State::draining));
    RC_ASSERT(drain.leave_until() == (expected == State::leaving ? TimePoint(7s) : TimePoint::max()));
    const bool input_pending = received < arrived_at;
    const Step step = drain.next({owed > 0, is_paused, received, input_pending});
    const bool all_answered = owed == 0 && (expected != State::draining || (!is_paused && !input_pending));
    const bool is_ending = !takes_requests && expected != State::lingering;
    if (!is_ending || !all_answered) {
      RC_ASSERT(step == Step::none);
    } else if (expected == State::peer_closed) {
      RC_ASSERT(step == Step::close);
      drain.on_closed();
      expected = State::closed;
    } else {
      RC_ASSERT(step == Step::shut_write);
      drain.on_write_shut();
      expected = State::lingering;
    }
  }
}

}  // namespace
}  // namespace razor::stream
