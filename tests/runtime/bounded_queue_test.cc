// BoundedQueue: a bounded queue between coroutines. Two models hold it to its word: with every turn run to its end it
// behaves as a deque with two waiting lines; and between turns, whoever is cancelled, no value is lost, doubled or
// overtaken.

#include "razor/runtime/bounded_queue.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "tests/support/manual_runtime.h"

namespace razor::runtime {
namespace {

using test::ManualExecutor;
using test::Running;
using IntQueue = BoundedQueue<int>;

Task<bool> send_to(IntQueue& queue, int value) { co_return co_await queue.send(value); }
Task<std::optional<int>> receive_from(IntQueue& queue) { co_return co_await queue.receive(); }

using Sending = Running<bool>;
using Receiving = Running<std::optional<int>>;

class BoundedQueueTest : public testing::Test {
 protected:
  std::unique_ptr<Sending> sending(int value) { return std::make_unique<Sending>(send_to(bounded_, value)); }
  std::unique_ptr<Receiving> receiving() { return std::make_unique<Receiving>(receive_from(bounded_)); }

  ManualExecutor executor_;
  IntQueue bounded_{executor_, 2};
};

TEST_F(BoundedQueueTest, ValuesArriveInTheOrderTheyWereSent) {
  EXPECT_TRUE(sending(1)->take());
  EXPECT_TRUE(sending(2)->take());
  EXPECT_EQ(bounded_.size(), 2u);
  EXPECT_EQ(bounded_.capacity(), 2u);
  EXPECT_EQ(receiving()->take(), 1);
  EXPECT_EQ(receiving()->take(), 2);
}

TEST_F(BoundedQueueTest, AReceiverWaitsForAValue) {
  const auto receiver = receiving();
  EXPECT_FALSE(receiver->finished());
  sending(1);
  EXPECT_FALSE(receiver->finished()) << "woken inside send()";
  executor_.run_all();
  EXPECT_EQ(receiver->take(), 1);
}

TEST_F(BoundedQueueTest, ASenderWaitsForAPlace) {
  sending(1);
  sending(2);
  const auto sender = sending(3);
  EXPECT_FALSE(sender->finished());
  EXPECT_EQ(bounded_.size(), 2u);
  EXPECT_EQ(receiving()->take(), 1);
  executor_.run_all();
  ASSERT_TRUE(sender->finished());
  EXPECT_TRUE(sender->take());
  EXPECT_EQ(receiving()->take(), 2);
  EXPECT_EQ(receiving()->take(), 3);
}

TEST_F(BoundedQueueTest, NobodyOvertakesASenderThatWaits) {
  sending(1);
  sending(2);
  const auto waits = sending(3);
  (void)bounded_.try_receive();
  int late = 4;
  EXPECT_FALSE(bounded_.try_send(std::move(late)));
  const auto later = sending(5);
  EXPECT_FALSE(later->finished());
  executor_.run_all();
  EXPECT_EQ(bounded_.try_receive(), 2);
  executor_.run_all();
  EXPECT_EQ(bounded_.try_receive(), 3);
  EXPECT_EQ(bounded_.try_receive(), 5);
}

TEST_F(BoundedQueueTest, APlacePromisedToACancelledSenderGoesToTheNext) {
  sending(1);
  sending(2);
  auto first = sending(3);
  const auto second = sending(4);
  (void)bounded_.try_receive();
  first.reset();  // woken, but it has not run
  executor_.run_all();
  ASSERT_TRUE(second->finished());
  EXPECT_TRUE(second->take());
  EXPECT_EQ(bounded_.try_receive(), 2);
  EXPECT_EQ(bounded_.try_receive(), 4);
  EXPECT_EQ(bounded_.try_receive(), std::nullopt);
}

TEST_F(BoundedQueueTest, AValuePromisedToACancelledReceiverGoesToTheNext) {
  auto first = receiving();
  const auto second = receiving();
  sending(1);
  first.reset();
  executor_.run_all();
  ASSERT_TRUE(second->finished());
  EXPECT_EQ(second->take(), 1);
}

TEST_F(BoundedQueueTest, AValuePromisedToACancelledReceiverStaysForLater) {
  auto first = receiving();
  sending(1);
  EXPECT_EQ(bounded_.try_receive(), std::nullopt) << "the value was promised";
  first.reset();
  EXPECT_EQ(bounded_.try_receive(), 1);
}

TEST_F(BoundedQueueTest, AfterCloseWhatIsQueuedIsReceivedAndNothingIsSent) {
  sending(1);
  sending(2);
  const auto waits = sending(3);
  bounded_.close();
  bounded_.close();
  EXPECT_TRUE(bounded_.closed());
  executor_.run_all();
  ASSERT_TRUE(waits->finished());
  EXPECT_FALSE(waits->take());
  EXPECT_FALSE(sending(4)->take());
  int value = 5;
  EXPECT_FALSE(bounded_.try_send(std::move(value)));
  EXPECT_EQ(receiving()->take(), 1);
  EXPECT_EQ(receiving()->take(), 2);
  EXPECT_EQ(receiving()->take(), std::nullopt);
}

TEST_F(BoundedQueueTest, CloseWakesReceiversWithNothing) {
  const auto receiver = receiving();
  bounded_.close();
  executor_.run_all();
  ASSERT_TRUE(receiver->finished());
  EXPECT_EQ(receiver->take(), std::nullopt);
}

TEST_F(BoundedQueueTest, ASenderWhosePlaceWasPromisedBeforeTheCloseIsToldFalse) {
  sending(1);
  sending(2);
  const auto waits = sending(3);
  (void)bounded_.try_receive();
  bounded_.close();
  executor_.run_all();
  EXPECT_FALSE(waits->take());
  EXPECT_EQ(bounded_.try_receive(), 2);
  EXPECT_EQ(bounded_.try_receive(), std::nullopt);
}

// Regression: a receiver that close() had woken ended with nothing although, by then, a cancelled receiver had left its
// value behind. Nobody received that value.
TEST_F(BoundedQueueTest, AReceiverWokenByCloseTakesTheValueThatACancelledOneLeftBehind) {
  auto promised = receiving();
  const auto waits = receiving();
  sending(1);
  bounded_.close();
  promised.reset();
  executor_.run_all();
  ASSERT_TRUE(waits->finished());
  EXPECT_EQ(waits->take(), 1);
}

using OwningQueue = BoundedQueue<std::unique_ptr<int>>;
Task<bool> send_owned(OwningQueue& queue, int value) { co_return co_await queue.send(std::make_unique<int>(value)); }
Task<int> receive_owned(OwningQueue& queue) {
  const std::optional<std::unique_ptr<int>> received = co_await queue.receive();
  co_return **received;
}

TEST_F(BoundedQueueTest, PassesOnWhatCanOnlyBeMoved) {
  OwningQueue queue(executor_, 1);
  Running<bool> first(send_owned(queue, 1));
  Running<bool> second(send_owned(queue, 2));
  auto refused = std::make_unique<int>(3);
  EXPECT_FALSE(queue.try_send(std::move(refused)));
  EXPECT_NE(refused, nullptr) << "a refused value is left with its owner";
  EXPECT_EQ(Running<int>(receive_owned(queue)).take(), 1);
  executor_.run_all();
  EXPECT_EQ(Running<int>(receive_owned(queue)).take(), 2);
}

TEST(BoundedQueueDeathTest, WithoutCapacityIsABug) {
  ManualExecutor executor;
  EXPECT_DEATH(IntQueue(executor, 0), "passes nothing on");
}

// --- A deque with two waiting lines ----------------------------------------------------------------------------------

// Every turn is run to its end after every step, so each step has one right outcome, which the model computes.
class BoundedQueueAndDeque {
 public:
  explicit BoundedQueueAndDeque(std::size_t capacity) : bounded_(executor_, capacity), capacity_(capacity) {}

