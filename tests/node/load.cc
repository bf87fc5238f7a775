// razor_node load: keeps a number of calls in flight, for a while: on each of its connections, or through one pool over all
// addresses (pool_load.h). Here is what both have in common: warming up, showing progress, ending, reporting.
//
// A connection that ends is made anew; every call that it carried is counted by how it ended (load_callers.h).

#include "tests/node/load.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "tests/node/addresses.h"
#include "tests/node/history_file.h"
#include "tests/node/live_lines.h"
#include "tests/node/load_callers.h"
#include "tests/node/pool_load.h"

namespace razor::node {
namespace {

using namespace std::chrono_literals;

constexpr auto kReconnectPause = 50ms;
constexpr auto kProgressStep = 250ms;

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + time.tv_usec * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// --- Connections without a pool --------------------------------------------------------------------------------------

Task<void> keep_connected(Load& load, Address address) {
  ClientStreamConfig config;
  config.hello = hello_named(load.options.hello);
  config.window = load.window();
  config.queue_calls_max = std::max(config.queue_calls_max, load.options.in_flight);
  config.queue_bytes_max = std::max(config.queue_bytes_max, load.bytes_in_flight());
  while (load.goes_on()) {
    ++load.connecting;
    auto connected = co_await ClientStream::connect(load.runtime, address, config);
    --load.connecting;
    if (connected) {
      ClientStream stream = *std::move(connected);
      Callers<ClientStream> callers(load, stream);
      co_await callers.run();
      if (callers.has_answered()) continue;
    } else {
      ++load.counters.connects_failed["connect: " + connected.message()];
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

// How long calls took that ended at their deadline; nothing when there were none.
nlohmann::json expired_ms(const ExpiredCalls& expired) {
  if (expired.latencies.total() == 0) return nlohmann::json::object();
  return {{"least", seconds_of(expired.least) * 1e3},
          {"p50", expired.latencies.percentile_us(0.5) / 1e3},
          {"p99", expired.latencies.percentile_us(0.99) / 1e3},
          {"most", seconds_of(expired.most) * 1e3}};
}

// Of the whole run, warming up and ending included: what was submitted has to have ended, each call once.
void add_totals(const Load& load, nlohmann::json& report) {
  const LoadCounters& counters = load.counters;
  report["errors"] = counters.errors;
  for (const auto& [kind, count] : counters.connects_failed) report["errors"][kind] = count;
  if (load.connecting > 0) report["errors"]["connect: no answer yet"] = load.connecting;
  report["submitted"] = counters.submitted;
  report["ended"] = counters.ended();
  report["slowest_ms"] = seconds_of(counters.slowest) * 1e3;
  report["expired_ms"] = expired_ms(counters.expired);
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
  fmt::print("{:>12.1f} ms  slowest call, warming up and ending included\n", report["slowest_ms"].get<double>());
  if (const nlohmann::json& expired = report["expired_ms"]; !expired.empty()) {
    fmt::print("{:>12.1f} ms  p99 of the calls that ended at their deadline, from {:.1f} to {:.1f}\n",
               expired["p99"].get<double>(), expired["least"].get<double>(), expired["most"].get<double>());
  }
  fmt::print("{:>12.3f} us  CPU of this process a call\n", report["cpu_us_per_call"].get<double>());
  for (const auto& [kind, count] : report["errors"].items()) {
    fmt::print("{:>12} {}\n", count.get<std::uint64_t>(), kind);
  }
  if (report["errors"].empty()) fmt::print("{:>12} errors\n", 0);
  if (report.contains("pool")) print_pool(report["pool"]);
}

// `pool`: null without one.
Task<void> show_progress(const Load& load, const PoolLoad* pool) {
  const base::TimePoint start = load.runtime.clock().now();
  LiveLines terminal;
  std::uint64_t last = 0;
  for (int step = 1;; ++step) {
    co_await load.runtime.clock().sleep_until(start + step * kProgressStep);
    const std::uint64_t calls = load.counters.calls;
    std::vector<std::string> lines = {fmt::format(
        "{:5.1f} of {:.1f} s  {:>10.0f} calls/s  {:>10} errors", step * seconds_of(kProgressStep), load.options.seconds,
        static_cast<double>(calls - last) / seconds_of(kProgressStep), load.counters.failed())};
    if (pool != nullptr) std::ranges::move(pool->live_lines(), std::back_inserter(lines));
    terminal.show(lines);
    last = calls;
  }
}

// A line of JSON for each interval: where the load is, and how each address does. The report is the last line.
Task<void> report_often(const Load& load, const PoolLoad* pool) {
  const base::TimePoint start = load.runtime.clock().now();
  const base::Duration interval = duration_of(*load.options.report_every_seconds);
  for (int step = 1;; ++step) {
    co_await load.runtime.clock().sleep_until(start + step * interval);
    nlohmann::json line = {{"at", seconds_of(load.runtime.clock().now() - start)}, {"calls", load.counters.calls}};
    add_totals(load, line);
    if (pool != nullptr) line["pool"] = pool->state();
    fmt::print("{}\n", line.dump());
    std::fflush(stdout);
  }
}

Task<void> stop_on_signal(AsioRuntime& runtime, Event& stop) {
  co_await runtime.wait_for_signal(SIGINT, SIGTERM);
  stop.set();
}

// A line for each address. Nothing, and a line on stderr, when it cannot be read or is wrong.
std::optional<std::vector<Address>> read_addresses(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  if (lines.empty()) {
    fmt::print(stderr, "razor_node: {} names no address\n", path);
    return std::nullopt;
  }
  return parse_addresses(lines);
}

Task<void> update_on_signal(AsioRuntime& runtime, PoolLoad& pool, const std::string& path) {
  while (true) {
    co_await runtime.wait_for_signal(SIGHUP);
    auto addresses = read_addresses(path);
    if (addresses) pool.update_addresses(std::move(*addresses));
  }
}

Task<int> run(AsioRuntime& runtime, const LoadOptions& options, std::vector<Address> addresses, HistoryRecorder* history) {
  runtime::Clock& clock = runtime.clock();
  const base::Duration total = duration_of(options.seconds);
  Load load(runtime, options, history);
  Event& stop = load.stop;
  runtime::TaskScope watchers(runtime.executor());
  watchers.spawn("stop_on_signal", stop_on_signal(runtime, stop));

  std::unique_ptr<PoolLoad> pool;
  runtime::TaskScope callers(runtime.executor());
  if (options.pool) {
    pool = std::make_unique<PoolLoad>(load, std::move(addresses));
    callers.spawn("PoolLoad::run", pool->run());
    if (!options.addresses_file.empty()) {
      watchers.spawn("update_on_signal", update_on_signal(runtime, *pool, options.addresses_file));
    }
  } else {
    for (unsigned i = 0; i < options.connections; ++i) {
      callers.spawn("keep_connected", keep_connected(load, addresses[i % addresses.size()]));
    }
  }
  const bool progress = options.progress || (!options.json && ::isatty(STDERR_FILENO) != 0);
  if (progress) watchers.spawn("show_progress", show_progress(load, pool.get()));
  if (options.report_every_seconds) watchers.spawn("report_often", report_often(load, pool.get()));

  // What happens while everything warms up is not counted, unless it fails, or nothing comes after it.
  const base::TimePoint begun = clock.now();
  base::TimePoint counted_from = begun;
  Before before;
  const auto stopped_early =
      co_await runtime::with_deadline(clock, begun + std::min<base::Duration>(total / 10, 500ms), runtime::until_set(stop));
  if (!stopped_early) {
    load.counters.latencies.clear();
    before = {load.counters.calls, load.counters.ended(), cpu_seconds()};
    counted_from = clock.now();
  }
  (void)co_await runtime::with_deadline(clock, begun + total, runtime::until_set(stop));
  nlohmann::json report = report_of(load.counters, before, seconds_of(clock.now() - counted_from));

  load.stopping = true;
  if (pool) {
    // The addresses as they are in use; the totals with what ending costs.
    report["pool"] = pool->state();
    const std::string trouble = pool->trouble();
    co_await pool->close(stop);
    report["pool"]["totals"] = pool->state()["totals"];
    if (load.counters.calls == 0) fmt::print(stderr, "razor_node: no call succeeded: {}\n", trouble);
  } else {
    load.idle.reset();
    if (load.under_way > 0) co_await load.idle.wait();
  }
  add_totals(load, report);
  watchers.cancel();
  if (progress) LiveLines().wipe();
  print_report(report, options.json);
  co_return load.counters.calls > 0 ? kOk : kFrameworkError;
}

}  // namespace

int load(const LoadOptions& options, SpdlogSink& log) {
  const auto addresses =
      options.addresses_file.empty() ? parse_addresses(options.connect) : read_addresses(options.addresses_file);
  if (!addresses) return kUsageError;
  std::unique_ptr<HistoryRecorder> history;
  if (!open_history(options.history, log, history)) return kFrameworkError;
  AsioRuntime runtime(AsioConfig{.spin = std::chrono::microseconds(options.spin_us), .log = &log});
  return runtime.block_on(run(runtime, options, *addresses, history.get()));
}

}  // namespace razor::node
