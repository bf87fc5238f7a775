// Pools with callers on many threads, over TCP on loopback: threads that wait, and coroutines of other runtimes. TSan watches.
//
// Fails when calls of several threads get into each other's way, when one never comes back, or when an answer reaches
// another thread's caller.

#include <atomic>
#include <thread>

#include "tests/api/service_fixture.h"

namespace razor::test {
namespace {

constexpr int kThreads = 16;
constexpr int kCalls = 100;

class PoolOnThreadsTest : public ::testing::Test {
 protected:
  static Task<Address> serve(AsioRuntime& runtime, std::unique_ptr<Server>& server, Address at) {
    server = std::make_unique<Server>(runtime);
    server->add(std::make_shared<StoreImpl>(runtime.clock()));
    const auto listening = server->listen(at);
    EXPECT_TRUE(listening) << listening.error().message();
    co_return listening ? *listening : Address();
  }
  static Task<void> stop(std::unique_ptr<Server>& server) {
    co_await server->close(50ms);
    server.reset();
  }
  static Task<void> make(AsioRuntime& runtime, std::vector<Address> addresses, std::optional<FailoverPool>& pool) {
    FailoverPoolConfig config;
    config.pool.stream.tick = 10ms;
    config.pool.stream.window = 8;
    pool.emplace(runtime, std::move(addresses), config);
    co_return;
  }
  static Task<void> close(FailoverPool& pool, Duration limit) { co_await pool.close(limit); }

  PoolOnThreadsTest() {
    for (std::size_t i = 0; i < servers.size(); ++i) start(i, *Address::parse("127.0.0.1:0"));
    network.block_on([this] { return make(network.runtime(), {addresses[0], addresses[1]}, pool); });
  }
  ~PoolOnThreadsTest() override {
    network.block_on([this] { return close(*pool, 0ms); });
    for (auto& server : servers) server_thread.block_on([&server] { return stop(server); });
  }
  void start(std::size_t i, Address at) {
    addresses[i] = server_thread.block_on([&, this] { return serve(server_thread.runtime(), servers[i], at); });
  }

  AsioThread server_thread;
  std::array<std::unique_ptr<Server>, 2> servers;
  std::array<Address, 2> addresses;
  AsioThread network;
  std::optional<FailoverPool> pool;
};

TEST_F(PoolOnThreadsTest, ManyThreadsWaitForTheirCalls) {
  const Client<Store> store(*pool);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kCalls; ++i) {
        const auto sum = store.blocking.add(thread, i);
        if (!sum.ok() || *sum != thread + i) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

// Each call ends, once: with its own sum, or with an error of the framework.
TEST_F(PoolOnThreadsTest, ThreadsCallWhileServersComeAndGo) {
  const Client<Store> store = Client<Store>(*pool).with({.idempotent = true});
  std::atomic<int> wrong = 0;
  std::atomic<int> failed = 0;
  std::atomic<int> ended = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kCalls; ++i) {
        const auto sum = store.blocking.add(thread, i);
        if (sum.ok() && *sum != thread + i) ++wrong;
        if (!sum.ok()) ++failed;
        ++ended;
      }
    });
  }
  for (int round = 0; round < 6; ++round) {
    const std::size_t i = round % 2;
    server_thread.block_on([&, this] { return stop(servers[i]); });
    start(i, addresses[i]);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(failed, 0);  // idempotent: with one server or the other each succeeds
  EXPECT_EQ(ended, kThreads * kCalls);
}

