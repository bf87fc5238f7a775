// razor_node serve.

#include <fmt/format.h>

#include <csignal>

#include "razor/json/json_format.h"
#include "razor/razor.h"
#include "tests/node/addresses.h"
#include "tests/node/calculator.h"
#include "tests/node/commands.h"
#include "tests/node/file_actions.h"
#include "tests/node/history_file.h"
#include "tests/node/worker.h"

namespace razor::node {
namespace {

Task<void> close_gracefully(AsioRuntime& runtime, ServerGroup& servers, base::Duration limit) {
  const ServerStats before = co_await servers.stats();
  runtime.log().log(LogLevel::info, "closing: {}", before.to_string());
  co_await servers.close(limit);
  const ServerStats after = co_await servers.stats();
  runtime.log().log(LogLevel::info, "closed: {}", after.to_string());
}

}  // namespace

int serve(const ServeOptions& options, SpdlogSink& log) {
  const auto addresses = parse_addresses(options.listen);
  if (!addresses) return kUsageError;

  Restart restart(&log);  // first: it takes over sockets that a predecessor, or systemd, hands on
  std::unique_ptr<HistoryRecorder> history;
  if (!open_history(options.history, log, history)) return kFrameworkError;

  FileActions files;  // without state, so that all threads may use it; they end before it goes
  const AsioConfig each{.spin = std::chrono::microseconds(options.spin_us), .log = &log};
  AsioConfig first = each;
  first.restart = &restart;
  AsioRuntime runtime(first);
  std::optional<AsioThreads> others;
  if (options.threads > 1) others.emplace(options.threads - 1, AsioThreadsConfig{.runtime = each});
  std::vector<Runtime*> runtimes{&runtime};
  if (others) runtimes.insert(runtimes.end(), others->runtimes().begin(), others->runtimes().end());
  ServerGroupConfig config;
  config.server.handlers_max = options.handlers_max;
  ServerGroup servers(runtimes, config);
  std::function<void(std::string_view)> on_echo;
  // The texts of a load with a history begin with the ids of their calls.
  if (history) on_echo = [&history](std::string_view text) { history->ran(text.substr(0, text.find(' '))); };
  servers.for_each_server([&, on_echo](Runtime& there, Server& server) {
    server.add(std::make_shared<Calculator>(there.clock(), on_echo));
    server.add(std::make_shared<Worker>(there, std::chrono::microseconds(options.work_us)));
    server.set_fallback(files);
    server.accept_format(json_format());
  });

  // From here on a signal closes gracefully, also one that comes before the addresses are printed.
  RestartOptions restart_options;
  restart_options.on_signal = options.restart_on.empty() ? 0 : restart_signals().at(options.restart_on);
  restart_options.ready_timeout = duration_of(options.restart_ready_timeout_seconds);
  const base::Duration close_limit = duration_of(options.close_limit_seconds);
  Task<void> serving = restart.close_when_told(
      runtime, [&runtime, &servers, close_limit] { return close_gracefully(runtime, servers, close_limit); },
      restart_options);
  for (const Address& address : *addresses) {
    const auto listening = servers.listen(address);
    if (!listening) {
      fmt::print(stderr, "razor_node: listen on {}: {}\n", address, listening.message());
      return kFrameworkError;
    }
    fmt::print("listening {}\n", *listening);
    std::fflush(stdout);
  }
  if (!restart.notify_ready()) return kFrameworkError;
  runtime.block_on(std::move(serving));
  return kOk;
}

}  // namespace razor::node
