// CallQueue against lists that a reader can check. One that loses a call leaves its caller waiting for ever; one that lets a new
// call overtake starves others; one that counts wrongly refuses calls for nothing, or takes them without end; and one that
// forgets a deadline when the wait changes lets a call hang.

#include "razor/pool/internal/call_queue.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <vector>

#include "tests/support/pick.h"

namespace razor::pool {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::TimePoint;
using test::one_in;
using test::pick;
using test::pick_of;

constexpr Duration kTick = 10ms;

struct TestCall final : QueuedCall {
  explicit TestCall(int its_id) : id(its_id) {}
  int id;
};

int id_of(const QueuedCall& call) { return static_cast<const TestCall&>(call).id; }

CallQueue::Limits limits(std::uint32_t calls_max, base::ByteCount bytes_max = 1000) { return {calls_max, bytes_max, kTick}; }

// --- Which changes are allowed ---------------------------------------------------------------------------------------

TEST(CallState, ChangesOnlyForReasonsThatLeadFromItToTheNewOne) {
  using S = CallState;
  using R = Reason;
  std::set<std::tuple<S, S, R>> allowed{
      {S::draft, S::queued, R::no_room},
      {S::draft, S::in_flight, R::sent},
      {S::queued, S::in_flight, R::sent},
      {S::in_flight, S::queued, R::moved},
      {S::in_flight, S::queued, R::redirected},
      {S::in_flight, S::backing_off, R::delayed},
      {S::backing_off, S::awaiting_budget, R::budget_spent},
      {S::backing_off, S::queued, R::may_go_on},
      {S::awaiting_budget, S::queued, R::may_go_on},
      {S::draft, S::failing, R::refused},
      {S::in_flight, S::failing, R::attempt_failed},
      {S::draft, S::failing, R::expired},
      {S::in_flight, S::ended, R::answered},
      {S::failing, S::ended, R::told},
  };
  for (const S wait : {S::queued, S::backing_off, S::awaiting_budget}) {
    allowed.insert({wait, S::failing, R::expired});
    allowed.insert({wait, S::failing, R::cannot_be_sent});
  }
  for (int from = 0; from < static_cast<int>(S::ended); ++from) allowed.insert({S(from), S::ended, R::cancelled});
  for (int from = 0; from <= static_cast<int>(S::ended); ++from) {
    for (int to = 0; to <= static_cast<int>(S::ended); ++to) {
      for (int why = 0; why <= static_cast<int>(R::cancelled); ++why) {
        EXPECT_EQ(is_allowed(S(from), S(to), R(why)), allowed.contains({S(from), S(to), R(why)}))
            << name_of(S(from)) << " -> " << name_of(S(to)) << " because of " << name_of(R(why));
      }
    }
  }
}

TEST(CallQueueDeathTest, AnotherChangeEndsTheProgramAndNamesBothStates) {
  CallQueue queue(limits(10), TimePoint());
  TestCall call(1);
  queue.add(call);
  EXPECT_DEATH(queue.transition(call, CallState::backing_off, Reason::delayed),
               "cannot go from draft to backing_off because of delayed");
  EXPECT_DEATH(queue.transition(call, CallState::queued, Reason::sent), "from draft to queued because of sent");
}

// --- By example ------------------------------------------------------------------------------------------------------

class CallQueueTest : public testing::Test {
 protected:
  TestCall& add(Duration deadline = 1h) {
    TestCall& call = *calls_.emplace_back(std::make_unique<TestCall>(static_cast<int>(calls_.size()) + 1));
    call.deadline = now_ + deadline;
    queue_.add(call);
    return call;
  }
  TestCall& queued(Duration deadline = 1h) {
    TestCall& call = add(deadline);
    queue_.transition(call, CallState::queued, Reason::no_room, now_);
    return call;
  }
  TestCall& in_flight() {
    TestCall& call = add();
    queue_.transition(call, CallState::in_flight, Reason::sent, now_);
    return call;
  }
  TestCall& requeued() {
    TestCall& call = in_flight();
    queue_.transition(call, CallState::queued, Reason::moved, now_);
    return call;
  }
  TestCall& backing_off(Duration deadline = 1h) {
    TestCall& call = in_flight();
    call.deadline = now_ + deadline;
    queue_.transition(call, CallState::backing_off, Reason::delayed, now_);
    return call;
  }
  // Those that are offered; `takes` of them are started.
  std::vector<int> offered(std::size_t takes) {
    std::vector<int> ids;
    queue_.start_queued([&](QueuedCall& call) {
      ids.push_back(id_of(call));
      if (ids.size() > takes) return false;
      queue_.transition(call, CallState::in_flight, Reason::sent, now_);
      return true;
    });
    return ids;
  }
  std::vector<int> expired_at(Duration since_start) {
    now_ = TimePoint(since_start);
    std::vector<int> ids;
    queue_.expire(now_, [&](QueuedCall& call) {
      ids.push_back(id_of(call));
      queue_.transition(call, CallState::failing, Reason::expired, now_);
    });
    return ids;
  }

