// Every order in which a runtime, and what was made from it, can be destroyed while calls are under way: each call ends once,
// each task is destroyed, and nothing is touched after it was freed (which ASan sees).
//
// Its story: main() returns with a call under way, on an io_context of its own that nobody runs any more. ~ClientPool left its
// end to the thread that runs the runtime; there was none, so ~AsioRuntime did it, and freed streams that told their pool of
// their end: a SIGSEGV at a normal exit. An io_context that destroys a coroutine with a pool in it, after the runtime, did the
// same. Without the fix these tests crash, or miss calls.

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>

#include "razor/asio.h"
#include "razor/runtime/bounded_queue.h"
#include "razor/runtime/event.h"
#include "razor/runtime/task_scope.h"
#include "razor/stream/remote_channel.h"
#include "tests/api/service_fixture.h"
#include "tests/support/live_count.h"

namespace razor::test {
namespace {

namespace net = boost::asio;

enum class Context { own, of_the_user };
enum class Loop {
  stopped,  // nobody runs the context any more
  runs_in_between  // it is run for a moment after each destruction, as long as that is possible
};

/// A server, each kind of channel to it, and calls of each kind under way on each of them.
class Scene {
 public:
  explicit Scene(Context kind) {
    if (kind == Context::of_the_user) {
      context.emplace();
      runtime = std::make_unique<AsioRuntime>(*context, AsioConfig{.log = &log});
    } else {
      runtime = std::make_unique<AsioRuntime>(AsioConfig{.log = &log});
    }
    store = std::make_shared<StoreImpl>(runtime->clock());
    server = std::make_unique<Server>(*runtime);
    server->add(store);
    const Address address = *server->listen(*Address::parse("127.0.0.1:0"));
    pool = std::make_unique<ClientPool>(*runtime, address);
    failover = std::make_unique<FailoverPool>(*runtime, std::vector{address});
    runtime->executor().spawn("connect", connect(*this, address));
    run_until([this] { return stream != nullptr; });
    call(stream->channel());
    call(pool->channel());
    call(failover->channel());
    // One of each is given up: the loser of `call || timer`, whose place on the connection is still taken.
    run_until([this] { return store->slow_started == kCalls && losers == 3; });
  }

  static constexpr int kCalls = 3 * 6;
  static constexpr int kCompletions = 3 * 2;

  /// R: runtime, S: server, T: stream, P, F: pools, C: calls that are held.
  void destroy(char what) {
    switch (what) {
      case 'R': runtime.reset(); return;
      case 'S': server.reset(); return;
      case 'T': stream.reset(); return;
      case 'P': pool.reset(); return;
      case 'F': failover.reset(); return;
      case 'C': held.clear(); return;
    }
  }

  void run_for_a_moment() {
    if (context) {
      context->restart();
      context->poll();
    } else if (runtime) {
      for (int i = 0; i < 3; ++i) runtime->block_on(a_moment(runtime->clock()));
    }
  }

  ~Scene() {
    context.reset();
    EXPECT_EQ(completed, kCompletions);
    EXPECT_EQ(alive.alive(), 0);
    for (const Errc errc : errors) {
      EXPECT_TRUE(errc == Errc::closed || errc == Errc::connection_lost || errc == Errc::internal) << name_of(errc);
    }
  }

  CountingLog log;
  LiveCount alive;
  std::optional<net::io_context> context;
  std::unique_ptr<AsioRuntime> runtime;
  std::shared_ptr<StoreImpl> store;
  std::unique_ptr<Server> server;
  std::unique_ptr<ClientStream> stream;
  std::unique_ptr<ClientPool> pool;
  std::unique_ptr<FailoverPool> failover;
  std::vector<ClientCall<std::string, NoError>> held;
  int completed = 0;
  int losers = 0;
  std::vector<Errc> errors;

 private:
  static Task<void> connect(Scene& scene, Address address) {
    auto connected = co_await ClientStream::connect(*scene.runtime, address);
    scene.stream = std::make_unique<ClientStream>(*std::move(connected));
  }
  static Task<void> a_moment(runtime::Clock& clock) { co_await clock.sleep_for(1us); }

  template <class Holds>
  void run_until(Holds holds) {
    struct Until {
      static Task<void> holding(runtime::Clock& clock, Holds holds) {
        while (!holds()) co_await clock.sleep_for(100us);
      }
    };
    if (!context) return runtime->block_on(Until::holding(runtime->clock(), holds));
    while (!holds()) context->run_one();
  }

  void ended(const Reply<std::string>& reply) {
    ++completed;
    ASSERT_TRUE(reply.has_call_error());
    errors.push_back(reply.call_error().errc());
  }

