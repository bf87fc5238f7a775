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

Task<void> close_gracefully(AsioRuntime& runtime, Server& server, base::Duration limit) {
  runtime.log().log(LogLevel::info, "closing: {}", server.stats().to_string());
  co_await server.close(limit);
  runtime.log().log(LogLevel::info, "closed: {}", server.stats().to_string());
}

}  // namespace

int serve(const ServeOptions& options, SpdlogSink& log) {
  const auto addresses = parse_addresses(options.listen);
  if (!addresses) return kUsageError;

  Restart restart(&log);  // first: it takes over sockets that a predecessor, or systemd, hands on
  std::unique_ptr<HistoryRecorder> history;
  if (!open_history(options.history, log, history)) return kFrameworkError;

  AsioRuntime runtime(AsioConfig{.spin = std::chrono::microseconds(options.spin_us), .log = &log, .restart = &restart});
  ServerConfig config;
  config.handlers_max = options.handlers_max;
  Server server(runtime, config);
  FileActions files;
  std::function<void(std::string_view)> on_echo;
  // The texts of a load with a history begin with the ids of their calls.
  if (history) on_echo = [&history](std::string_view text) { history->ran(text.substr(0, text.find(' '))); };
  server.add(std::make_shared<Calculator>(runtime.clock(), on_echo));
  server.add(std::make_shared<Worker>(runtime, std::chrono::microseconds(options.work_us)));
  server.set_fallback(files);
  server.accept_format(json_format());

  // From here on a signal closes gracefully, also one that comes before the addresses are printed.
  RestartOptions restart_options;
  restart_options.on_signal = options.restart_on.empty() ? 0 : restart_signals().at(options.restart_on);
  restart_options.ready_timeout = duration_of(options.restart_ready_timeout_seconds);
  const base::Duration close_limit = duration_of(options.close_limit_seconds);
  Task<void> serving = restart.close_when_told(
      runtime, [&runtime, &server, close_limit] { return close_gracefully(runtime, server, close_limit); }, restart_options);
  for (const Address& address : *addresses) {
    const auto listening = server.listen(address);
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