  void step() {
    switch (*rc::gen::weightedElement<int>({{8, 0}, {8, 1}, {3, 2}, {3, 3}, {3, 4}, {3, 5}, {1, 6}})) {
      case 0: send(); break;
      case 1: receive(); break;
      case 2: try_send(); break;
      case 3: try_receive(); break;
      case 4: cancel_a_sender(); break;
      case 5: cancel_a_receiver(); break;
      case 6: close(); break;
    }
    executor_.run_all();
    serve_the_lines();
    check();
  }

 private:
  struct Sender {
    std::unique_ptr<Sending> running;
    int value;
    std::optional<bool> expected;
  };
  struct Receiver {
    std::unique_ptr<Receiving> running;
    std::optional<std::optional<int>> expected;
  };

  void send() {
    const int value = next_value_++;
    senders_.push_back({std::make_unique<Sending>(send_to(bounded_, value)), value, std::nullopt});
  }
  void receive() { receivers_.push_back({std::make_unique<Receiving>(receive_from(bounded_)), std::nullopt}); }
  void try_send() {
    const bool fits = !closed_ && queue_.size() < capacity_;
    int value = next_value_++;
    RC_ASSERT(bounded_.try_send(std::move(value)) == fits);
    if (fits) queue_.push_back(value);
  }
  void try_receive() {
    const std::optional<int> expected = queue_.empty() ? std::nullopt : std::optional(queue_.front());
    RC_ASSERT(bounded_.try_receive() == expected);
    if (expected) queue_.pop_front();
  }
  void cancel_a_sender() {
    if (!senders_.empty()) senders_.erase(senders_.begin() + *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(senders_)));
  }
  void cancel_a_receiver() {
    if (receivers_.empty()) return;
    receivers_.erase(receivers_.begin() + *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(receivers_)));
  }
  void close() {
    bounded_.close();
    closed_ = true;
  }