  void call(stream::Channel& channel) {
    const Client<Store> client(channel);
    client.slow.start([this](const Reply<std::string>& reply) { ended(reply); }, 60'000, "a completion");
    client.slow(60'000, "a completion, later").then([this](const Reply<std::string>& reply) { ended(reply); });
    held.push_back(client.slow(60'000, "held"));
    runtime->executor().spawn("awaits", awaits(client, alive.sentinel()));
    net::co_spawn(runtime->context(), awaits_in_asio(client, alive.sentinel()), net::detached);
    net::co_spawn(runtime->context(), loses(*this, client, alive.sentinel()), net::detached);
  }
  static Task<void> awaits(Client<Store> client, LiveCount::Sentinel) {
    const auto reply = co_await client.slow(60'000, "a task");
    EXPECT_TRUE(reply.has_call_error());
  }
  static net::awaitable<void> awaits_in_asio(Client<Store> client, LiveCount::Sentinel) {
    const auto reply = co_await asio::use(client.with({.timeout = 50s}).slow(60'000, "an asio::awaitable"));
    EXPECT_TRUE(reply.has_call_error());
  }
  static net::awaitable<void> loses(Scene& scene, Client<Store> client, LiveCount::Sentinel) {
    using namespace net::experimental::awaitable_operators;
    net::steady_timer timer(co_await net::this_coro::executor, 20ms);
    co_await (asio::use(client.nothing()) || timer.async_wait(net::use_awaitable));
    timer.expires_after(1ms);
    const auto first = co_await (asio::use(client.slow(60'000, "the loser")) || timer.async_wait(net::use_awaitable));
    EXPECT_EQ(first.index(), 1u);
    ++scene.losers;
    timer.expires_after(1h);
    co_await timer.async_wait(net::use_awaitable);  // until the io_context goes
  }
};

class Destruction : public ::testing::TestWithParam<std::tuple<Context, Loop>> {};

TEST_P(Destruction, InEveryOrder) {
  const auto [kind, loop] = GetParam();
  std::string handles = "FPRST";
  do {
    for (const std::string& order : {"C" + handles, handles + "C"}) {
      SCOPED_TRACE("destroyed in the order " + order);
      Scene scene(kind);
      for (const char what : order) {
        scene.destroy(what);
        if (loop == Loop::runs_in_between) scene.run_for_a_moment();
      }
      EXPECT_EQ(scene.completed, Scene::kCompletions);
    }
  } while (std::next_permutation(handles.begin(), handles.end()) && !HasFailure());
}

INSTANTIATE_TEST_SUITE_P(AllOf, Destruction,
                         ::testing::Combine(::testing::Values(Context::own, Context::of_the_user),
                                            ::testing::Values(Loop::stopped, Loop::runs_in_between)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param) == Context::own ? "OwnContext" : "ContextOfTheUser") +
                                  (std::get<1>(info.param) == Loop::stopped ? "Stopped" : "RunInBetween");
                         });

// --- A handle in a coroutine of the io_context's, which goes last ----------------------------------------------------------

template <class Pool, class Addresses>
net::awaitable<void> keeps_a_pool(AsioRuntime& runtime, Addresses addresses, int& started, LiveCount::Sentinel) {
  Pool pool(runtime, addresses);
  const Client<Store> client(pool);
  ++started;
  (void)co_await asio::use(client.slow(60'000, "never"));
}

TEST(DestructionOfAContext, EndsThePoolsOfItsCoroutinesAfterTheRuntime) {
  LiveCount alive;
  int started = 0;
  {
    net::io_context context;
    AsioRuntime runtime(context);
    Server server(runtime);
    const auto store = std::make_shared<StoreImpl>(runtime.clock());
    server.add(store);
    const Address address = *server.listen(*Address::parse("127.0.0.1:0"));
    net::co_spawn(context, keeps_a_pool<ClientPool>(runtime, address, started, alive.sentinel()), net::detached);
    net::co_spawn(context, keeps_a_pool<FailoverPool>(runtime, std::vector{address}, started, alive.sentinel()),
                  net::detached);
    while (store->slow_started < 2) context.run_one();
  }
  EXPECT_EQ(started, 2);
  EXPECT_EQ(alive.alive(), 0);
}

net::awaitable<void> keeps_handles(AsioRuntime& runtime, Address address, bool& connected, LiveCount::Sentinel) {
  ClientPool pool(runtime, address);
  auto stream = co_await asio::use(runtime, ClientStream::connect(runtime, address));
  auto bytes = co_await asio::use(runtime, runtime.network().connect(address));
  const auto listener = runtime.network().listen(*Address::parse("127.0.0.1:0"));
  connected = stream.ok() && bytes.ok() && listener.ok();
  pool.submit(ClientTask(wire::Action(1u), nullptr));
  net::steady_timer timer(co_await net::this_coro::executor, 1h);
  co_await timer.async_wait(net::use_awaitable);
}

TEST(DestructionOfAContext, EndsStreamsAndListenersOfItsCoroutinesAfterTheRuntime) {
  for (const Context kind : {Context::own, Context::of_the_user}) {
    LiveCount alive;
    bool connected = false;
    {
      std::optional<net::io_context> context;
      if (kind == Context::of_the_user) context.emplace();
      std::optional<AsioRuntime> runtime;
      context ? runtime.emplace(*context) : runtime.emplace();
      Server server(*runtime);
      const Address address = *server.listen(*Address::parse("127.0.0.1:0"));
      net::co_spawn(runtime->context(), keeps_handles(*runtime, address, connected, alive.sentinel()), net::detached);
      while (!connected) runtime->context().run_one();
      runtime.reset();
    }
    EXPECT_EQ(alive.alive(), 0);
  }
}

// --- Threads -------------------------------------------------------------------------------------------------------------

struct OnAThread {
  OnAThread() {
    thread = std::thread([this] { context.run(); });
  }
  static net::awaitable<void> make(OnAThread& scene, bool& made) {
    scene.server.emplace(scene.runtime);
    scene.server->add(scene.store);
    const Address address = *scene.server->listen(*Address::parse("127.0.0.1:0"));
    scene.pool.emplace(scene.runtime, address);
    made = true;
    co_return;
  }

  net::io_context context;
  net::executor_work_guard<net::io_context::executor_type> work = net::make_work_guard(context);
  AsioRuntime runtime{context};
  std::shared_ptr<StoreImpl> store = std::make_shared<StoreImpl>(runtime.clock());
  std::optional<Server> server;
  std::optional<ClientPool> pool;
  std::thread thread;
};

TEST(DestructionOnThreads, APoolWhoseThreadWasJoinedEndsItsCallsRightHere) {
  for (const bool joined : {true, false}) {
    OnAThread scene;
    bool made = false;
    std::atomic<bool> called = false;
    net::co_spawn(scene.context, OnAThread::make(scene, made), [](std::exception_ptr) {});
    // Its reply is written to this stack: it must come while that is there.
    std::optional<Reply<std::string>> reply;
    net::post(scene.context, [&] {
      Client<Store>(*scene.pool)
          .slow.start(
              [&reply, &called](Reply<std::string> ended) {
                reply.emplace(std::move(ended));
                called = true;
              },
              60'000, "never");
    });
    std::atomic<bool> waits = false;
    net::post(scene.context, [&] { waits = true; });
    while (!waits) std::this_thread::yield();
    if (joined) {
      scene.context.stop();
      scene.thread.join();
      scene.pool.reset();
      EXPECT_TRUE(called);
    } else {
      scene.pool.reset();  // the closing is done on the other thread, soon
      while (!called) std::this_thread::yield();
      net::post(scene.context, [&] { scene.server.reset(); });
      scene.work.reset();
      scene.context.stop();
      scene.thread.join();
    }
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->call_error().errc(), Errc::closed);
  }
}

struct Making {
  static Task<Address> serve(AsioRuntime& runtime, std::unique_ptr<Server>& server) {
    server = std::make_unique<Server>(runtime);
    server->add(std::make_shared<StoreImpl>(runtime.clock()));
    co_return *server->listen(*Address::parse("127.0.0.1:0"));
  }
  static Task<void> pool(AsioRuntime& runtime, Address address, std::unique_ptr<ClientPool>& pool) {
    pool = std::make_unique<ClientPool>(runtime, std::move(address));
    co_return;
  }
  static Task<void> until_called(AsioRuntime& runtime, ClientPool& pool) {
    while (pool.state().in_flight == 0) co_await runtime.clock().sleep_for(1ms);
  }
};

// P: the pool, A: the AsioThread of the pool, S: the server, B: the AsioThread of the server
class DestructionOfThreads : public ::testing::TestWithParam<const char*> {};

TEST_P(DestructionOfThreads, EndsABlockedCaller) {
  auto server_thread = std::make_unique<AsioThread>();
  auto thread = std::make_unique<AsioThread>();
  std::unique_ptr<Server> server;
  std::unique_ptr<ClientPool> pool;
  const Address address = server_thread->block_on([&] { return Making::serve(server_thread->runtime(), server); });
  thread->block_on([&] { return Making::pool(thread->runtime(), address, pool); });
  const Client<Store> client(*pool);
  std::optional<Reply<std::string>> reply;
  std::thread caller([&] { reply.emplace(client.blocking.slow(60'000, "never")); });
  thread->block_on([&] { return Making::until_called(thread->runtime(), *pool); });
  for (const char what : std::string_view(GetParam())) {
    switch (what) {
      case 'P': pool.reset(); break;
      case 'A': thread.reset(); break;
      case 'S': server.reset(); break;
      case 'B': server_thread.reset(); break;
    }
  }
  caller.join();
  ASSERT_TRUE(reply && reply->has_call_error());
  EXPECT_TRUE(reply->call_error().errc() == Errc::closed || reply->call_error().errc() == Errc::connection_lost)
      << reply->call_error().message();
}

INSTANTIATE_TEST_SUITE_P(InTheOrder, DestructionOfThreads,
                         ::testing::Values("PABS", "APBS", "ABPS", "BAPS", "BPAS", "ABSP", "BSPA", "BSAP"),
                         [](const auto& info) { return std::string(info.param); });

// --- What coroutines wait in -----------------------------------------------------------------------------------------------

struct Waits {
  static Task<void> for_event(Event& event, LiveCount::Sentinel) { co_await event.wait(); }
  static Task<void> to_receive(BoundedQueue<int>& channel, LiveCount::Sentinel) { (void)co_await channel.receive(); }
  static Task<void> to_send(BoundedQueue<int>& channel, LiveCount::Sentinel) {
    bool sent = true;  // g++ 12 makes a trap of a loop around a co_await that has no body
    while (sent) sent = co_await channel.send(1);
  }
  static Task<void> for_time(runtime::Clock& clock, LiveCount::Sentinel) { co_await clock.sleep_for(1h); }
};

TEST(DestructionOfWaits, InEveryOrderAlsoOfWhatWasWokenAndHasNotRun) {
  for (const Context kind : {Context::own, Context::of_the_user}) {
    for (const bool woken : {false, true}) {
      std::string order = "CERT";
      do {
        SCOPED_TRACE(order + (woken ? ", woken" : ""));
        LiveCount alive;
        {
          std::optional<net::io_context> context;
          if (kind == Context::of_the_user) context.emplace();
          std::optional<AsioRuntime> runtime;
          context ? runtime.emplace(*context) : runtime.emplace();
          std::optional<Event> event(std::in_place, runtime->executor());
          std::optional<BoundedQueue<int>> channel(std::in_place, runtime->executor(), 1);
          std::optional<BoundedQueue<int>> full(std::in_place, runtime->executor(), 1);
          std::optional<runtime::TaskScope> scope(std::in_place, runtime->executor());
          scope->spawn("event", Waits::for_event(*event, alive.sentinel()));
          runtime->executor().spawn("event", Waits::for_event(*event, alive.sentinel()));
          scope->spawn("receive", Waits::to_receive(*channel, alive.sentinel()));
          runtime->executor().spawn("receive", Waits::to_receive(*channel, alive.sentinel()));
          runtime->executor().spawn("send", Waits::to_send(*full, alive.sentinel()));
          scope->spawn("time", Waits::for_time(runtime->clock(), alive.sentinel()));
          for (int i = 0; i < 4; ++i) runtime->context().poll();
          if (woken) {
            event->set();
            channel->try_send(1);
            channel->close();
            (void)full->try_receive();
          }
          for (const char what : order) {
            switch (what) {
              case 'C': channel.reset(), full.reset(); break;
              case 'E': event.reset(); break;
              case 'R': runtime.reset(); break;
              case 'T': scope.reset(); break;
            }
          }
        }
        EXPECT_EQ(alive.alive(), 0);
      } while (std::next_permutation(order.begin(), order.end()));
    }
  }
}

TEST(DestructionOfWaits, WhoWasWokenByAChannelThatIsGoneFindsItClosed) {
  AsioRuntime runtime;
  LiveCount alive;
  std::optional<BoundedQueue<int>> channel(std::in_place, runtime.executor(), 1);
  std::optional<BoundedQueue<int>> full(std::in_place, runtime.executor(), 1);
  runtime.executor().spawn("receive", Waits::to_receive(*channel, alive.sentinel()));
  runtime.context().poll();
  channel->try_send(1);
  channel.reset();
  runtime.context().poll();
  EXPECT_EQ(alive.alive(), 0);
}

}  // namespace
}  // namespace razor::test
