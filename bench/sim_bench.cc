// How fast the simulator is: each figure on one core, optimised, with the default network (latencies drawn from the seed)
// and digest on.
//
//   round trips  transport only: two hosts, 64 B echo, so many messages under way
//   calls        the whole library: api calls through ClientStream and Server
//   light load   two hosts, a ping a second: virtual seconds per real second
//   pairs        round trips of many pairs of hosts in one world
//   memory       bytes of an idle host, and of an idle connection

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include "razor/api/client.h"
#include "razor/api/server.h"
#include "razor/api/service.h"
#include "razor/stream/client_stream.h"
#include "sim/world.h"

namespace razor::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 7000;
constexpr std::size_t kMessage = 64;

// --- Transport -------------------------------------------------------------------------------------------------------

Task<void> echo_bytes(Runtime& runtime) {
  auto listener = runtime.network().listen(*Address::parse("0.0.0.0:7000"));
  auto stream = co_await (*listener)->accept();
  std::array<std::byte, 4096> buffer;
  while (true) {
    const auto count = co_await (*stream)->read(buffer);
    if (!count || *count == 0) co_return;
    const base::ByteView answer = base::ByteView(buffer).first(*count);
    const auto written = co_await (*stream)->write({&answer, 1});
    if (!written) co_return;
  }
}

Task<void> send_bytes(Runtime& runtime, Address server, std::size_t window, std::uint64_t& round_trips) {
  auto stream = co_await runtime.network().connect(server);
  std::array<std::byte, 4096> buffer{};
  const base::ByteView first = base::ByteView(buffer).first(window * kMessage);
  (void)co_await (*stream)->write({&first, 1});
  std::size_t received = 0;
  while (true) {
    const auto count = co_await (*stream)->read(buffer);
    if (!count || *count == 0) co_return;
    received += *count;
    const std::size_t messages = received / kMessage;
    if (messages == 0) continue;
    received -= messages * kMessage;
    round_trips += messages;
    const base::ByteView next = base::ByteView(buffer).first(messages * kMessage);
    (void)co_await (*stream)->write({&next, 1});
  }
}

struct EchoPairs {
  EchoPairs(sim::World& world, int count, std::size_t window) {
    for (int i = 0; i < count; ++i) {
      sim::Host& server = world.host(fmt::format("server{}", i));
      sim::Host& client = world.host(fmt::format("client{}", i));
      server.start(echo_bytes);
      const Address address = server.address(kPort);
      client.start([this, address, window](Runtime& runtime) { return send_bytes(runtime, address, window, round_trips); });
    }
  }
  std::uint64_t round_trips = 0;
};

void round_trips(benchmark::State& state) {
  sim::World world(1);
  EchoPairs pairs(world, static_cast<int>(state.range(1)), static_cast<std::size_t>(state.range(0)));
  world.run_for(10ms);
  const std::uint64_t before = pairs.round_trips;
  const std::uint64_t events_before = world.events();
  for (auto _ : state) world.run_for(1ms);
  state.counters["round_trips/s"] =
      benchmark::Counter(static_cast<double>(pairs.round_trips - before), benchmark::Counter::kIsRate);
  state.counters["events/s"] =
      benchmark::Counter(static_cast<double>(world.events() - events_before), benchmark::Counter::kIsRate);
}
BENCHMARK(round_trips)->ArgNames({"window", "pairs"})->Args({1, 1})->Args({16, 1})->Args({1, 1000});

// --- The whole library -----------------------------------------------------------------------------------------------

struct Echo {
  virtual Call<std::string> echo(std::string text) = 0;
  RAZOR_SERVICE(Echo, echo)
};

struct EchoImpl final : Echo {
  Call<std::string> echo(std::string text) override { return text; }
};

Task<void> serve(Runtime& runtime) {
  Server server(runtime);
  server.add(std::make_shared<EchoImpl>());
  (void)server.listen(*Address::parse("0.0.0.0:7000"));
  co_await runtime.clock().sleep_for(Duration::max());
}

