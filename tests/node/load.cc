// razor_node load: keeps a number of calls in flight on each connection, for a while.
//
// Four ways to call: the api or the stream interface, each with callbacks (no coroutine frame anywhere) or with
// coroutines at both ends. A connection that ends is made anew; every call that it carried is counted by how it ended.

#include "tests/node/load.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "razor/razor.h"
#include "tests/node/addresses.h"
#include "tests/node/calculator.h"
#include "tests/node/commands.h"
#include "tests/node/file_actions.h"

namespace razor::node {
namespace {

using namespace std::chrono_literals;

constexpr auto kReconnectPause = 50ms;

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + time.tv_usec * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double seconds_of(base::Duration span) { return std::chrono::duration<double>(span).count(); }

// What all connections share.
struct Load {
  Load(AsioRuntime& load_runtime, const LoadOptions& load_options)
      : runtime(load_runtime), options(load_options), clock(load_runtime), idle(load_runtime.spawner()) {
    call_options.timeout = std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(options.timeout_seconds));
    payload.assign(options.payload, 'x');
    blob.assign(options.payload, std::byte{'x'});
  }

  AsioRuntime& runtime;
  const LoadOptions& options;
  TurnClock clock;
  CallOptions call_options;
  std::string payload;
  Bytes blob;
  LoadCounters counters;
  bool stopping = false;
  unsigned connecting = 0;
  std::uint64_t under_way = 0;
  Event idle;  // nothing is under way any more

  void begin() {
    ++under_way;
    ++counters.submitted;
  }
  void end(base::TimePoint begun) {
    ++counters.calls;
    counters.latencies.record(static_cast<std::uint64_t>((clock.now() - begun).count()), 1);
    ended();
  }
  void end_failed(std::string kind) {
    ++counters.errors[std::move(kind)];
    ended();
  }
  void ended() {
    if (--under_way == 0) idle.set();
  }
};

std::string kind_of(const CallError& error) {
  return fmt::format("{} (ran: {})", base::name_of(error.errc()), base::name_of(error.ran()));
}

template <class T, class E>
std::string kind_of(const Reply<T, E>& reply) {
  return reply.has_call_error() ? kind_of(reply.call_error()) : "application_error";
}

std::string kind_of(const Answer& answer) {
  return answer.kind() == Answer::Kind::failed ? kind_of(answer.error()) : "application_error";
}

// One connection and the callers that keep it busy. Each caller makes its next call when the last one has ended; all
// stop when the connection has ended, or the load.
class Connection {
 public:
  Connection(Load& load, ClientStream stream)
      : load_(load),
        stream_(std::move(stream)),
        calculator_(Client<CalculatorService>(stream_).with(load.call_options)),
        callers_(load.runtime.spawner()),
        finished_(load.runtime.spawner()) {}

  Task<void> run() {
    for (unsigned caller = 0; caller < load_.options.in_flight; ++caller) {
      ++callers_left_;
      start_caller();
    }
    co_await finished_.wait();
  }
  bool has_answered() const { return has_answered_; }

 private:
  bool goes_on() const { return !load_.stopping && stream_.is_open(); }

  void start_caller() {
    const bool coroutine = load_.options.handler == "coroutine";
    if (load_.options.interface == "api") {
      if (coroutine) return callers_.spawn("api caller", api_caller());
      return api_call();
    }
    if (coroutine) return callers_.spawn("stream caller", stream_caller());
    stream_call();
  }

  void succeeded(base::TimePoint begun) {
    has_answered_ = true;
    load_.end(begun);
  }

  void caller_done() {
    if (--callers_left_ == 0) finished_.set();
  }

  Task<void> api_caller() {
    while (goes_on()) {
      const base::TimePoint begun = load_.clock.now();
      load_.begin();
      const Reply<std::string> reply = co_await calculator_.echo_coroutine(load_.payload);
      if (reply.ok() && reply->size() == load_.payload.size()) {
        succeeded(begun);
      } else {
        load_.end_failed(kind_of(reply));
      }
    }
    caller_done();
  }

