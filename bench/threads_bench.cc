// What it costs to call from another thread than the runtime's: a channel that answers at once, so that nothing else is
// measured. `same_thread` is what the others are compared with.

#include <benchmark/benchmark.h>

#include <thread>

#include "razor/razor.h"
#include "tests/node/calculator.h"

namespace razor::bench {
namespace {

using node::CalculatorService;

// Answers every call with the empty result, in the next turn.
class InstantChannel final : public stream::Channel, private runtime::Runnable {
 public:
  explicit InstantChannel(runtime::Runtime& runtime)
      : Channel(runtime), Runnable([](Runnable& ready) { static_cast<InstantChannel&>(ready).answer(); }) {
    nil_.head.flag = 0;
    nil_.head.msg_bytes_or_number = 1;
    nil_.msg = kNil;
  }

  wire::ByteSink& begin(stream::Exchange& call, const wire::Action&, const stream::CallOptions&) override {
    attach(call, this);
    sink_.clear();
    return sink_;
  }
  void commit(stream::Exchange& call, base::Blob&&) override {
    calls_.push_back(&call);
    if (!is_linked()) executor().schedule(*this);
  }
  void refuse(stream::Exchange&, base::CallError) override { std::abort(); }

 private:
  static constexpr std::array<std::byte, 1> kNil{std::byte{0xc0}};

  void answer() {
    std::swap(calls_, answering_);
    for (stream::Exchange* call : answering_) {
      detach(*call);
      call->on_response(nil_);
    }
    answering_.clear();
  }
  void cancel(stream::Exchange&) override { std::abort(); }
  void relocated(stream::Exchange&) override { std::abort(); }

  wire::ResponseFrame nil_;
  wire::BytesSink sink_;
  std::vector<stream::Exchange*> calls_;
  std::vector<stream::Exchange*> answering_;
};

struct Callers {
  std::uint64_t left;
  unsigned running;
  Event done;

  static Task<void> call(stream::Channel& channel, Callers& callers) {
    const Client<CalculatorService> calculator(channel);
    while (callers.left > 0) {
      --callers.left;
      const auto reply = co_await calculator.noop();
      if (!reply.ok()) std::abort();
    }
    if (--callers.running == 0) callers.done.set();
  }
  static Task<void> run(Runtime& runtime, stream::Channel& channel, std::uint64_t calls, unsigned in_flight) {
    Callers callers{calls, in_flight, Event(runtime.executor())};
    for (unsigned i = 0; i < in_flight; ++i) runtime.executor().spawn("caller", call(channel, callers));
    co_await callers.done.wait();
  }
};

constexpr std::uint64_t kCalls = 20'000;

void count(benchmark::State& state, std::uint64_t calls) {
  state.SetItemsProcessed(static_cast<std::int64_t>(calls));
  state.counters["ns/call"] =
      benchmark::Counter(static_cast<double>(calls) * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// A coroutine on the channel's own thread.
void same_thread(benchmark::State& state) {
  AsioRuntime runtime;
  InstantChannel channel(runtime);
  const auto in_flight = static_cast<unsigned>(state.range(0));
  for (auto _ : state) runtime.block_on(Callers::run(runtime, channel, kCalls, in_flight));
  count(state, state.iterations() * kCalls);
}

// Coroutines of another runtime, over a RemoteChannel.
void another_runtime(benchmark::State& state) {
  AsioThread network;
  InstantChannel channel(network.runtime());
  AsioRuntime home;
  RemoteChannel remote(home, channel, {.queue_calls_max = 1'000'000});
  const auto in_flight = static_cast<unsigned>(state.range(0));
  for (auto _ : state) home.block_on(Callers::run(home, remote, kCalls, in_flight));
  count(state, state.iterations() * kCalls);
}

// Threads that wait for their calls.
void blocking(benchmark::State& state) {
  AsioThread network;
  InstantChannel channel(network.runtime());
  const auto thread_count = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < thread_count; ++i) {
      threads.emplace_back([&] {
        const Client<CalculatorService> calculator(channel);
        for (std::uint64_t call = 0; call < kCalls / thread_count; ++call) {
          if (!calculator.blocking.noop().ok()) std::abort();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  count(state, state.iterations() * (kCalls / thread_count) * thread_count);
}

BENCHMARK(same_thread)->Arg(1)->Arg(128)->Arg(1024)->UseRealTime();
BENCHMARK(another_runtime)->Arg(1)->Arg(128)->Arg(1024)->UseRealTime();
BENCHMARK(blocking)->Arg(1)->Arg(4)->Arg(16)->Arg(64)->UseRealTime();

}  // namespace
}  // namespace razor::bench

BENCHMARK_MAIN();