  void serve_the_lines() {
    for (bool moved = true; moved;) {
      moved = false;
      for (Sender& sender : senders_) {
        if (sender.expected || (!closed_ && queue_.size() >= capacity_)) continue;
        sender.expected = !closed_;
        if (!closed_) queue_.push_back(sender.value);
        moved = true;
      }
      for (Receiver& receiver : receivers_) {
        if (receiver.expected || (!closed_ && queue_.empty())) continue;
        receiver.expected = queue_.empty() ? std::nullopt : std::optional(queue_.front());
        if (!queue_.empty()) queue_.pop_front();
        moved = true;
      }
    }
  }

  void check() {
    RC_ASSERT(bounded_.size() == queue_.size());
    RC_ASSERT(bounded_.closed() == closed_);
    for (Sender& sender : senders_) {
      RC_ASSERT(sender.running->finished() == sender.expected.has_value());
      if (sender.expected) RC_ASSERT(sender.running->take() == *sender.expected);
    }
    for (Receiver& receiver : receivers_) {
      RC_ASSERT(receiver.running->finished() == receiver.expected.has_value());
      if (receiver.expected) RC_ASSERT(receiver.running->take() == *receiver.expected);
    }
    std::erase_if(senders_, [](const Sender& sender) { return sender.expected.has_value(); });
    std::erase_if(receivers_, [](const Receiver& receiver) { return receiver.expected.has_value(); });
  }

  ManualExecutor executor_;
  IntQueue bounded_;
  std::size_t capacity_;
  std::deque<int> queue_;
  bool closed_ = false;
  int next_value_ = 1;
  std::vector<Sender> senders_;
  std::vector<Receiver> receivers_;
};

RC_GTEST_PROP(BoundedQueue, AgreesWithADequeAndTwoWaitingLines, ()) {
  const int steps = *rc::gen::inRange(0, 100);
  BoundedQueueAndDeque both(*rc::gen::inRange<std::size_t>(1, 4));
  for (int i = 0; i < steps; ++i) both.step();
}

