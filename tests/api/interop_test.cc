// Calls from programs that are written with Boost.Asio: awaited in asio::awaitable, started with completion tokens, on
// an io_context that the program owns.

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>

#include "razor/asio.h"
#include "tests/api/service_fixture.h"

namespace razor::test {
namespace {

namespace net = boost::asio;

class InteropTest : public ::testing::Test {
 public:
  InteropTest() {
    server.add(store);
    address = *server.listen(*Address::parse("127.0.0.1:0"));
  }

  /// Runs an awaitable that is given a connected client; fails when it does not end by itself.
  void run(net::awaitable<void> (*program)(InteropTest& test, Client<Store> store)) {
    bool ended = false;
    net::co_spawn(context, connected(*this, program, ended), net::detached);
    context.run_for(5s);
    EXPECT_TRUE(ended);
  }

  static net::awaitable<void> connected(InteropTest& test, net::awaitable<void> (*program)(InteropTest&, Client<Store>),
                                        bool& ended) {
    ClientStreamConfig config;
    config.tick = 10ms;
    auto stream = co_await asio::use(test.runtime, ClientStream::connect(test.runtime, test.address, config));
    test.stream.emplace(*std::move(stream));
    co_await program(test, Client<Store>(*test.stream));
    ended = true;
    test.context.stop();
  }

  net::io_context context;
  CountingLog log;
  AsioRuntime runtime{context, AsioConfig{.log = &log}};
  std::shared_ptr<StoreImpl> store = std::make_shared<StoreImpl>(runtime.clock());
  Server server{runtime};
  Address address;
  std::optional<ClientStream> stream;
};

net::awaitable<void> awaits(InteropTest&, Client<Store> store) {
  const Reply<int> sum = co_await asio::use(store.add(1, 2));
  EXPECT_EQ(*sum, 3);
  const Reply<int, std::string> error = co_await asio::use(store.div(1, 0));
  EXPECT_EQ(error.error(), "division by zero");
}

TEST_F(InteropTest, CallsAreAwaitedInAnAwaitable) { run(awaits); }

Task<int> throwing_task() {
  throw std::runtime_error("from a task");
  co_return 1;
}

net::awaitable<void> awaits_tasks(InteropTest& test, Client<Store>) {
  bool thrown = false;
  try {
    (void)co_await asio::use(test.runtime, throwing_task());
  } catch (const std::runtime_error& error) {
    thrown = std::string(error.what()) == "from a task";
  }
  EXPECT_TRUE(thrown);
}

TEST_F(InteropTest, TasksAreAwaitedInAnAwaitableAndThrowThere) { run(awaits_tasks); }

net::awaitable<void> starts(InteropTest&, Client<Store> store) {
  std::vector<int> seen;
  asio::start(store.add(1, 2), [&seen](const Reply<int>& sum) { seen.push_back(*sum); });
  EXPECT_TRUE(seen.empty()) << "never inside start";
  std::future<Reply<int>> future = asio::start(store.add(3, 4), net::use_future);
  auto deferred = asio::start(store.add(5, 6), net::deferred);
  const Reply<int> last = co_await std::move(deferred)(net::use_awaitable);
  EXPECT_EQ(*last, 11);
  EXPECT_EQ(seen, std::vector<int>{3});
  EXPECT_EQ(*future.get(), 7);
}

TEST_F(InteropTest, CallsAreStartedWithAnyCompletionToken) { run(starts); }

// What escaped a handler ended the program: it escaped the task of the library that calls the handler.
net::awaitable<void> throws_in_handlers(InteropTest& test, Client<Store> store) {
  asio::start(store.add(1, 2), [](const Reply<int>&) { throw std::runtime_error("in a handler"); });
  net::cancellation_signal signal;
  asio::start(store.slow(60'000, "never"),
              net::bind_cancellation_slot(signal.slot(), [](const Reply<std::string>&) { throw 1; }));
  signal.emit(net::cancellation_type::terminal);
  const Reply<int> sum = co_await asio::use(store.add(3, 4));
  EXPECT_EQ(*sum, 7) << "the connection works on";
  EXPECT_EQ(test.log.lines, (std::vector<std::string>{"the completion of test.Store.slow threw",
                                                      "the completion of test.Store.add threw: in a handler"}));
}

TEST_F(InteropTest, ExceptionsOfHandlersAreLogged) { run(throws_in_handlers); }

// With an executor of their own, handlers are Asio's affair: what they throw comes out of io_context::run.
net::awaitable<void> throws_on_its_executor(InteropTest& test, Client<Store> store) {
  asio::start(store.add(1, 2), net::bind_executor(test.context.get_executor(),
                                                  [](const Reply<int>&) { throw std::runtime_error("out of run"); }));
  const Reply<int> sum = co_await asio::use(store.add(3, 4));
  EXPECT_EQ(*sum, 7);
}

TEST_F(InteropTest, ExceptionsOfHandlersWithAnExecutorAreThrownThere) {
  bool ended = false;
  net::co_spawn(context, connected(*this, throws_on_its_executor, ended), net::detached);
  EXPECT_THROW(context.run_for(5s), std::runtime_error);
  context.run_for(5s);
  EXPECT_TRUE(ended);
  EXPECT_TRUE(log.lines.empty());
}

net::awaitable<void> cancels(InteropTest&, Client<Store> store) {
  net::cancellation_signal signal;
  std::optional<Errc> errc;
  asio::start(store.slow(60'000, "never"),
              net::bind_cancellation_slot(signal.slot(),
                                          [&errc](const Reply<std::string>& reply) { errc = reply.call_error().errc(); }));
  signal.emit(net::cancellation_type::terminal);
  EXPECT_EQ(errc, Errc::cancelled);

  using namespace net::experimental::awaitable_operators;
  net::steady_timer timer(co_await net::this_coro::executor, 10ms);
  const auto first = co_await (asio::use(store.slow(60'000, "never")) || timer.async_wait(net::use_awaitable));
  EXPECT_EQ(first.index(), 1u) << "the timer was first, and cancelled the call";
  const Reply<int> sum = co_await asio::use(store.add(1, 2));
  EXPECT_EQ(*sum, 3);
}

TEST_F(InteropTest, CancellingTheOperationStopsWaitingForTheCall) {
  run(cancels);
  EXPECT_EQ(stream->stats().calls_abandoned, 2u);
}

}  // namespace
}  // namespace razor::test
