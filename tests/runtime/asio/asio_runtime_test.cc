// AsioRuntime and AsioThread: who runs them, how that ends, and what becomes of tasks and of threads that wait. A lost
// wake-up, or a waiting thread that nobody told, would hang here.

#include "razor/runtime/asio/asio_runtime.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "razor/runtime/event.h"
#include "razor/runtime/task_scope.h"
#include "razor/runtime/when.h"
#include "razor/runtime/with_deadline.h"
#include "tests/support/live_count.h"
#include "tests/support/waiting.h"

namespace razor::asio {
namespace {

using namespace std::chrono_literals;
using runtime::Address;
using runtime::Event;
using runtime::Listener;
using runtime::PostedTask;
using runtime::Task;
using test::LiveCount;
using test::NextTurn;

Task<int> give(int value) { co_return value; }
Task<int> give_later(AsioRuntime& runtime, int value) {
  co_await runtime.clock().sleep_for(1ms);
  co_return value;
}
Task<int> fail_later(AsioRuntime& runtime) {
  co_await runtime.clock().sleep_for(1us);
  throw std::runtime_error("it failed");
}
Task<void> note(std::vector<int>& notes, int number) {
  notes.push_back(number);
  co_return;
}
Task<void> stop_it(AsioRuntime& runtime) {
  runtime.stop();
  co_return;
}

// --- run, stop, block_on ---------------------------------------------------------------------------------------------

TEST(AsioRuntime, BlockOnGivesTheResultOrThrows) {
  AsioRuntime runtime;
  EXPECT_EQ(runtime.block_on(give(1)), 1);
  EXPECT_EQ(runtime.block_on(give_later(runtime, 2)), 2);
  EXPECT_THROW(runtime.block_on(fail_later(runtime)), std::runtime_error);
  std::vector<int> notes;
  runtime.block_on(note(notes, 3));
  EXPECT_EQ(notes, (std::vector{3}));
}

Task<std::unique_ptr<int>> give_owned() { co_return std::make_unique<int>(4); }

TEST(AsioRuntime, BlockOnGivesResultsThatCanOnlyBeMoved) {
  AsioRuntime runtime;
  EXPECT_EQ(*runtime.block_on(give_owned()), 4);
}

TEST(AsioRuntime, RunsUntilItIsStoppedAndThenAgain) {
  AsioRuntime runtime;
  std::vector<int> notes;
  for (int round = 0; round < 3; ++round) {
    runtime.executor().spawn("note", note(notes, round));
    runtime.executor().spawn("stop", stop_it(runtime));
    runtime.run();
    EXPECT_EQ(notes.size(), static_cast<std::size_t>(round) + 1);
  }
  EXPECT_EQ(runtime.block_on(give_later(runtime, 7)), 7);
}

TEST(AsioRuntime, AStopBeforeTheRunCounts) {
  AsioRuntime runtime;
  std::vector<int> notes;
  runtime.executor().spawn("note", note(notes, 1));
  runtime.stop();
  runtime.run();
  EXPECT_TRUE(notes.empty());
  runtime.executor().spawn("stop", stop_it(runtime));
  runtime.run();
  EXPECT_EQ(notes, (std::vector{1})) << "what was ready before the stop runs when it runs again";
}

TEST(AsioRuntime, IsStoppedFromAnotherThread) {
  AsioRuntime runtime;
  std::thread other([&runtime] { runtime.stop(); });
  runtime.run();
  other.join();
}

Task<int> stop_and_wait(AsioRuntime& runtime, Event& event, LiveCount::Sentinel) {
  runtime.stop();
  co_await event.wait();
  co_return 1;
}

// Regression: block_on took the result of a task that had none yet, and left the task behind, writing to its stack.
TEST(AsioRuntime, BlockOnThatIsStoppedThrowsAndDestroysItsTask) {
  AsioRuntime runtime;
  Event event(runtime.executor());
  LiveCount count;
  EXPECT_THROW(runtime.block_on(stop_and_wait(runtime, event, count.sentinel())), std::runtime_error);
  EXPECT_EQ(count.alive(), 0);
  event.set();
  EXPECT_EQ(runtime.block_on(give_later(runtime, 2)), 2);
}

Task<int> post_and_wait(AsioRuntime& runtime) {
  struct SetEvent final : PostedTask {
    explicit SetEvent(Event& to_set) : event(to_set) {}
    void run() override { event.set(); }
    void drop() override {}
    Event& event;
  };
  for (int i = 0; i < 20; ++i) {
    Event posted(runtime.executor());
    SetEvent item(posted);
    std::thread other([&] { runtime.executor().post(item); });
    co_await posted.wait();
    other.join();
    co_await runtime.clock().sleep_for(100us);
  }
  co_return 20;
}

TEST(AsioRuntime, SpinsBeforeItSleepsWhenItIsToldTo) {
  AsioConfig config;
  config.spin = 200us;
  AsioRuntime runtime(config);
  EXPECT_EQ(runtime.block_on(post_and_wait(runtime)), 20);
  runtime.executor().spawn("stop", stop_it(runtime));
  runtime.run();
}

class NullLog final : public base::LogSink {
 public:
  bool enabled(base::LogLevel) const override { return false; }
  void write(base::LogLevel, std::string_view) override {}
};

TEST(AsioRuntime, LogsToTheSinkThatItIsGiven) {
  NullLog log;
  AsioConfig config;
  config.log = &log;
  AsioRuntime runtime(config);
  EXPECT_EQ(&runtime.log(), &log);
  AsioRuntime without;
  EXPECT_TRUE(without.log().enabled(base::LogLevel::error));
  EXPECT_FALSE(without.log().enabled(base::LogLevel::info));
}

// --- An io_context of the user's -------------------------------------------------------------------------------------

TEST(AsioRuntimeOnUsersContext, RunsBesideTheUsersOwnWork) {
  boost::asio::io_context context;
  AsioRuntime runtime(context);
  EXPECT_EQ(&runtime.context(), &context);
  std::vector<int> notes;
  runtime.executor().spawn("note", note(notes, 1));
  boost::asio::post(context, [&] {
    notes.push_back(2);
    runtime.executor().spawn("note", note(notes, 3));  // outside of any turn of the runtime's
  });
  context.run();
  EXPECT_EQ(notes, (std::vector{1, 2, 3}));
}

TEST(AsioRuntimeOnUsersContext, ARunEndsWhenNothingIsLeftToDo) {
  boost::asio::io_context context;
  AsioRuntime runtime(context);
  std::vector<int> notes;
  auto sleep_and_note = [](AsioRuntime& on, std::vector<int>& list) -> Task<void> {
    co_await on.clock().sleep_for(2ms);
    list.push_back(1);
  };
  runtime.executor().spawn("sleeper", sleep_and_note(runtime, notes));
  context.run();
  EXPECT_EQ(notes, (std::vector{1}));
}

// Regression: the wake-up for a timer that was disarmed kept the io_context running until its time.
TEST(AsioRuntimeOnUsersContext, ARunEndsAlthoughATimerWasArmedAndDisarmed) {
  boost::asio::io_context context;
  AsioRuntime runtime(context);
  std::optional<int> result;
  auto finish_in_time = [](AsioRuntime& on, std::optional<int>& into) -> Task<void> {
    const auto in_time = co_await runtime::with_deadline(on.clock(), on.clock().now() + 1h, give_later(on, 5));
    if (in_time.ok()) into = *in_time;
  };
  runtime.executor().spawn("in time", finish_in_time(runtime, result));
  context.run();
  EXPECT_EQ(result, 5);

  runtime::TaskScope scope(runtime.executor());
  auto sleep_long = [](AsioRuntime& on) -> Task<void> { co_await on.clock().sleep_for(1h); };
  scope.spawn("sleeper", sleep_long(runtime));
  context.restart();
  context.poll();
  scope.cancel();
  context.restart();
  context.run();
}

TEST(AsioRuntimeOnUsersContext, MayBeDestroyedBeforeTheContextWithHandlersUnderWay) {
  boost::asio::io_context context;
  LiveCount count;
  std::vector<int> notes;
  auto connect = [](AsioRuntime& on, LiveCount::Sentinel, Listener& listener) -> Task<void> {
    const auto stream = co_await on.network().connect(listener.address());
    co_await on.clock().sleep_for(1h);
  };
  {
    AsioRuntime runtime(context);
    const auto listener = runtime.network().listen(Address::tcp("127.0.0.1", 0));
    ASSERT_TRUE(listener.ok());
    for (int i = 0; i < 3; ++i) runtime.executor().spawn("connect", connect(runtime, count.sentinel(), **listener));
    context.poll();
    runtime.executor().spawn("note", note(notes, 1));
    EXPECT_EQ(count.alive(), 3);
  }
  EXPECT_EQ(count.alive(), 0);
  context.restart();
  context.run();  // the handlers find that their runtime is gone
  EXPECT_TRUE(notes.empty());

  AsioRuntime again(context);
  again.executor().spawn("note", note(notes, 2));
  context.restart();
  context.run();
  EXPECT_EQ(notes, (std::vector{2}));
}

TEST(AsioRuntimeOnUsersContext, TwoRuntimesShareAContext) {
  boost::asio::io_context context;
  AsioRuntime one(context);
  auto two = std::make_unique<AsioRuntime>(context);
  std::vector<int> notes;
  one.executor().spawn("note", note(notes, 1));
  two->executor().spawn("note", note(notes, 2));
  two.reset();
  context.run();
  EXPECT_EQ(notes, (std::vector{1}));
}

// --- AsioThread ------------------------------------------------------------------------------------------------------

Task<bool> runs_here(AsioRuntime& runtime) { co_return runtime.executor().runs_in_this_thread(); }

TEST(AsioThread, BlockOnRunsTheTaskOnItsThread) {
  AsioThread background;
  AsioRuntime& runtime = background.runtime();
  EXPECT_FALSE(runtime.executor().runs_in_this_thread());
  EXPECT_TRUE(background.block_on([&] { return runs_here(runtime); }));
  EXPECT_EQ(background.block_on([&] { return give_later(runtime, 5); }), 5);
  EXPECT_THROW(background.block_on([&] { return fail_later(runtime); }), std::runtime_error);
  EXPECT_EQ(*background.block_on([] { return give_owned(); }), 4);
}

// Regression: the exception went through the runtime's thread, and ended the program.
TEST(AsioThread, BlockOnThrowsWhatMakingTheTaskThrows) {
  AsioThread background;
  const bool works = false;
  const auto make = [&]() -> Task<int> {
    if (!works) throw std::logic_error("no task");
    return give(1);
  };
  EXPECT_THROW(background.block_on(make), std::logic_error);
  EXPECT_EQ(background.block_on([] { return give(2); }), 2);
}

TEST(AsioThread, ManyThreadsBlockAtATime) {
  AsioThread background;
  std::vector<std::thread> threads;
  std::atomic<int> sum = 0;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 200; ++i) {
        sum += background.block_on([&] { return i % 50 == 0 ? give_later(background.runtime(), thread) : give(thread); });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sum, 200 * (0 + 1 + 2 + 3));
}

Task<int> wait_for_ever(AsioRuntime& runtime, LiveCount::Sentinel, std::atomic<bool>& waits) {
  Event never(runtime.executor());
  waits = true;
  co_await never.wait();
  co_return 0;
}

TEST(AsioThread, DestroyingItEndsTheThreadsThatBlockOnIt) {
  LiveCount count;
  std::atomic<bool> waits = false;
  std::atomic<bool> was_told = false;
  auto background = std::make_unique<AsioThread>();
  AsioThread& thread = *background;
  std::thread blocked([&] {
    try {
      thread.block_on([&] { return wait_for_ever(thread.runtime(), count.sentinel(), waits); });
    } catch (const std::runtime_error&) {
      was_told = true;
    }
  });
  while (!waits) std::this_thread::yield();
  background.reset();
  blocked.join();
  EXPECT_TRUE(was_told);
  EXPECT_EQ(count.alive(), 0);
}

TEST(AsioThread, EndsWithTasksUnderWay) {
  LiveCount count;
  for (int i = 0; i < 20; ++i) {
    AsioThread background;
    auto spawn_one = [](AsioRuntime& runtime, LiveCount::Sentinel sentinel) -> Task<void> {
      auto sleep = [](AsioRuntime& on, LiveCount::Sentinel) -> Task<void> { co_await on.clock().sleep_for(1h); };
      runtime.executor().spawn("sleeper", sleep(runtime, std::move(sentinel)));
      co_return;
    };
    background.block_on([&] { return spawn_one(background.runtime(), count.sentinel()); });
    EXPECT_EQ(count.alive(), 1);
  }
  EXPECT_EQ(count.alive(), 0);
  for (int i = 0; i < 20; ++i) const AsioThread never_used;
}

// --- Signals ---------------------------------------------------------------------------------------------------------

TEST(AsioRuntime, WaitForSignalGivesTheFirstThatComes) {
  AsioRuntime runtime;
  Task<int> received = runtime.wait_for_signal(SIGUSR1, SIGUSR2);
  ::raise(SIGUSR2);
  ::raise(SIGUSR1);
  EXPECT_EQ(runtime.block_on(std::move(received)), SIGUSR2);
}

Task<void> raise_soon(AsioRuntime& runtime, int signal) {
  co_await runtime.clock().sleep_for(1ms);
  ::raise(signal);
}
Task<int> receive_while_it_waits(AsioRuntime& runtime) {
  auto [signal, nothing] = co_await runtime::when_all(runtime.wait_for_signal(SIGUSR1), raise_soon(runtime, SIGUSR1));
  co_return signal;
}

TEST(AsioRuntime, WaitForSignalWakesWhenTheSignalComesLater) {
  AsioRuntime runtime;
  EXPECT_EQ(runtime.block_on(receive_while_it_waits(runtime)), SIGUSR1);
  EXPECT_EQ(runtime.block_on(receive_while_it_waits(runtime)), SIGUSR1);
}

Task<bool> give_up_waiting(AsioRuntime& runtime) {
  const auto signal =
      co_await runtime::with_deadline(runtime.clock(), runtime.clock().now() + 1ms, runtime.wait_for_signal(SIGUSR1));
  co_return signal.ok();
}

TEST(AsioRuntimeDeathTest, ASignalThatNobodyWaitsForAnyMoreHasItsUsualEffect) {
  AsioRuntime runtime;
  EXPECT_FALSE(runtime.block_on(give_up_waiting(runtime)));
  EXPECT_EXIT(::raise(SIGUSR1), testing::KilledBySignal(SIGUSR1), "");
  {
    const Task<int> never_awaited = runtime.wait_for_signal(SIGUSR1);
  }
  EXPECT_EXIT(::raise(SIGUSR1), testing::KilledBySignal(SIGUSR1), "");
}

TEST(AsioRuntime, IsDestroyedWhileATaskWaitsForASignal) {
  AsioRuntime runtime;
  auto wait = [](AsioRuntime& on) -> Task<void> { (void)co_await on.wait_for_signal(SIGUSR1); };
  runtime.executor().spawn("signal waiter", wait(runtime));
  EXPECT_EQ(runtime.block_on(give_later(runtime, 1)), 1);
}

// --- Misuse ----------------------------------------------------------------------------------------------------------

Task<int> block_inside(AsioRuntime& runtime) { co_return runtime.block_on(give(1)); }
Task<int> block_thread_inside(AsioThread& thread) {
  co_return thread.block_on([] { return give(1); });
}
Task<void> destroy(std::unique_ptr<AsioRuntime>& runtime) {
  runtime.reset();
  co_return;
}

TEST(AsioRuntimeDeathTest, WhatWouldHangIsABugThatSaysSo) {
  AsioRuntime runtime;
  EXPECT_DEATH(runtime.block_on(block_inside(runtime)), "inside a task of the same runtime");
  EXPECT_DEATH(
      {
        AsioThread thread;
        thread.block_on([&] { return block_thread_inside(thread); });
      },
      "from its own thread");
  boost::asio::io_context context;
  AsioRuntime on_users(context);
  EXPECT_DEATH(on_users.run(), "lives on an io_context of the user's");
  EXPECT_DEATH(on_users.block_on(give(1)), "lives on an io_context of the user's");
  auto doomed = std::make_unique<AsioRuntime>();
  EXPECT_DEATH(doomed->block_on(destroy(doomed)), "destroyed by its own task");
}

}  // namespace
}  // namespace razor::asio
