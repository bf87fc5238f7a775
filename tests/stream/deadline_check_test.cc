// DeadlineCheck against a list of calls: never early, never later than their tick, and never before the input that the transport
// held when they became due. One that expires a call too soon ends a call whose response is there; too late, and it hangs.

#include "razor/stream/deadline_check.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <list>
#include <set>

#include "tests/support/pick.h"
#include "tests/support/time_points.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::TimePoint;

using test::kStart;
constexpr Duration kNone = Duration::max();

class DeadlineCheckTest : public testing::Test {
 protected:
  void submit(TimedCall& call, Duration timeout, TimePoint deadline = TimePoint::max()) {
    call.set_time(timeout, deadline);
    check_.submit(call);
  }
  std::vector<TimedCall*> expired_at(TimePoint now, bool input_pending = false, base::ByteCount received = 0) {
    std::vector<TimedCall*> expired;
    check_.check(now, input_pending, received, [&](TimedCall& call) { expired.push_back(&call); });
    return expired;
  }

  DeadlineCheck check_{10ms};
  TimedCall one_, two_;
};

TEST_F(DeadlineCheckTest, TheTimeoutCountsFromTheEndOfTheBatch) {
  submit(one_, 100ms);
  check_.end_batch(kStart + 50ms);
  EXPECT_EQ(one_.deadline(), kStart + 150ms);
  EXPECT_TRUE(expired_at(kStart + 149ms).empty());
  EXPECT_EQ(expired_at(kStart + 150ms), std::vector<TimedCall*>{&one_});
}

TEST_F(DeadlineCheckTest, TheEarlierOfTimeoutAndDeadlineCounts) {
  submit(one_, 100ms, kStart + 20ms);
  submit(two_, 10ms, kStart + 20ms);
  check_.end_batch(kStart);
  EXPECT_EQ(one_.deadline(), kStart + 20ms);
  EXPECT_EQ(two_.deadline(), kStart + 10ms);
}

TEST_F(DeadlineCheckTest, InputThatIsThereIsReadBeforeACallExpires) {
  submit(one_, 100ms);
  submit(two_, 200ms);
  check_.end_batch(kStart);
  EXPECT_TRUE(expired_at(kStart + 100ms, true, 500).empty());
  EXPECT_TRUE(check_.awaits_input());
  EXPECT_TRUE(expired_at(kStart + 110ms, true, 900).empty());
  EXPECT_EQ(expired_at(kStart + 120ms, false, 950), std::vector<TimedCall*>{&one_});
  EXPECT_FALSE(check_.awaits_input());
}

TEST_F(DeadlineCheckTest, ACallThatIsAnsweredByThatInputDoesNotExpire) {
  submit(one_, 100ms);
  check_.end_batch(kStart);
  EXPECT_TRUE(expired_at(kStart + 100ms, true, 500).empty());
  DeadlineCheck::remove(one_);
  EXPECT_FALSE(check_.awaits_input());
  EXPECT_TRUE(expired_at(kStart + 120ms, false, 950).empty());
}

// A peer that sends without a pause would keep its calls from ever expiring.
TEST_F(DeadlineCheckTest, InputWithoutEndDoesNotKeepACallAlive) {
  submit(one_, 100ms);
  check_.end_batch(kStart);
  EXPECT_TRUE(expired_at(kStart + 100ms, true, 500).empty());
  EXPECT_TRUE(expired_at(kStart + 100ms, true, 500 + InputBacklog::kHeldMax - 1).empty());
  EXPECT_EQ(expired_at(kStart + 100ms, true, 500 + InputBacklog::kHeldMax), std::vector<TimedCall*>{&one_});
}

TEST_F(DeadlineCheckTest, WithoutTimeIsWhatHasNoneLeft) {
  one_.set_time(0ms, TimePoint::max());
  EXPECT_TRUE(one_.has_no_time(kStart));
  one_.set_time(1ms, TimePoint::max());
  EXPECT_FALSE(one_.has_no_time(kStart));
  EXPECT_FALSE(one_.has_own_deadline());
  one_.set_time(1ms, kStart);
  EXPECT_TRUE(one_.has_own_deadline());
  EXPECT_TRUE(one_.has_no_time(kStart));
  EXPECT_FALSE(one_.has_no_time(kStart - 1ns));
}