  TimePoint now_{};
  CallQueue queue_{limits(2), TimePoint()};
  std::vector<std::unique_ptr<TestCall>> calls_;
};

TEST_F(CallQueueTest, StartsInOrderUntilOneStays) {
  for (int i = 0; i < 4; ++i) queued();
  EXPECT_EQ(offered(2), (std::vector{1, 2, 3}));
  EXPECT_EQ(queue_.in_flight(), 2u);
  EXPECT_EQ(offered(0), (std::vector{3}));
}

TEST_F(CallQueueTest, RequeuedCallsComeFirstAndDoNotWaitForEachOther) {
  queued();
  requeued();
  requeued();
  EXPECT_EQ(offered(0), (std::vector{2, 3, 1}));
}

TEST_F(CallQueueTest, EveryWaitCountsAndRequeuedCallsMayWaitOnTop) {
  EXPECT_TRUE(queue_.may_wait());
  queued();
  backing_off();
  EXPECT_EQ(queue_.waiting(), 2u);
  EXPECT_FALSE(queue_.may_wait());
  EXPECT_TRUE(queue_.may_come_back());
  requeued();
  EXPECT_TRUE(queue_.may_come_back());
  TestCall& last = requeued();
  EXPECT_FALSE(queue_.may_come_back());
  queue_.transition(last, CallState::in_flight, Reason::sent, now_);
  EXPECT_TRUE(queue_.may_come_back());
}

TEST_F(CallQueueTest, ACallOfAnySizeIsKeptWhenItIsTheOnlyOne) {
  EXPECT_TRUE(queue_.may_keep(5000));
  TestCall& call = add();
  queue_.count_bytes(call, 5000);
  EXPECT_FALSE(queue_.may_keep(1));
  queue_.transition(call, CallState::failing, Reason::refused, now_);
  EXPECT_EQ(queue_.bytes(), 0u);
  queue_.count_bytes(add(), 600);
  EXPECT_TRUE(queue_.may_keep(400));
  EXPECT_FALSE(queue_.may_keep(401));
}

TEST_F(CallQueueTest, EveryWaitEndsAtTheDeadlineWhichGoesOnFromOneToTheNext) {
  queued(20ms);
  backing_off(30ms);
  TestCall& awaiting = backing_off(40ms);
  queue_.transition(awaiting, CallState::awaiting_budget, Reason::budget_spent, now_);
  TestCall& again = backing_off(50ms);
  queue_.transition(again, CallState::queued, Reason::may_go_on, now_);
  EXPECT_EQ(queue_.next_tick(now_), TimePoint(20ms));
  EXPECT_EQ(expired_at(20ms), (std::vector{1}));
  EXPECT_EQ(expired_at(30ms), (std::vector{2}));
  EXPECT_EQ(expired_at(40ms), (std::vector{3}));
  EXPECT_EQ(expired_at(50ms), (std::vector{4}));
  EXPECT_EQ(queue_.next_tick(now_), TimePoint::max());
}

TEST_F(CallQueueTest, ACallInFlightDoesNotExpire) {
  TestCall& call = queued(20ms);
  queue_.transition(call, CallState::in_flight, Reason::sent, now_);
  EXPECT_EQ(expired_at(1s), (std::vector<int>{}));
}

TEST_F(CallQueueTest, TheTimeInTheQueueIsThatOfConnectingUntilThereIsAConnection) {
  TestCall& call = queued();
  now_ += 30ms;
  queue_.set_connected(true, now_);
  now_ += 20ms;
  queue_.set_connected(false, now_);
  now_ += 5ms;
  queue_.transition(call, CallState::in_flight, Reason::sent, now_);
  EXPECT_EQ(call.stages.of(CallStage::connecting), 35ms);
  EXPECT_EQ(call.stages.of(CallStage::window), 20ms);
}

TEST_F(CallQueueTest, TheTimeThatTheBudgetIsAwaitedIsThatOfTheBackOff) {
  TestCall& call = backing_off();
  now_ += 30ms;
  queue_.transition(call, CallState::awaiting_budget, Reason::budget_spent, now_);
  now_ += 20ms;
  queue_.transition(call, CallState::queued, Reason::may_go_on, now_);
  EXPECT_EQ(call.stages.of(CallStage::back_off), 50ms);
}

TEST_F(CallQueueTest, FailuresThatComeWhileABatchIsToldWaitForTheNext) {
  TestCall& first = queued();
  TestCall& second = queued();
  queue_.transition(first, CallState::failing, Reason::cannot_be_sent, now_);
  queue_.begin_batch();
  EXPECT_EQ(queue_.next_failure(), &first);
  queue_.transition(second, CallState::failing, Reason::cannot_be_sent, now_);
  EXPECT_EQ(queue_.next_failure(), nullptr);
  EXPECT_TRUE(queue_.has_failures());
  queue_.begin_batch();
  EXPECT_EQ(queue_.next_failure(), &second);
  EXPECT_FALSE(queue_.has_failures());
}

TEST_F(CallQueueTest, ABatchThatBeginsWithinAnotherTakesOverWhatIsLeftOfIt) {
  std::vector<TestCall*> calls{&queued(), &queued(), &queued()};
  queue_.transition(*calls[0], CallState::failing, Reason::cannot_be_sent, now_);
  queue_.transition(*calls[1], CallState::failing, Reason::cannot_be_sent, now_);
  queue_.begin_batch();
  EXPECT_EQ(queue_.next_failure(), calls[0]);
  queue_.transition(*calls[2], CallState::failing, Reason::cannot_be_sent, now_);
  queue_.begin_batch();
  EXPECT_EQ(queue_.next_failure(), calls[1]);
  EXPECT_EQ(queue_.next_failure(), calls[2]);
  EXPECT_EQ(queue_.next_failure(), nullptr);
}

// --- Model -----------------------------------------------------------------------------------------------------------

// What a reader would write down of each call.
struct ModelCall {
  CallState state = CallState::draft;
  bool is_requeued = false;
  int turn = 0;  // when it came into the list that it is in
  TimePoint deadline;
  TimePoint waits_since;
  base::ByteCount bytes = 0;
  std::map<CallStage, Duration> stages;

