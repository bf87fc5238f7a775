// ForeignQueue: work from other threads. Every item is run or dropped exactly once, and each thread's in its order; a
// lost or doubled one would be missing from, or repeated in, what the receiver noted.

#include "razor/runtime/foreign_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "razor/runtime/thread_signal.h"

namespace razor::runtime {
namespace {

class NotedItem final : public PostedTask {
 public:
  NotedItem(std::vector<int>& ran, std::vector<int>& dropped, int number) : ran_(ran), dropped_(dropped), number_(number) {}
  void run() override {
    ran_.push_back(number_);
    then();
  }
  void drop() override { dropped_.push_back(number_); }

  std::function<void()> then = [] {};

 private:
  std::vector<int>& ran_;
  std::vector<int>& dropped_;
  int number_;
};

class ForeignQueueTest : public testing::Test {
 protected:
  using Pushed = ForeignQueue::Pushed;
  NotedItem item(int number) { return NotedItem(ran_, dropped_, number); }

  std::vector<int> ran_;
  std::vector<int> dropped_;
  ForeignQueue queue_;
};

TEST_F(ForeignQueueTest, OnlyTheFirstOfABatchWakesTheRuntime) {
  NotedItem one = item(1), two = item(2), three = item(3);
  EXPECT_EQ(queue_.push(one), Pushed::wake_the_runtime);
  EXPECT_EQ(queue_.push(two), Pushed::runtime_knows);
  EXPECT_TRUE(ran_.empty());
  queue_.run_all();
  EXPECT_EQ(ran_, (std::vector{1, 2}));
  EXPECT_EQ(queue_.push(three), Pushed::wake_the_runtime);
  queue_.run_all();
  queue_.run_all();
  EXPECT_EQ(ran_, (std::vector{1, 2, 3}));
}

TEST_F(ForeignQueueTest, WhatIsPushedByARunningItemIsOfTheNextBatch) {
  NotedItem one = item(1), two = item(2);
  one.then = [&] { EXPECT_EQ(queue_.push(two), Pushed::wake_the_runtime); };
  queue_.push(one);
  queue_.run_all();
  EXPECT_EQ(ran_, (std::vector{1}));
  queue_.run_all();
  EXPECT_EQ(ran_, (std::vector{1, 2}));
}

TEST_F(ForeignQueueTest, AnItemMayBePushedAgainWhileItRuns) {
  NotedItem one = item(1);
  one.then = [&] {
    if (ran_.size() < 3) queue_.push(one);
  };
  queue_.push(one);
  for (int i = 0; i < 5; ++i) queue_.run_all();
  EXPECT_EQ(ran_, (std::vector{1, 1, 1}));
}

TEST_F(ForeignQueueTest, CloseDropsWhatIsQueuedInOrderAndTakesNoMore) {
  NotedItem one = item(1), two = item(2), late = item(3);
  queue_.push(one);
  queue_.push(two);
  queue_.close();
  EXPECT_EQ(dropped_, (std::vector{1, 2}));
  EXPECT_EQ(queue_.push(late), Pushed::closed);
  queue_.run_all();
  queue_.close();
  EXPECT_EQ(dropped_, (std::vector{1, 2}));
  EXPECT_TRUE(ran_.empty());
}

// --- Threads ---------------------------------------------------------------------------------------------------------

constexpr int kThreads = 4;
constexpr int kItems = 20'000;

struct ThreadsItem final : PostedTask {
  void run() override { received->push_back(this); }
  void drop() override { ++drops; }
  std::vector<ThreadsItem*>* received = nullptr;
  int thread = 0;
  int number = 0;
  int drops = 0;
};

// Pushes from several threads until the queue is closed or all items are pushed; gives the number of refused ones.
class Senders {
 public:
  Senders(ForeignQueue& queue, std::vector<ThreadsItem*>& received) : items(kThreads * kItems) {
    for (int i = 0; i < kThreads * kItems; ++i) {
      items[i].received = &received;
      items[i].thread = i / kItems;
      items[i].number = i % kItems;
    }
    for (int thread = 0; thread < kThreads; ++thread) {
      threads_.emplace_back([this, thread, &queue] {
        for (int i = 0; i < kItems; ++i) {
          switch (queue.push(items[thread * kItems + i])) {
            case ForeignQueue::Pushed::wake_the_runtime: ++wakes; break;
            case ForeignQueue::Pushed::runtime_knows: break;
            case ForeignQueue::Pushed::closed: ++refused; break;
          }
        }
        ++finished;
      });
    }
  }
  void join() {
    for (std::thread& thread : threads_) thread.join();
  }

  std::vector<ThreadsItem> items;
  std::atomic<int> wakes = 0;
  std::atomic<int> refused = 0;
  std::atomic<int> finished = 0;

 private:
  std::vector<std::thread> threads_;
};

TEST(ForeignQueue, KeepsTheOrderOfEveryThreadAndLosesNothing) {
  ForeignQueue queue;
  std::vector<ThreadsItem*> received;
  Senders senders(queue, received);
  int batches = 0;
  while (senders.finished < kThreads) {
    const std::size_t before = received.size();
    queue.run_all();
    batches += received.size() > before ? 1 : 0;
  }
  senders.join();
  const std::size_t before = received.size();
  queue.run_all();
  batches += received.size() > before ? 1 : 0;

  EXPECT_EQ(received.size(), std::size_t{kThreads * kItems});
  std::vector<int> next(kThreads, 0);
  for (const ThreadsItem* item : received) {
    ASSERT_EQ(item->number, next[item->thread]) << "thread " << item->thread;
    ++next[item->thread];
  }
  EXPECT_EQ(senders.wakes, batches) << "one wake-up per batch";
}

TEST(ForeignQueue, ClosedWhileThreadsPushEveryItemEndsExactlyOnce) {
  ForeignQueue queue;
  std::vector<ThreadsItem*> received;
  Senders senders(queue, received);
  while (received.size() < kItems / 2) queue.run_all();
  queue.close();
  senders.join();
  int dropped = 0;
  for (const ThreadsItem& item : senders.items) dropped += item.drops;
  EXPECT_EQ(static_cast<int>(received.size()) + dropped + senders.refused, kThreads * kItems);
}

// --- ThreadSignal ----------------------------------------------------------------------------------------------------

TEST(ThreadSignal, WakesTheThreadThatWaitsWhetherItSleepsOrComesLate) {
  ThreadSignal early;
  early.wake();
  early.wait();

  int written = 0;
  for (int i = 0; i < 50; ++i) {
    ThreadSignal signal;
    std::thread waker([&] {
      written = i;
      signal.wake();
    });
    signal.wait();
    EXPECT_EQ(written, i) << "what was written before wake() is seen after wait()";
    waker.join();
  }
}

// The waiting thread destroys the signal as soon as it sees it: the waker must not touch it after that.
TEST(ThreadSignal, MayBeDestroyedAsSoonAsTheWaitIsOver) {
  std::atomic<ThreadSignal*> current = nullptr;
  std::atomic<bool> stop = false;
  std::thread waker([&] {
    while (!stop) {
      if (ThreadSignal* signal = current.exchange(nullptr)) {
        signal->wake();
      } else {
        std::this_thread::yield();
      }
    }
  });
  for (int i = 0; i < 500; ++i) {
    auto signal = std::make_unique<ThreadSignal>();
    current = signal.get();
    signal->wait();
  }
  stop = true;
  waker.join();
}

}  // namespace
}  // namespace razor::runtime
