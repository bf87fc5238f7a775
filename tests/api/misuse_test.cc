// Misuse ends the program with a line that says what is wrong and what to do, in release builds too, where it used to be
// undefined. Each of these went on without a word before, or crashed somewhere else.

#include <boost/asio/post.hpp>
#include <latch>
#include <thread>

#include "razor/asio.h"
#include "razor/runtime/with_deadline.h"
#include "tests/api/service_fixture.h"

namespace razor::test {
namespace {

namespace net = boost::asio;

class MisuseDeathTest : public ::testing::Test {
 protected:
  MisuseDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

Task<int> one() { co_return 1; }
Task<void> nothing() { co_return; }
Task<void> sleeps(runtime::Clock& clock) { co_await clock.sleep_for(1ms); }
template <class T>
Task<void> awaits_twice(T awaited) {
  (void)co_await awaited;
  (void)co_await awaited;
}
Task<void> awaits_twice_at_a_time(runtime::Clock& clock) {
  Task<void> slow = sleeps(clock);
  struct Waits {
    static Task<void> for_it(Task<void>& task) { co_await task; }
  };
  co_await when_all(Waits::for_it(slow), Waits::for_it(slow));
}
template <class T>
Task<void> awaits_moved_from(T awaited) {
  const T taken = std::move(awaited);
  (void)co_await awaited;
}

// --- Awaited twice, or moved from ------------------------------------------------------------------------------------------

TEST_F(MisuseDeathTest, ATaskIsAwaitedTwice) {
  AsioRuntime runtime;
  EXPECT_DEATH(runtime.block_on(awaits_twice(one())), "a Task or Call is awaited that was awaited or spawned before");
  EXPECT_DEATH(runtime.block_on(awaits_twice_at_a_time(runtime.clock())), "a Task or Call is awaited that was awaited or");
  EXPECT_DEATH(
      {
        Task<void> task = nothing();
        runtime.block_on([](Task<void>& awaited) -> Task<void> { co_await awaited; }(task));
        runtime.executor().spawn("again", std::move(task));
        runtime.block_on(sleeps(runtime.clock()));
      },
      "a Task or Call is spawned that was awaited or spawned before");
  EXPECT_DEATH(runtime.block_on(awaits_moved_from(one())), "use of an empty Task: it was moved from");
}

Call<int> immediate() { return 1; }
Call<int> coroutine() { co_return 1; }

TEST_F(MisuseDeathTest, ACallOfAHandlerIsAwaitedTwice) {
  AsioRuntime runtime;
  EXPECT_DEATH(runtime.block_on(awaits_twice(immediate())), "use of an empty Call: it was awaited before, or moved from");
  EXPECT_DEATH(runtime.block_on(awaits_twice(coroutine())), "a Task or Call is awaited that was awaited or spawned before");
  EXPECT_DEATH(runtime.block_on(awaits_moved_from(immediate())), "use of an empty Call");
  EXPECT_DEATH(runtime.block_on(awaits_moved_from(coroutine())), "use of an empty Call");
}

TEST_F(MisuseDeathTest, ACallOfAClientIsAwaitedTwice) {
  AsioRuntime runtime;
  ClientPool pool(runtime, *Address::parse("127.0.0.1:1"));
  const Client<Store> client = Client<Store>(pool).with({.timeout = 1ms});
  EXPECT_DEATH(runtime.block_on(awaits_twice(client.add(1, 2))), "a call is awaited that was awaited before, or moved from");
  EXPECT_DEATH(runtime.block_on(awaits_moved_from(client.add(1, 2))), "a call is awaited that was awaited before, or moved");
  EXPECT_DEATH(
      {
        auto call = client.add(1, 2);
        auto taken = std::move(call);
        std::move(call).then([](const Reply<int>&) {});
      },
      "a call is given a completion that was awaited before, or moved from");
}

// --- Threads ---------------------------------------------------------------------------------------------------------------

// Two pieces of work of one runtime, each in a turn, which wait for each other.
struct MeetsPosted final : runtime::PostedTask {
  explicit MeetsPosted(std::latch& latch) : both(latch) {}
  void run() override { both.arrive_and_wait(); }
  void drop() override {}
  std::latch& both;
};
struct MeetsReady final : runtime::Runnable {
  explicit MeetsReady(std::latch& latch)
      : Runnable([](Runnable& ready) { static_cast<MeetsReady&>(ready).both.arrive_and_wait(); }), both(latch) {}
  std::latch& both;
};

TEST_F(MisuseDeathTest, AnIoContextIsRunBySeveralThreads) {
  EXPECT_DEATH(
      {
        net::io_context context;
        AsioRuntime runtime(context);
        std::latch both(2);
        MeetsPosted posted(both);  // in a turn, until another one begins
        MeetsReady ready(both);
        runtime.executor().post(posted);
        runtime.executor().schedule(ready);
        std::thread other([&] { context.run(); });
        context.run();
        other.join();
      },
      "io_context of an AsioRuntime is run by several threads at a time: run it on one");
}

// Made on this thread, run on another: `use` is what this thread does then.
template <class Use>
void while_another_thread_runs_it(Use use) {
  net::io_context context;
  AsioRuntime runtime(context);
  Server server(runtime);
  const Address address = *server.listen(*Address::parse("127.0.0.1:0"));
  ClientPool pool(runtime, address);
  std::latch runs(1);
  const auto work = net::make_work_guard(context);
  struct Runs {
    static Task<void> now(runtime::Clock& clock, std::latch& runs) {
      co_await clock.sleep_for(1us);
      runs.count_down();
      co_await clock.sleep_for(1h);
    }
  };
  runtime.executor().spawn("runs", Runs::now(runtime.clock(), runs));
  std::thread thread([&] { context.run(); });
  runs.wait();
  use(runtime, server, pool);
}

TEST_F(MisuseDeathTest, AnObjectIsUsedOnAnotherThreadThanItsRuntimes) {
  const auto expect_death = [](void (*use)(AsioRuntime&, Server&, ClientPool&), const char* object) {
    EXPECT_DEATH(while_another_thread_runs_it(use),
                 std::string(object) + ".* is used where it must not be: another thread runs the io_context");
  };
  expect_death([](AsioRuntime&, Server&, ClientPool& pool) { pool.submit(ClientTask(wire::Action(1u), nullptr)); },
               "the pool of 127.0.0.1:");
  expect_death([](AsioRuntime&, Server&, ClientPool& pool) { (void)Client<Store>(pool).add(1, 2); },
               "the pool of 127.0.0.1:");
  expect_death([](AsioRuntime& runtime, Server&, ClientPool&) { runtime.executor().spawn("my task", nothing()); },
               "my task");
  expect_death([](AsioRuntime&, Server& server, ClientPool&) { (void)server.listen(*Address::parse("127.0.0.1:0")); },
               "the server on 127.0.0.1:");
  expect_death(
      [](AsioRuntime& runtime, Server&, ClientPool&) { (void)runtime.network().listen(*Address::parse("127.0.0.1:0")); },
      "Network::listen");
  expect_death(
      [](AsioRuntime& runtime, Server&, ClientPool&) {
        runtime::Timer timer(runtime.clock(), [](runtime::Timer&) {});
        timer.arm(runtime.clock().now());
      },
      "a timer");
  EXPECT_DEATH(while_another_thread_runs_it([](AsioRuntime& runtime, Server&, ClientPool&) { runtime.~AsioRuntime(); }),
               "an AsioRuntime is destroyed where it must not be: another thread runs the io_context");
}

TEST_F(MisuseDeathTest, AnAsioThreadIsUsedFromOutside) {
  struct Makes {
    static Task<void> pool(AsioRuntime& runtime, std::optional<ClientPool>& pool) {
      pool.emplace(runtime, *Address::parse("127.0.0.1:1"));
      co_return;
    }
  };
  EXPECT_DEATH(
      {
        AsioThread thread;
        std::optional<ClientPool> pool;
        thread.block_on([&] { return Makes::pool(thread.runtime(), pool); });
        pool->submit(ClientTask(wire::Action(1u), nullptr));
      },
      "the pool of 127.0.0.1:1 is used where it must not be: another thread runs its AsioRuntime");
  EXPECT_DEATH(
      {
        AsioThread thread;
        thread.block_on([&] { return sleeps(thread.runtime().clock()); });
        thread.runtime().run();
      },
      "run or block_on of an AsioRuntime that another thread runs");
}

// What is right stays right: made here, run there, and used here again when that has ended.
TEST(Handover, AContextGoesFromThreadToThread) {
  net::io_context context;
  AsioRuntime runtime(context);
  Server server(runtime);
  server.add(std::make_shared<StoreImpl>(runtime.clock()));
  ClientPool pool(runtime, *server.listen(*Address::parse("127.0.0.1:0")));
  int answers = 0;
  const auto call = [&] {
    Client<Store>(pool).add.start(
        [&](const Reply<int>& sum) {
          EXPECT_EQ(*sum, 3);
          ++answers;
          context.stop();
        },
        1, 2);
  };
  for (int i = 0; i < 3; ++i) {
    call();
    context.restart();
    std::thread([&] { context.run(); }).join();
    call();
    context.restart();
    context.run();
  }
  EXPECT_EQ(answers, 6);
}

// --- After the runtime -------------------------------------------------------------------------------------------------------

TEST_F(MisuseDeathTest, APoolIsUsedAfterItsRuntime) {
  auto runtime = std::make_unique<AsioRuntime>();
  ClientPool pool(*runtime, *Address::parse("127.0.0.1:1"));
  Server server(*runtime);
  runtime.reset();
  EXPECT_DEATH(pool.submit(ClientTask(wire::Action(1u), nullptr)), "a pool.* is used after its runtime was destroyed");
  EXPECT_DEATH((void)server.listen(*Address::parse("127.0.0.1:0")), "the server is used after its runtime was destroyed");
}

TEST_F(MisuseDeathTest, ARuntimeGoesBeforeASocketOfItsContext) {
  EXPECT_DEATH(
      {
        auto runtime = std::make_unique<AsioRuntime>();
        const auto listener = runtime->network().listen(*Address::parse("127.0.0.1:0"));
        runtime.reset();
      },
      "an AsioRuntime is destroyed before 1 ByteStreams or Listeners that were made from it: destroy them first");
}

TEST_F(MisuseDeathTest, APoolGoesBeforeARemoteChannelOverIt) {
  EXPECT_DEATH(
      {
        AsioRuntime runtime;
        auto pool = std::make_unique<ClientPool>(runtime, *Address::parse("127.0.0.1:1"));
        const RemoteChannel remote(runtime, *pool);
        pool.reset();
      },
      "a stream or pool is destroyed before 1 RemoteChannels over it: destroy them first");
}

TEST(RemoteChannelLife, ItsRuntimeMayGoFirstAndThenThePool) {
  AsioRuntime network;
  auto pool = std::make_unique<ClientPool>(network, *Address::parse("127.0.0.1:1"));
  auto home = std::make_unique<AsioRuntime>();
  RemoteChannel remote(*home, *pool);
  int closed = 0;
  Client<Store>(remote).add.start([&](const Reply<int>& reply) { closed += reply.call_error().errc() == Errc::closed; }, 1,
                                  2);
  home.reset();
  EXPECT_EQ(closed, 1);
  pool.reset();  // the call was on its way to it
}

TEST_F(MisuseDeathTest, ARuntimeIsDestroyedByItsOwnCompletion) {
  EXPECT_DEATH(
      {
        net::io_context context;
        auto runtime = std::make_unique<AsioRuntime>(context);
        ClientPool pool(*runtime, *Address::parse("127.0.0.1:1"));
        Client<Store>(pool).with({.timeout = 1ms}).add.start([&](const Reply<int>&) { runtime.reset(); }, 1, 2);
        context.run();
      },
      "an AsioRuntime is destroyed by its own task, completion or handler");
}

}  // namespace
}  // namespace razor::test
