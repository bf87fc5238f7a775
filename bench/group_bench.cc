// A ServerGroup on one and on two threads, whose handlers work for some 60 us each: how much of another core a service gains.
// The caller, on a thread of its own, takes a few percent of a core. Compare the calls a second:
//
//   group_bench --benchmark_repetitions=7 --benchmark_enable_random_interleaving=true

#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "razor/razor.h"

namespace razor::bench {
namespace {

constexpr int kConnections = 8;
constexpr int kCallsAtATime = 4;  // on each
constexpr int kCallsEach = 40;
constexpr int kSteps = 60'000;

struct Busy {
  virtual Call<std::uint64_t> work(std::uint64_t seed) = 0;
  RAZOR_SERVICE(Busy, work)
};

class BusyImpl final : public Busy {
 public:
  Call<std::uint64_t> work(std::uint64_t seed) override {
    for (int i = 0; i < kSteps; ++i) seed = seed * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
    return seed;
  }
};

Task<void> call_again_and_again(Client<Busy> client, int calls) {
  for (int i = 0; i < calls; ++i) benchmark::DoNotOptimize(co_await client.work(static_cast<std::uint64_t>(i)));
}

struct Round {
  explicit Round(Runtime& runtime) : all_done(runtime.executor()) {}
  int running = 0;
  Event all_done;
};

Task<void> call_in_a_round(Client<Busy> client, Round& round) {
  co_await call_again_and_again(client, kCallsEach / kCallsAtATime);
  if (--round.running == 0) round.all_done.set();
}

Task<void> call_on_all(Runtime& runtime, std::vector<ClientStream>& streams) {
  Round round(runtime);
  runtime::TaskScope callers(runtime.executor());
  for (ClientStream& stream : streams) {
    for (int i = 0; i < kCallsAtATime; ++i) {
      ++round.running;
      callers.spawn("a caller", call_in_a_round(Client<Busy>(stream), round));
    }
  }
  co_await round.all_done.wait();
}

Task<void> connect_all(Runtime& runtime, Address address, std::vector<ClientStream>& streams) {
  for (int i = 0; i < kConnections; ++i) {
    auto stream = co_await ClientStream::connect(runtime, address);
    if (!stream) throw std::runtime_error(stream.error().message());
    streams.push_back(*std::move(stream));
  }
}
Task<void> drop_all(std::vector<ClientStream>& streams) {
  streams.clear();
  co_return;
}

Task<Address> serve(std::span<Runtime* const> runtimes, std::unique_ptr<ServerGroup>& group) {
  group = std::make_unique<ServerGroup>(runtimes);
  group->add([](Runtime&) { return std::make_shared<BusyImpl>(); });
  co_return group->listen(*Address::parse("127.0.0.1:0")).value();
}
Task<void> stop(std::unique_ptr<ServerGroup>& group) {
  co_await group->close(std::chrono::seconds(1));
  group.reset();
}

void handlers_that_work(benchmark::State& state) {
  AsioThreads threads(static_cast<std::size_t>(state.range(0)));
  std::unique_ptr<ServerGroup> group;
  const Address address = threads.block_on([&] { return serve(threads.runtimes(), group); });
  AsioThread caller;
  std::vector<ClientStream> streams;
  caller.block_on([&] { return connect_all(caller.runtime(), address, streams); });
  for (auto _ : state) caller.block_on([&] { return call_on_all(caller.runtime(), streams); });
  state.SetItemsProcessed(state.iterations() * kConnections * kCallsEach);
  caller.block_on([&] { return drop_all(streams); });
  threads.block_on([&] { return stop(group); });
}
BENCHMARK(handlers_that_work)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace razor::bench

BENCHMARK_MAIN();
