// Blocking calls: plain threads call a service whose runtime runs on a thread of its own. TSan watches.

#include <atomic>
#include <thread>

#include "tests/api/service_fixture.h"

namespace razor::test {
namespace {

/// A server and a client, each on a thread of its own.
class BlockingTest : public ::testing::Test {
 protected:
  static Task<Address> serve(AsioRuntime& runtime, std::unique_ptr<Server>& server) {
    server = std::make_unique<Server>(runtime);
    server->add(std::make_shared<StoreImpl>(runtime.clock()));
    co_return *server->listen(*Address::parse("127.0.0.1:0"));
  }
  static Task<void> stop(std::unique_ptr<Server>& server) {
    co_await server->close(50ms);
    server.reset();
  }

  BlockingTest() {
    const Address address = server_thread.block_on([this] { return serve(server_thread.runtime(), server); });
    ClientStreamConfig config;
    config.tick = 10ms;
    auto connected =
        client_thread->block_on([&] { return ClientStream::connect(client_thread->runtime(), address, config); });
    EXPECT_TRUE(connected);
    stream.emplace(*std::move(connected));
  }
  ~BlockingTest() override {
    stream.reset();
    server_thread.block_on([this] { return stop(server); });
  }

  AsioThread server_thread;
  std::unique_ptr<Server> server;
  std::unique_ptr<AsioThread> client_thread = std::make_unique<AsioThread>();
  std::optional<ClientStream> stream;
};

TEST_F(BlockingTest, CallsReturnTheReply) {
  const Client<Store> store(*stream);
  EXPECT_EQ(*store.blocking.add(1, 2), 3);
  EXPECT_EQ(store.blocking.div(1, 0).error(), "division by zero");
  EXPECT_TRUE(store.blocking.nothing().ok());
  EXPECT_EQ(store.with({.timeout = 20ms}).blocking.slow(60'000, "never").call_error().errc(), Errc::deadline_exceeded);
}

TEST_F(BlockingTest, ManyThreadsShareOneStream) {
  constexpr int kThreads = 16;
  constexpr int kCalls = 200;
  const Client<Store> store(*stream);
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

TEST_F(BlockingTest, CallsEndWhenTheStreamIsClosed) {
  const Client<Store> store(*stream);
  std::thread caller([&] {
    const auto reply = store.blocking.slow(60'000, "never");
    EXPECT_TRUE(reply.has_call_error());
    EXPECT_EQ(reply.call_error().errc(), Errc::closed);
  });
  struct Close {
    static Task<void> when_called(ClientStream& stream, runtime::Clock& clock) {
      while (stream.stats().in_flight == 0) co_await clock.sleep_for(1ms);
      co_await stream.close(Duration::zero());
    }
  };
  client_thread->block_on([this] { return Close::when_called(*stream, client_thread->runtime().clock()); });
  caller.join();
}

TEST_F(BlockingTest, CallsEndWhenTheRuntimeEnds) {
  const Client<Store> store(*stream);
  std::atomic<bool> ended = false;
  std::thread caller([&] {
    const auto reply = store.blocking.slow(60'000, "never");
    EXPECT_EQ(reply.call_error().errc(), Errc::closed);
    ended = true;
  });
  struct Called {
    static Task<void> wait(ClientStream& stream, runtime::Clock& clock) {
      while (stream.stats().in_flight == 0) co_await clock.sleep_for(1ms);
    }
  };
  client_thread->block_on([this] { return Called::wait(*stream, client_thread->runtime().clock()); });
  stream.reset();  // from this thread: the closing is done on the runtime's
  caller.join();
  EXPECT_TRUE(ended);
}

Task<int> block_inside(const Client<Store>& store) { co_return *store.blocking.add(1, 2); }

TEST_F(BlockingTest, CallOnTheRuntimesOwnThreadEndsTheProgramInsteadOfHangingIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Client<Store> store(*stream);
  EXPECT_DEATH(client_thread->block_on([&] { return block_inside(store); }),
               "blocking call of test.Store.add on the thread of its runtime");
}

}  // namespace
}  // namespace razor::test