  void api_call() {
    if (!goes_on()) return caller_done();
    const base::TimePoint begun = load_.clock.now();
    load_.begin();
    calculator_.echo.start(
        [this, begun](const Reply<std::string>& reply) {
          if (reply.ok() && reply->size() == load_.payload.size()) {
            succeeded(begun);
          } else {
            load_.end_failed(kind_of(reply));
          }
          api_call();
        },
        load_.payload);
  }

  IoRequest write_request() const { return IoRequest(1, 0, load_.payload.size()); }

  void count(const Answer& answer, base::TimePoint begun) {
    IoResponse response;
    if (answer.decode(response) && response.ret_size == load_.payload.size()) {
      succeeded(begun);
    } else {
      load_.end_failed(kind_of(answer));
    }
  }

  Task<void> stream_caller() {
    while (goes_on()) {
      const base::TimePoint begun = load_.clock.now();
      load_.begin();
      const OwnedAnswer answer = co_await stream_.call(kWrite, write_request(), load_.call_options, load_.blob);
      count(*answer, begun);
    }
    caller_done();
  }

  void stream_call() {
    if (!goes_on()) return caller_done();
    const base::TimePoint begun = load_.clock.now();
    load_.begin();
    stream_.submit(ClientTask(kWrite, write_request(),
                              [this, begun](const Answer& answer) {
                                count(answer, begun);
                                stream_call();
                              })
                       .with_blob(load_.blob)
                       .with_options(load_.call_options));
  }

  Load& load_;
  ClientStream stream_;
  Client<CalculatorService> calculator_;
  unsigned callers_left_ = 0;
  bool has_answered_ = false;
  runtime::TaskScope callers_;
  Event finished_;
};

Task<void> keep_connected(Load& load, Address address) {
  ClientStreamConfig config;
  config.window = load.options.window > 0 ? load.options.window : load.options.in_flight;
  config.queue_calls_max = std::max(config.queue_calls_max, load.options.in_flight);
  const base::ByteCount bytes_of_a_call = load.options.payload + 256;  // head, name of the method, the other parameters
  config.queue_bytes_max = std::max<base::ByteCount>(config.queue_bytes_max, load.options.in_flight * bytes_of_a_call);
  while (!load.stopping) {
    ++load.connecting;
    auto stream = co_await ClientStream::connect(load.runtime, address, config);
    --load.connecting;
    if (stream) {
      Connection connection(load, *std::move(stream));
      co_await connection.run();
      if (connection.has_answered()) continue;
    } else {
      ++load.counters.connects_failed["connect: " + why_not_connected(address, stream.error())];
    }
    // Whoever cannot be reached, or only breaks connections, is not asked again at once.
    co_await load.runtime.clock().sleep_for(kReconnectPause);
  }
}

// --- Reporting -------------------------------------------------------------------------------------------------------

// `before`: as it was when counting began.
struct Before {
  std::uint64_t calls = 0;
  std::uint64_t ended = 0;
  double cpu = 0;
};

nlohmann::json report_of(const LoadCounters& counters, const Before& before, double seconds) {
  const std::uint64_t calls = counters.calls - before.calls;
  const std::uint64_t ended = counters.ended() - before.ended;
  const double cpu = cpu_seconds() - before.cpu;
  return {{"calls", calls},
          {"rps", seconds > 0 ? calls / seconds : 0.0},
          {"p50_us", counters.latencies.percentile_us(0.5)},
          {"p99_us", counters.latencies.percentile_us(0.99)},
          {"p999_us", counters.latencies.percentile_us(0.999)},
          {"cpu_us_per_call", ended > 0 ? cpu * 1e6 / ended : 0.0},
          {"seconds", seconds}};
}

void print_report(const nlohmann::json& report, bool json) {
  if (json) {
    fmt::print("{}\n", report.dump());
    return;
  }
  fmt::print("{:>12} calls in {:.2f} s: {:.0f} a second\n", report["calls"].get<std::uint64_t>(),
             report["seconds"].get<double>(), report["rps"].get<double>());
  fmt::print("{:>12.1f} us  median latency, {:.1f} us p99, {:.1f} us p99.9\n", report["p50_us"].get<double>(),
             report["p99_us"].get<double>(), report["p999_us"].get<double>());
  fmt::print("{:>12.3f} us  CPU of this process a call\n", report["cpu_us_per_call"].get<double>());
  for (const auto& [kind, count] : report["errors"].items()) {
    fmt::print("{:>12} {}\n", count.get<std::uint64_t>(), kind);
  }
  if (report["errors"].empty()) fmt::print("{:>12} errors\n", 0);
}

Task<void> show_progress(Load& load, base::Duration total) {
  const base::TimePoint start = load.runtime.clock().now();
  std::uint64_t last = 0;
  for (int step = 1;; ++step) {
    co_await load.runtime.clock().sleep_until(start + step * 250ms);
    const std::uint64_t calls = load.counters.calls;
    fmt::print(stderr, "\r{:5.1f} of {:.1f} s  {:>10.0f} calls/s  {:>10} errors ", step * 0.25, seconds_of(total),
               static_cast<double>(calls - last) * 4, load.counters.failed());
    std::fflush(stderr);
    last = calls;
  }
}

void wipe_progress() {
  fmt::print(stderr, "\r{:70}\r", "");
  std::fflush(stderr);
}

Task<void> stop_on_signal(AsioRuntime& runtime, Event& stop) {
  co_await runtime.wait_for_signal(SIGINT, SIGTERM);
  stop.set();
}

Task<void> wait_for(Event& event) { co_await event.wait(); }

Task<int> run(AsioRuntime& runtime, const LoadOptions& options, std::vector<Address> addresses) {
  runtime::Clock& clock = runtime.clock();
  const auto total = std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(options.seconds));
  Load load(runtime, options);
  Event stop(runtime.spawner());
  runtime::TaskScope tasks(runtime.spawner());
  tasks.spawn("stop_on_signal", stop_on_signal(runtime, stop));
  runtime::TaskScope connections(runtime.spawner());
  for (unsigned i = 0; i < options.connections; ++i) {
    connections.spawn("keep_connected", keep_connected(load, addresses[i % addresses.size()]));
  }
  const bool progress = options.progress || (!options.json && ::isatty(STDERR_FILENO) != 0);
  if (progress) tasks.spawn("show_progress", show_progress(load, total));