  bool waits() const {
    return state == CallState::queued || state == CallState::backing_off || state == CallState::awaiting_budget;
  }
};

struct QueueAndModel {
  static constexpr std::uint32_t kCallsMax = 3;
  static constexpr base::ByteCount kBytesMax = 100;

  ~QueueAndModel() { calls.clear(); }

  // --- The model
  std::vector<int> ids_where(auto&& fits) const {
    std::vector<int> ids;
    for (const auto& [id, call] : model) {
      if (fits(call)) ids.push_back(id);
    }
    std::ranges::sort(ids, {}, [this](int id) { return model.at(id).turn; });
    return ids;
  }
  std::vector<int> ids_in(CallState state) const {
    return ids_where([state](const ModelCall& call) { return call.state == state; });
  }
  std::vector<int> queued(bool are_requeued) const {
    return ids_where([are_requeued](const ModelCall& call) {
      return call.state == CallState::queued && call.is_requeued == are_requeued;
    });
  }
  std::uint32_t waiting() const {
    return static_cast<std::uint32_t>(ids_where([](const ModelCall& call) { return call.waits(); }).size());
  }
  base::ByteCount bytes() const {
    base::ByteCount sum = 0;
    for (const auto& [id, call] : model) sum += call.bytes;
    return sum;
  }

  // --- Both
  void change(int id, CallState to, Reason why) {
    queue.transition(*calls.at(id), to, why, now);
    ModelCall& call = model.at(id);
    const bool waited = call.waits();
    call.state = to;
    if (!waited) call.waits_since = now;
    call.turn = ++turns;
    if (to == CallState::queued) call.is_requeued = why != Reason::no_room;
    if (to == CallState::failing) call.bytes = 0;
    if (to != CallState::ended) return;
    model.erase(id);
    calls.erase(id);
  }
  int any_in(CallState state) const {
    const std::vector<int> ids = ids_in(state);
    return ids.empty() ? 0 : ids[pick<std::size_t>(0, ids.size())];
  }

