// What a call costs the library itself, both ends together: client and server in one thread, connected in memory.
// Four ways to call, as in `razor_node load`, and two of them through pools; the argument is the number of calls in flight.

#include <benchmark/benchmark.h>

#include "bench/memory_stream.h"
#include "razor/razor.h"
#include "tests/node/calculator.h"
#include "tests/node/file_actions.h"

namespace razor::bench {
namespace {

using node::CalculatorService;

enum class Through { stream, client_pool, failover_pool };

struct Fixture {
  Fixture(unsigned calls_in_flight, Through through)
      : memory(real), server(memory), in_flight(calls_in_flight), done(memory.executor()) {
    server.add(std::make_shared<node::Calculator>(memory.clock()));
    server.set_fallback(files);
    (void)server.listen(Address());
    ClientStreamConfig config;
    config.window = in_flight;
    stream = std::make_unique<ClientStream>(*real.block_on(ClientStream::connect(memory, Address(), config)));
    FailoverPoolConfig of_pool;
    of_pool.pool.stream = config;
    client_pool = std::make_unique<ClientPool>(memory, Address(), of_pool.pool);
    failover_pool =
        std::make_unique<FailoverPool>(memory, std::vector{Address::tcp("one", 1), Address::tcp("another", 1)}, of_pool);
    stream::Channel& channel = through == Through::stream        ? stream->channel()
                               : through == Through::client_pool ? client_pool->channel()
                                                                 : failover_pool->channel();
    calculator = std::make_unique<Client<CalculatorService>>(channel);
  }

  /// Makes `calls` calls, `in_flight` at a time.
  template <class StartCaller>
  void run(std::uint64_t calls, StartCaller start_caller) {
    left = calls;
    running = in_flight;
    done.reset();
    for (unsigned i = 0; i < in_flight; ++i) start_caller();
    real.block_on(wait(done));
  }
  bool take() { return left > 0 && left-- > 0; }
  void finish() {
    if (--running == 0) done.set();
  }
  static Task<void> wait(Event& event) { co_await event.wait(); }

  AsioRuntime real;
  MemoryRuntime memory;
  Server server;
  node::FileActions files;
  std::unique_ptr<ClientStream> stream;
  std::unique_ptr<ClientPool> client_pool;
  std::unique_ptr<FailoverPool> failover_pool;
  std::unique_ptr<Client<CalculatorService>> calculator;
  std::string payload = std::string(64, 'x');
  Bytes blob = Bytes(64);
  unsigned in_flight;
  std::uint64_t left = 0;
  unsigned running = 0;
  Event done;
};

Task<void> api_caller(Fixture& fixture) {
  while (fixture.take()) {
    const auto reply = co_await fixture.calculator->echo_coroutine(fixture.payload);
    if (!reply.ok()) std::abort();
  }
  fixture.finish();
}

void api_call(Fixture& fixture) {
  if (!fixture.take()) return fixture.finish();
  fixture.calculator->echo.start(
      [&fixture](const Reply<std::string>& reply) {
        if (!reply.ok()) std::abort();
        api_call(fixture);
      },
      fixture.payload);
}

Task<void> stream_caller(Fixture& fixture) {
  while (fixture.take()) {
    const auto answer = co_await fixture.stream->call(node::kWrite, node::IoRequest(1, 0, 64), {}, fixture.blob);
    if (!answer->ok()) std::abort();
  }
  fixture.finish();
}

void stream_call(Fixture& fixture) {
  if (!fixture.take()) return fixture.finish();
  fixture.stream->submit(ClientTask(node::kWrite, node::IoRequest(1, 0, 64), [&fixture](const Response& answer) {
                           node::IoResponse response;
                           if (!answer.decode(response)) std::abort();
                           stream_call(fixture);
                         }).with_blob(fixture.blob));
}

template <class Start>
void measure(benchmark::State& state, Start start, Through through = Through::stream) {
  Fixture fixture(static_cast<unsigned>(state.range(0)), through);
  fixture.run(10'000, [&] { start(fixture); });
  constexpr std::uint64_t kCalls = 100'000;
  for (auto _ : state) fixture.run(kCalls, [&] { start(fixture); });
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kCalls));
  state.counters["ns/call"] = benchmark::Counter(static_cast<double>(state.iterations() * kCalls) * 1e-9,
                                                 benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void api_plain(benchmark::State& state) {
  measure(state, [](Fixture& fixture) { api_call(fixture); });
}
void api_coroutine(benchmark::State& state) {
  measure(state, [](Fixture& fixture) { fixture.memory.executor().spawn("api caller", api_caller(fixture)); });
}
void stream_plain(benchmark::State& state) {
  measure(state, [](Fixture& fixture) { stream_call(fixture); });
}
void stream_coroutine(benchmark::State& state) {
  measure(state, [](Fixture& fixture) { fixture.memory.executor().spawn("stream caller", stream_caller(fixture)); });
}

template <Through through>
void api_plain_through(benchmark::State& state) {
  measure(state, [](Fixture& fixture) { api_call(fixture); }, through);
}
template <Through through>
void api_coroutine_through(benchmark::State& state) {
  measure(state, [](Fixture& fixture) { fixture.memory.executor().spawn("api caller", api_caller(fixture)); }, through);
}

BENCHMARK(api_plain)->Arg(1)->Arg(128)->Arg(1024);
BENCHMARK(api_coroutine)->Arg(1)->Arg(128)->Arg(1024);
BENCHMARK(stream_plain)->Arg(1)->Arg(128)->Arg(1024);
BENCHMARK(stream_coroutine)->Arg(1)->Arg(128)->Arg(1024);

BENCHMARK(api_plain_through<Through::client_pool>)->Arg(1)->Arg(128)->Arg(1024);
BENCHMARK(api_plain_through<Through::failover_pool>)->Arg(1)->Arg(128)->Arg(1024);
BENCHMARK(api_coroutine_through<Through::client_pool>)->Arg(128);
BENCHMARK(api_coroutine_through<Through::failover_pool>)->Arg(128);

}  // namespace
}  // namespace razor::bench

BENCHMARK_MAIN();
