// A service whose calls stay within the process: a Server and a ClientPool over InProcess, each on a thread of its own.

#include <gtest/gtest.h>

#include "razor/razor.h"

namespace razor::api {
namespace {

using namespace std::chrono_literals;

struct Adder {
  virtual Call<int> add(int a, int b) = 0;
  RAZOR_SERVICE(Adder, add)
};
struct AdderImpl final : Adder {
  Call<int> add(int a, int b) override { return a + b; }
};

runtime::Task<int> sum_of_many(runtime::Runtime& runtime, runtime::Transport& transport) {
  ClientPoolConfig config;
  config.stream.transport = &transport;
  ClientPool pool(runtime, *Address::parse("@adder"), config);
  const Client<Adder> adder(pool);
  int sum = 0;
  for (int i = 0; i < 200; ++i) {
    auto first = adder.add(i, 1);
    auto second = adder.add(i, 2);
    const Reply<int> one = co_await std::move(first);
    const Reply<int> two = co_await std::move(second);
    if (!one.ok() || !two.ok()) co_return -1;
    sum += *two - *one;
  }
  co_return sum;
}

struct Serving {
  static runtime::Task<bool> start(runtime::Runtime& runtime, runtime::Transport& transport, std::optional<Server>& server) {
    stream::ServerConfig config;
    config.transport = &transport;
    server.emplace(runtime, config);
    server->add(std::make_shared<AdderImpl>());
    co_return server->listen(*Address::parse("@adder")).ok();
  }
  static runtime::Task<bool> stop(std::optional<Server>& server) {
    co_await server->close(1s);
    server.reset();
    co_return true;
  }
};

TEST(InProcessTransport, APoolAndAServerOnTwoThreadsNeedNoNetwork) {
  runtime::InProcess in_process;
  AsioThread serving;
  AsioThread calling;
  std::optional<Server> server;
  ASSERT_TRUE(serving.block_on([&] { return Serving::start(serving.runtime(), in_process.on(serving.runtime()), server); }));
  EXPECT_EQ(calling.block_on([&] { return sum_of_many(calling.runtime(), in_process.on(calling.runtime())); }), 200);
  EXPECT_TRUE(serving.block_on([&] { return Serving::stop(server); }));
}

}  // namespace
}  // namespace razor::api