TEST_F(PoolOnThreadsTest, ThreadsThatWaitHearOfTheClosing) {
  const Client<Store> store(*pool);
  std::thread caller([&] {
    const auto reply = store.blocking.slow(60'000, "never");
    ASSERT_TRUE(reply.has_call_error());
    EXPECT_EQ(reply.call_error().errc(), Errc::closed);
    EXPECT_EQ(reply.call_error().ran(), Ran::maybe);
  });
  struct Close {
    static Task<void> when_called(FailoverPool& pool, runtime::Clock& clock) {
      while (pool.state().in_flight == 0) co_await clock.sleep_for(1ms);
      co_await pool.close(Duration::zero());
    }
  };
  network.block_on([this] { return Close::when_called(*pool, network.runtime().clock()); });
  caller.join();
}

// --- Coroutines of other runtimes ------------------------------------------------------------------------------------

struct RemoteCaller {
  static Task<int> sums(RemoteChannel& remote, int from, int count) {
    const Client<Store> store(remote);
    int right = 0;
    for (int i = 0; i < count; ++i) {
      const auto sum = co_await store.add(from, i);
      if (sum.ok() && *sum == from + i) ++right;
    }
    co_return right;
  }
  static Task<int> many(AsioRuntime& home, FailoverPool& pool, int callers, int count) {
    RemoteChannel remote(home, pool.channel());
    std::vector<Task<int>> tasks;
    for (int caller = 0; caller < callers; ++caller) tasks.push_back(sums(remote, 1000 * caller, count));
    const std::vector<int> right = co_await when_all(std::move(tasks));
    int total = 0;
    for (const int one : right) total += one;
    co_return total;
  }
};

TEST_F(PoolOnThreadsTest, CoroutinesOfOtherRuntimesCallThroughIt) {
  AsioThread first;
  AsioThread second;
  std::atomic<int> of_second = 0;
  std::thread other(
      [&] { of_second = second.block_on([&, this] { return RemoteCaller::many(second.runtime(), *pool, 8, kCalls); }); });
  EXPECT_EQ(first.block_on([&, this] { return RemoteCaller::many(first.runtime(), *pool, 8, kCalls); }), 8 * kCalls);
  other.join();
  EXPECT_EQ(of_second, 8 * kCalls);
}

TEST_F(PoolOnThreadsTest, WhatDoesNotFitIntoTheQueueFailsAtOnce) {
  struct Flood {
    static Task<int> over(AsioRuntime& home, FailoverPool& pool) {
      RemoteChannel remote(home, pool.channel(), {.queue_calls_max = 4});
      const Client<Store> store(remote);
      std::vector<ClientCall<int, NoError>> calls;
      for (int i = 0; i < 4000; ++i) calls.push_back(store.add(i, 1));
      int overloaded = 0;
      for (int i = 0; i < 4000; ++i) {
        const auto sum = co_await std::move(calls[static_cast<std::size_t>(i)]);
        if (sum.ok()) {
          EXPECT_EQ(*sum, i + 1);
        } else {
          EXPECT_EQ(sum.call_error().errc(), Errc::overloaded) << sum.call_error().message();
          EXPECT_EQ(sum.call_error().ran(), Ran::no);
          ++overloaded;
        }
      }
      co_return overloaded;
    }
  };
  AsioThread home;
  EXPECT_GT(home.block_on([&, this] { return Flood::over(home.runtime(), *pool); }), 0);
}

TEST_F(PoolOnThreadsTest, WhoStopsWaitingHearsNoMore) {
  struct Giver {
    static Task<void> up(AsioRuntime& home, FailoverPool& pool) {
      RemoteChannel remote(home, pool.channel());
      const Client<Store> store(remote);
      for (int i = 0; i < 200; ++i) {
        auto dropped = store.slow(1, "nobody hears this");
        if (i % 2 == 0) co_await home.clock().sleep_for(100us);
        dropped.reset();
        const auto end = co_await std::move(dropped);  // on a slow machine the answer was there already
        if (end.has_call_error()) {
          CO_ASSERT_EQ(end.call_error().errc(), Errc::cancelled);
        }
      }
      const auto last = co_await store.add(1, 2);
      CO_ASSERT_TRUE(last.ok());
    }
  };
  AsioThread home;
  home.block_on([&, this] { return Giver::up(home.runtime(), *pool); });
}

// A call that was dropped on one thread ran to its end on the pool's.
TEST_F(PoolOnThreadsTest, AServerHearsOfACallThatWasDroppedOnAnotherThread) {
  struct Giver {
    static Task<void> up(AsioRuntime& home, FailoverPool& pool) {
      RemoteChannel remote(home, pool.channel());
      const Client<Store> store(remote);
      CO_ASSERT_TRUE((co_await store.add(1, 2)).ok());
      auto dropped = store.slow(60'000, "nobody hears this");
      co_await home.clock().sleep_for(50ms);
      dropped.reset();
      (void)co_await std::move(dropped);
    }
    static Task<bool> is_heard_of(runtime::Clock& clock, std::array<std::unique_ptr<Server>, 2>& servers) {
      const base::TimePoint until = clock.now() + 10s;
      while (servers[0]->stats().cancels + servers[1]->stats().cancels == 0) {
        if (clock.now() > until) co_return false;
        co_await clock.sleep_for(1ms);
      }
      co_return true;
    }
  };
  AsioThread home;
  home.block_on([&, this] { return Giver::up(home.runtime(), *pool); });
  EXPECT_TRUE(server_thread.block_on([this] { return Giver::is_heard_of(server_thread.runtime().clock(), servers); }));
}

TEST_F(PoolOnThreadsTest, ARemoteChannelThatGoesFailsItsCalls) {
  struct Goer {
    static Task<void> go(AsioRuntime& home, FailoverPool& pool) {
      std::optional<RemoteChannel> remote(std::in_place, home, pool.channel());
      const Client<Store> store(*remote);
      auto call = store.slow(20, "late");
      remote.reset();
      const auto reply = co_await std::move(call);
      CO_ASSERT_TRUE(reply.has_call_error());
      EXPECT_EQ(reply.call_error().errc(), Errc::closed);
      co_await home.clock().sleep_for(50ms);  // what comes back finds nobody
    }
  };
  AsioThread home;
  home.block_on([&, this] { return Goer::go(home.runtime(), *pool); });
}

}  // namespace
}  // namespace razor::test