  void add() {
    const int id = ++last_id;
    auto call = std::make_unique<TestCall>(id);
    call->deadline = one_in(8) ? TimePoint::max() : now + pick(-2, 30) * kTick;
    model[id].deadline = call->deadline;
    queue.add(*call);
    calls[id] = std::move(call);
    const auto bytes = static_cast<base::ByteCount>(pick(0, 60));
    if (queue.may_keep(bytes)) {
      queue.count_bytes(*calls[id], bytes);
      model[id].bytes = bytes;
    }
    switch (pick(0, 4)) {
      case 0: return change(id, CallState::in_flight, Reason::sent);
      case 1: return change(id, CallState::failing, pick_of({Reason::refused, Reason::expired}));
      default:
        RC_ASSERT(queue.may_wait() == (waiting() < kCallsMax));
        change(id, CallState::queued, Reason::no_room);
        RC_ASSERT(queue.is_first_submitted(*calls.at(id)) == (queued(false).front() == id));
    }
  }

  void attempt_ends() {
    const int id = any_in(CallState::in_flight);
    if (id == 0) return;
    switch (pick(0, 5)) {
      case 0: return change(id, CallState::queued, Reason::moved);
      case 1: return change(id, CallState::queued, Reason::redirected);
      case 2: return change(id, CallState::backing_off, Reason::delayed);
      case 3: return change(id, CallState::failing, Reason::attempt_failed);
      default: return change(id, CallState::ended, Reason::answered);
    }
  }

  void back_off_ends() {
    const int id = any_in(CallState::backing_off);
    if (id == 0) return;
    one_in(2) ? change(id, CallState::awaiting_budget, Reason::budget_spent)
              : change(id, CallState::queued, Reason::may_go_on);
  }

  void budget_is_paid() {
    const std::vector<int> ids = ids_in(CallState::awaiting_budget);
    QueuedCall* first = queue.first_awaiting_budget();
    RC_ASSERT((first == nullptr ? 0 : id_of(*first)) == (ids.empty() ? 0 : ids.front()));
    if (first != nullptr) change(ids.front(), CallState::queued, Reason::may_go_on);
  }

  // Each that is offered starts, expires or stays; all requeued ones are offered, and others up to the first that stays.
  void start_queued() {
    std::vector<int> expected = queued(true);
    std::vector<int> others = queued(false);
    std::vector<int> offered;
    std::size_t left = expected.size();  // offers among the requeued ones
    bool stopped = false;
    queue.start_queued([&](QueuedCall& call) {
      RC_ASSERT(!stopped);
      const int id = id_of(call);
      offered.push_back(id);
      const bool was_requeued = left > 0;
      if (was_requeued) --left;
      if (one_in(3)) {
        stopped = !was_requeued;
        return false;
      }
      one_in(4) ? change(id, CallState::failing, Reason::expired) : change(id, CallState::in_flight, Reason::sent);
      return true;
    });
    expected.insert(expected.end(), others.begin(), others.end());
    RC_ASSERT(offered.size() <= expected.size());
    RC_ASSERT(stopped || offered.size() == expected.size());
    expected.resize(offered.size());
    RC_ASSERT(offered == expected);
  }

  void time_passes() {
    for (int ticks = pick(1, 6); ticks > 0; --ticks) {
      now += kTick;
      for (auto& [id, call] : model) {
        if (!call.waits()) continue;
        const CallStage stage = call.state != CallState::queued ? CallStage::back_off
                                : is_connected                  ? CallStage::window
                                                                : CallStage::connecting;
        call.stages[stage] += kTick;
      }
    }
  }

  // A call that began to wait behind its deadline is due at the next tick at the latest.
  void expire() {
    const auto is_due = [this](const ModelCall& call) { return call.waits() && call.deadline <= now; };
    std::vector<int> may_expire = ids_where(is_due);
    std::vector<int> must_expire = ids_where(
        [&](const ModelCall& call) { return is_due(call) && (call.waits_since < now || call.waits_since < call.deadline); });
    std::vector<int> expired;
    queue.expire(now, [&](QueuedCall& call) {
      expired.push_back(id_of(call));
      change(id_of(call), CallState::failing, Reason::expired);
    });
    for (auto* ids : {&may_expire, &must_expire, &expired}) std::ranges::sort(*ids);
    RC_ASSERT(std::ranges::includes(may_expire, expired));
    RC_ASSERT(std::ranges::includes(expired, must_expire));
  }