Task<void> call_in_a_loop(Client<Echo> echo, std::uint64_t& calls) {
  const std::string text(kMessage, 'x');
  while (true) {
    const auto reply = co_await echo.echo(text);
    if (!reply.ok()) co_return;
    ++calls;
  }
}

Task<void> call(Runtime& runtime, Address server, int in_flight, std::uint64_t& calls) {
  ClientStreamConfig config;
  config.window = static_cast<std::uint32_t>(in_flight);
  auto stream = co_await ClientStream::connect(runtime, server, config);
  const Client<Echo> echo(*stream);
  for (int i = 0; i < in_flight; ++i) runtime.executor().spawn("caller", call_in_a_loop(echo, calls));
  co_await runtime.clock().sleep_for(Duration::max());
}

void calls(benchmark::State& state) {
  sim::World world(1);
  std::uint64_t calls = 0;
  sim::Host& server = world.host("server");
  server.start(serve);
  const int in_flight = static_cast<int>(state.range(0));
  const Address address = server.address(kPort);
  world.host("client").start(
      [&calls, address, in_flight](Runtime& runtime) { return call(runtime, address, in_flight, calls); });
  world.run_for(10ms);
  const std::uint64_t before = calls;
  for (auto _ : state) world.run_for(1ms);
  state.counters["calls/s"] = benchmark::Counter(static_cast<double>(calls - before), benchmark::Counter::kIsRate);
}
BENCHMARK(calls)->ArgName("in_flight")->Arg(1)->Arg(16)->Arg(128);

Task<void> call_once_a_second(Runtime& runtime, Address server) {
  auto stream = co_await ClientStream::connect(runtime, server);
  const Client<Echo> echo(*stream);
  while (true) {
    const auto reply = co_await echo.echo("ping");
    if (!reply.ok()) co_return;
    co_await runtime.clock().sleep_for(1s);
  }
}

void light_load(benchmark::State& state) {
  sim::World world(1);
  sim::Host& server = world.host("server");
  server.start(serve);
  const Address address = server.address(kPort);
  world.host("client").start([address](Runtime& runtime) { return call_once_a_second(runtime, address); });
  for (auto _ : state) world.run_for(1s);
  state.counters["virtual_s/s"] = benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(light_load);

// --- Memory ----------------------------------------------------------------------------------------------------------

std::size_t bytes_in_use() { return mallinfo2().uordblks; }

Task<void> hold_connections(Runtime& runtime, Address server, int count,
                            std::vector<std::unique_ptr<runtime::ByteStream>>& held) {
  for (int i = 0; i < count; ++i) held.push_back(*co_await runtime.network().connect(server));
}

Task<void> accept_connections(Runtime& runtime, std::vector<std::unique_ptr<runtime::ByteStream>>& held) {
  auto listener = runtime.network().listen(*Address::parse("0.0.0.0:7000"));
  while (true) held.push_back(*co_await (*listener)->accept());
}

void memory(benchmark::State& state) {
  constexpr int kCount = 10'000;
  for (auto _ : state) {
    sim::World world(1);
    const std::size_t empty = bytes_in_use();
    for (int i = 0; i < kCount; ++i) world.host(fmt::format("host{}", i)).runtime();
    const std::size_t with_hosts = bytes_in_use();
    std::vector<std::unique_ptr<runtime::ByteStream>> held;
    held.reserve(2 * kCount);
    sim::Host& server = world.host("host0");
    server.start([&held](Runtime& runtime) { return accept_connections(runtime, held); });
    const Address address = server.address(kPort);
    const std::size_t before = bytes_in_use();
    world.host("host1").start(
        [&held, address](Runtime& runtime) { return hold_connections(runtime, address, kCount, held); });
    world.run_until_idle(1h);
    state.counters["bytes/host"] = static_cast<double>(with_hosts - empty) / kCount;
    state.counters["bytes/connection"] = static_cast<double>(bytes_in_use() - before) / kCount;
  }
}
BENCHMARK(memory)->Iterations(1);

}  // namespace
}  // namespace razor::bench

BENCHMARK_MAIN();
