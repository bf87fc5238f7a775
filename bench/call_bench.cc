// What a call costs the library itself, both ends together: client and server in one thread, connected in memory.
// Four ways to call, as in `razor_node load`; the argument is the number of calls in flight.

#include <benchmark/benchmark.h>

#include "bench/memory_stream.h"
#include "razor/razor.h"
#include "tests/node/calculator.h"
#include "tests/node/file_actions.h"

namespace razor::bench {
namespace {

using node::CalculatorService;

struct Fixture {
  explicit Fixture(unsigned calls_in_flight) : memory(real), server(memory), in_flight(calls_in_flight), done(memory.spawner()) {
    server.add(std::make_shared<node::Calculator>(memory.clock()));
    server.set_fallback(files);
    (void)server.listen(Address());
    ClientStreamConfig config;
    config.window = in_flight;
    stream = std::make_unique<ClientStream>(*real.block_on(ClientStream::connect(memory, Address(), config)));
    calculator = std::make_unique<Client<CalculatorService>>(*stream);
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
  fixture.stream->submit(ClientTask(node::kWrite, node::IoRequest(1, 0, 64), [&fixture](const Answer& answer) {
                           node::IoResponse response;
                           if (!answer.decode(response)) std::abort();
                           stream_call(fixture);
                         }).with_blob(fixture.blob));
}

template <class Start>
void measure(benchmark::State& state, Start start) {
  Fixture fixture(static_cast<unsigned>(state.range(0)));
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
  measure(state, [](Fixture& fixture) { fixture.memory.spawner().spawn("api caller", api_caller(fixture)); });
}
void stream_plain(benchmark::State& state) {
  measure(state, [](Fixture& fixture) { stream_call(fixture); });
}
void stream_coroutine(benchmark::State& state) {
  measure(state, [](Fixture& fixture) { fixture.memory.spawner().spawn("stream caller", stream_caller(fixture)); });
}

BENCHMARK(api_plain)->Arg(1)->Arg(128)->Arg(1024);
BENCHMARK(api_coroutine)->Arg(1)->Arg(128)->Arg(1024);
BENCHMARK(stream_plain)->Arg(1)->Arg(128)->Arg(1024);
BENCHMARK(stream_coroutine)->Arg(1)->Arg(128)->Arg(1024);

}  // namespace
}  // namespace razor::bench

BENCHMARK_MAIN();