// --- Model -----------------------------------------------------------------------------------------------------------

class CheckAndModel {
 public:
  void submit(Duration timeout, TimePoint deadline) {
    Call& call = calls_.emplace_back();
    call.timed.set_time(timeout, deadline);
    call.timeout = timeout;
    call.deadline = deadline;
    call.is_fresh = true;
    check_.submit(call.timed);
  }
  void end_batch() {
    check_.end_batch(now_);
    for (Call& call : calls_) {
      if (!std::exchange(call.is_fresh, false)) continue;
      if (call.timeout != kNone) call.deadline = std::min(call.deadline, now_ + call.timeout);
      RC_ASSERT(call.timed.deadline() == call.deadline);
    }
  }
  void answer(std::size_t n) {
    if (calls_.empty()) return;
    const auto call = std::next(calls_.begin(), static_cast<std::ptrdiff_t>(n % calls_.size()));
    DeadlineCheck::remove(call->timed);
    calls_.erase(call);
    if (due().empty()) waits_ = false;
  }
  void pass(Duration span) { now_ += span; }
  void check(bool input_pending, base::ByteCount read) {
    received_ += read;
    std::set<TimedCall*> expected = due();
    const bool has_been_read = !input_pending || received_ >= read_at_;
    if (waits_ && !has_been_read) {
      expected.clear();
    } else {
      waits_ = false;
      for (Call& call : calls_) {
        if (call.is_fresh || call.is_due || tick_end(call.deadline) > now_) continue;
        if (input_pending) {  // what is there now comes first
          call.is_due = waits_ = true;
          read_at_ = received_ + InputBacklog::kHeldMax;
        } else {
          expected.insert(&call.timed);
        }
      }
    }
    std::set<TimedCall*> expired;
    check_.check(now_, input_pending, received_, [&](TimedCall& call) { expired.insert(&call); });
    RC_ASSERT(expired == expected);
    RC_ASSERT(check_.awaits_input() == waits_);
    std::erase_if(calls_, [&](const Call& call) { return expired.contains(const_cast<TimedCall*>(&call.timed)); });
    check_next_tick();
  }

 private:
  struct Call {
    TimedCall timed;
    Duration timeout{};
    TimePoint deadline;
    bool is_fresh = false;
    bool is_due = false;  // and its expiry waits for input
  };

  static constexpr Duration kTick = 10ms;
  static TimePoint tick_end(TimePoint deadline) {
    if (deadline == TimePoint::max()) return deadline;
    const auto ticks = (deadline.time_since_epoch() + kTick - 1ns) / kTick;
    return TimePoint(ticks * kTick);
  }
  std::set<TimedCall*> due() {
    std::set<TimedCall*> due;
    for (Call& call : calls_) {
      if (call.is_due) due.insert(&call.timed);
    }
    return due;
  }
  // A loop that sleeps until then misses nothing, and does not spin.
  void check_next_tick() {
    const TimePoint next = check_.next_tick(now_);
    RC_ASSERT(next > now_);
    for (const Call& call : calls_) {
      if (!call.is_fresh && !call.is_due) RC_ASSERT(next <= std::max(tick_end(call.deadline), now_ + kTick));
    }
  }

  DeadlineCheck check_{kTick};
  std::list<Call> calls_;
  TimePoint now_ = kStart;
  base::ByteCount received_ = 0;
  base::ByteCount read_at_ = 0;
  bool waits_ = false;
};

RC_GTEST_PROP(DeadlineCheck, AgreesWithAModel, ()) {
  CheckAndModel both;
  const int steps = test::pick(0, 300);
  for (int i = 0; i < steps; ++i) {
    switch (test::pick(0, 7)) {
      case 0:
      case 1:
        both.submit(test::pick<std::int64_t>(1, 2000) * 1ms, TimePoint::max());
        both.end_batch();
        break;
      case 2: both.answer(test::pick<std::size_t>(0, 100)); break;
      case 3: both.pass(test::pick<std::int64_t>(0, 30'000) * 1us); break;
      case 4: both.pass(test::pick<std::int64_t>(0, 900) * 1ms); break;
      case 5: both.check(test::one_in(2), test::one_in(4) ? InputBacklog::kHeldMax / 2 : 100); break;
      default: both.check(false, 0); break;
    }
  }
}

}  // namespace
}  // namespace razor::stream