// --- Between turns ---------------------------------------------------------------------------------------------------

// Coroutines are cancelled between being woken and running, and the ready ones run in any order. What must hold then:
// values are received in the order they were queued, each once; and nobody waits in vain.
class ChannelBetweenTurns {
 public:
  explicit ChannelBetweenTurns(std::size_t capacity) : bounded_(executor_, capacity), capacity_(capacity) {}

  void step() {
    switch (*rc::gen::weightedElement<int>({{6, 0}, {6, 1}, {8, 2}, {3, 3}, {3, 4}, {2, 5}, {2, 6}})) {
      case 0: senders_.push_back(std::make_unique<Running<void>>(send(*this, next_value_++))); break;
      case 1: receivers_.push_back(std::make_unique<Running<void>>(receive(*this))); break;
      case 2: run_any_ready(); break;
      case 3: cancel_one_of(senders_); break;
      case 4: cancel_one_of(receivers_); break;
      case 5: try_send(); break;
      case 6: try_receive(); break;
    }
    RC_ASSERT(bounded_.size() <= capacity_);
    RC_ASSERT(queued_.size() - received_.size() == bounded_.size());
    RC_ASSERT(std::equal(received_.begin(), received_.end(), queued_.begin()));
  }

  // Nobody is cancelled any more: all that can end, ends.
  void settle() {
    while (executor_.ready_count() > 0) run_any_ready();
    const auto waits = [](const auto& running) { return !running->finished(); };
    if (std::ranges::any_of(senders_, waits)) RC_ASSERT(bounded_.size() == capacity_);
    if (std::ranges::any_of(receivers_, waits)) RC_ASSERT(bounded_.size() == 0u);
    bounded_.close();
    while (executor_.ready_count() > 0) run_any_ready();
    RC_ASSERT(std::ranges::none_of(senders_, waits));
    RC_ASSERT(std::ranges::none_of(receivers_, waits));
    while (const std::optional<int> left = bounded_.try_receive()) received_.push_back(*left);
    RC_ASSERT(received_ == queued_);
  }

 private:
  static Task<void> send(ChannelBetweenTurns& test, int value) {
    const bool sent = co_await test.bounded_.send(value);
    if (sent) test.queued_.push_back(value);
  }
  static Task<void> receive(ChannelBetweenTurns& test) {
    const std::optional<int> value = co_await test.bounded_.receive();
    if (value) test.received_.push_back(*value);
  }
  void try_send() {
    int value = next_value_++;
    if (bounded_.try_send(std::move(value))) queued_.push_back(value);
  }
  void try_receive() {
    if (const std::optional<int> value = bounded_.try_receive()) received_.push_back(*value);
  }
  void run_any_ready() {
    if (executor_.ready_count() > 0) executor_.run_nth(*rc::gen::inRange<std::size_t>(0, executor_.ready_count()));
  }
  void cancel_one_of(std::vector<std::unique_ptr<Running<void>>>& tasks) {
    if (!tasks.empty()) tasks.erase(tasks.begin() + *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(tasks)));
  }

  ManualExecutor executor_;
  IntQueue bounded_;
  std::size_t capacity_;
  int next_value_ = 1;
  std::vector<int> queued_;
  std::vector<int> received_;
  std::vector<std::unique_ptr<Running<void>>> senders_;
  std::vector<std::unique_ptr<Running<void>>> receivers_;
};

RC_GTEST_PROP(BoundedQueue, LosesNoValueAndNoWakeUpWhoeverIsCancelledBetweenTurns, ()) {
  const int steps = *rc::gen::inRange(0, 100);
  ChannelBetweenTurns queue(*rc::gen::inRange<std::size_t>(1, 4));
  for (int i = 0; i < steps; ++i) queue.step();
  queue.settle();
}

}  // namespace
}  // namespace razor::runtime