  void tell_failures() {
    const std::vector<int> batch = ids_in(CallState::failing);
    queue.begin_batch();
    for (const int id : batch) {
      QueuedCall* next = queue.next_failure();
      RC_ASSERT(next != nullptr);
      RC_ASSERT(id_of(*next) == id);
      change(id, CallState::ended, Reason::told);
      if (one_in(3)) back_off_fails();
    }
    RC_ASSERT(queue.next_failure() == nullptr);
  }
  void back_off_fails() {
    if (const int id = any_in(CallState::backing_off)) change(id, CallState::failing, Reason::cannot_be_sent);
  }

  void fail_waiting() {
    std::vector<int> expected = queued(false);
    for (const auto& more : {queued(true), ids_in(CallState::awaiting_budget)}) {
      expected.insert(expected.end(), more.begin(), more.end());
    }
    std::vector<int> backing_off = ids_in(CallState::backing_off);
    std::ranges::sort(backing_off);  // in the order of submission
    expected.insert(expected.end(), backing_off.begin(), backing_off.end());
    std::vector<int> failed;
    queue.for_each_waiting([&](QueuedCall& call) {
      failed.push_back(id_of(call));
      change(id_of(call), CallState::failing, Reason::cannot_be_sent);
    });
    RC_ASSERT(failed == expected);
  }

  void cancel() {
    if (model.empty()) return;
    auto any = model.begin();
    std::advance(any, pick<std::size_t>(0, model.size()));
    change(any->first, CallState::ended, Reason::cancelled);
  }

  void step() {
    switch (pick(0, 16)) {
      case 0:
      case 1:
      case 2:
      case 3: add(); break;
      case 4:
      case 5: attempt_ends(); break;
      case 6:
      case 7: back_off_ends(); break;
      case 8: budget_is_paid(); break;
      case 9: start_queued(); break;
      case 10: time_passes(); break;
      case 11: expire(); break;
      case 12: tell_failures(); break;
      case 13: one_in(4) ? fail_waiting() : cancel(); break;
      case 14:
        is_connected = one_in(2);
        queue.set_connected(is_connected, now);
        break;
      default: cancel();
    }
  }

  void compare() {
    RC_ASSERT(queue.waiting() == waiting());
    RC_ASSERT(queue.in_flight() == ids_in(CallState::in_flight).size());
    RC_ASSERT(queue.bytes() == bytes());
    RC_ASSERT(queue.empty() == model.empty());
    RC_ASSERT(queue.may_wait() == (waiting() < kCallsMax));
    RC_ASSERT(queue.may_come_back() == (waiting() < 2 * kCallsMax));
    RC_ASSERT(queue.may_keep(10) == (bytes() == 0 || bytes() <= kBytesMax - 10));
    RC_ASSERT(queue.has_failures() == !ids_in(CallState::failing).empty());
    RC_ASSERT(queue.has_queued() == !ids_in(CallState::queued).empty());
    RC_ASSERT(queue.has_requeued() == !queued(true).empty());
    const bool has_deadline =
        !ids_where([](const ModelCall& one) { return one.waits() && one.deadline != TimePoint::max(); }).empty();
    if (has_deadline) RC_ASSERT(queue.next_tick(now) > now);
    if (waiting() == 0) RC_ASSERT(queue.next_tick(now) == TimePoint::max());
    for (const auto& [id, expected] : model) {
      const TestCall& call = *calls.at(id);
      RC_ASSERT(call.state() == expected.state);
      if (expected.waits()) continue;
      for (const CallStage stage : {CallStage::connecting, CallStage::window, CallStage::back_off}) {
        const auto spent = expected.stages.find(stage);
        RC_ASSERT(call.stages.of(stage) == (spent == expected.stages.end() ? Duration::zero() : spent->second));
      }
    }
  }

  TimePoint now{100 * kTick};
  bool is_connected = false;
  int last_id = 0;
  int turns = 0;
  std::map<int, ModelCall> model;
  std::map<int, std::unique_ptr<TestCall>> calls;
  CallQueue queue{limits(kCallsMax, kBytesMax), now};
};

RC_GTEST_PROP(CallQueue, DoesAsTheModel, ()) {
  for (int script = 0; script < 20; ++script) {
    QueueAndModel both;
    const int steps = pick(0, 80);
    for (int i = 0; i < steps; ++i) {
      both.step();
      both.compare();
    }
  }
}

}  // namespace
}  // namespace razor::pool