  // What happens while everything warms up is not counted, unless it fails, or nothing comes after it.
  const base::TimePoint begun = clock.now();
  base::TimePoint counted_from = begun;
  Before before;
  const auto stopped_early =
      co_await runtime::with_deadline(clock, begun + std::min<base::Duration>(total / 10, 500ms), wait_for(stop));
  if (!stopped_early) {
    load.counters.latencies.clear();
    before = {load.counters.calls, load.counters.ended(), cpu_seconds()};
    counted_from = clock.now();
  }
  (void)co_await runtime::with_deadline(clock, begun + total, wait_for(stop));
  nlohmann::json report = report_of(load.counters, before, seconds_of(clock.now() - counted_from));

  load.stopping = true;
  load.idle.reset();
  if (load.under_way > 0) co_await load.idle.wait();
  // Of the whole run, warming up and ending included: what was submitted has to have ended, each call once.
  report["errors"] = load.counters.errors;
  for (const auto& [kind, count] : load.counters.connects_failed) report["errors"][kind] = count;
  if (load.connecting > 0) report["errors"]["connect: no answer yet"] = load.connecting;
  report["submitted"] = load.counters.submitted;
  report["ended"] = load.counters.ended();
  tasks.cancel();
  if (progress) wipe_progress();
  print_report(report, options.json);
  co_return load.counters.calls > 0 ? kOk : kFrameworkError;
}

}  // namespace

int load(const LoadOptions& options, SpdlogSink& log) {
  const auto addresses = parse_addresses(options.connect);
  if (!addresses) return kUsageError;
  AsioRuntime runtime(AsioConfig{.spin = std::chrono::microseconds(options.spin_us), .log = &log});
  return runtime.block_on(run(runtime, options, *addresses));
}

}  // namespace razor::node
