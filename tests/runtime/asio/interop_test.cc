// Tasks inside programs written with Boost.Asio. A Task that were not destroyed when its awaitable is cancelled, or
// whose end nobody heard of, would leave its sentinel alive or the io_context running.

#include "razor/runtime/asio/interop.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <stdexcept>
#include <string>

#include "razor/runtime/asio/asio_runtime.h"
#include "tests/support/live_count.h"

namespace razor::asio {
namespace {

using namespace std::chrono_literals;
using namespace boost::asio::experimental::awaitable_operators;
using boost::asio::awaitable;
using runtime::Task;
using test::LiveCount;

Task<int> give(int value) { co_return value; }
Task<int> give_later(AsioRuntime& runtime, LiveCount::Sentinel, std::chrono::nanoseconds delay, int value) {
  co_await runtime.clock().sleep_for(delay);
  co_return value;
}
Task<void> fail_later(AsioRuntime& runtime) {
  co_await runtime.clock().sleep_for(1us);
  throw std::runtime_error("it failed");
}

class InteropTest : public testing::Test {
 protected:
  void run(awaitable<void> main) {
    boost::asio::co_spawn(context_, std::move(main), boost::asio::detached);
    context_.run();
  }

  LiveCount count_;
  boost::asio::io_context context_;
  std::unique_ptr<AsioRuntime> runtime_ = std::make_unique<AsioRuntime>(context_);
  std::string seen_;
};

awaitable<void> await_results(AsioRuntime& runtime, LiveCount& count, std::string& seen) {
  const int at_once = co_await use(runtime, give(1));
  const int later = co_await use(runtime, give_later(runtime, count.sentinel(), 1ms, 2));
  seen = std::to_string(at_once) + std::to_string(later);
}

TEST_F(InteropTest, AnAwaitableGetsTheResultOfATask) {
  run(await_results(*runtime_, count_, seen_));
  EXPECT_EQ(seen_, "12");
  EXPECT_EQ(count_.alive(), 0);
}

awaitable<void> await_failure(AsioRuntime& runtime, std::string& seen) {
  try {
    co_await use(runtime, fail_later(runtime));
  } catch (const std::runtime_error& error) {
    seen = error.what();
  }
}

TEST_F(InteropTest, AnAwaitableGetsTheExceptionOfATask) {
  run(await_failure(*runtime_, seen_));
  EXPECT_EQ(seen_, "it failed");
}

awaitable<void> await_with_a_timer(AsioRuntime& runtime, LiveCount& count, std::string& seen) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, 1ms);
  const auto first =
      co_await (use(runtime, give_later(runtime, count.sentinel(), 1h, 3)) || timer.async_wait(boost::asio::use_awaitable));
  seen = first.index() == 0 ? "task" : "timer";
  EXPECT_EQ(count.alive(), 0) << "the task goes on although nobody waits for it";
}

TEST_F(InteropTest, CancellingTheAwaitableDestroysTheTask) {
  run(await_with_a_timer(*runtime_, count_, seen_));
  EXPECT_EQ(seen_, "timer");
  EXPECT_EQ(count_.alive(), 0);
}

awaitable<void> await_for_ever(AsioRuntime& runtime, LiveCount& count, LiveCount::Sentinel) {
  (void)co_await use(runtime, give_later(runtime, count.sentinel(), 1h, 4));
}

TEST_F(InteropTest, DestroyingTheRuntimeDestroysTasksAndThoseWhoAwaitThem) {
  boost::asio::co_spawn(context_, await_for_ever(*runtime_, count_, count_.sentinel()), boost::asio::detached);
  context_.poll();
  EXPECT_EQ(count_.alive(), 2);
  runtime_.reset();
  EXPECT_EQ(count_.alive(), 1) << "the Task is destroyed";
  context_.restart();
  context_.run();
  EXPECT_EQ(count_.alive(), 0) << "Asio destroys the awaitable in a handler";
}

}  // namespace
}  // namespace razor::asio
