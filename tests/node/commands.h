#pragma once
// The commands of razor_node, each in a file of its own.

#include <csignal>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "razor/base/time.h"
#include "razor/stream/hello_mode.h"
#include "razor/stream/server_config.h"
#include "tests/node/spdlog_sink.h"

namespace razor::node {

/// Exit statuses.
inline constexpr int kOk = 0;
inline constexpr int kApplicationError = 1;
inline constexpr int kFrameworkError = 2;
inline constexpr int kUsageError = 64;

struct ServeOptions {
  std::vector<std::string> listen;
  double close_limit_seconds = 5;
  unsigned spin_us = 0;
  unsigned handlers_max = ServerConfig{}.handlers_max;
  unsigned work_us = 1000;  // for each call of WorkerService.work
  unsigned threads = 1;
  std::string history;  // a file; empty: none
  std::string restart_on;  // the name of a signal; empty: none
  double restart_ready_timeout_seconds = 10;
};
/// The signals that may ask for a restart, by their names.
inline const std::map<std::string, int>& restart_signals() {
  static const std::map<std::string, int> signals = {{"SIGHUP", SIGHUP}, {"SIGUSR1", SIGUSR1}, {"SIGUSR2", SIGUSR2}};
  return signals;
}
/// Serves until SIGTERM or SIGINT, or until a successor does that a signal asked for; then closes gracefully.
int serve(const ServeOptions& options, SpdlogSink& log);

inline base::Duration duration_of(double seconds) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
}

/// Of the names that the command line lets pass: off, auto, require.
inline HelloMode hello_named(const std::string& name) {
  if (name == "auto") return HelloMode::automatic;
  return name == "require" ? HelloMode::required : HelloMode::off;
}

struct CallCommandOptions {
  std::string address;
  std::string action;
  std::string arguments;
  std::string hello = "auto";
  double timeout_seconds = 20;
};
/// Makes one call; prints its result to stdout, its error to stderr, both as JSON.
int call(const CallCommandOptions& options, SpdlogSink& log);

struct LoadOptions {
  std::vector<std::string> connect;
  std::string addresses_file;  // instead of `connect`; read again at each SIGHUP
  std::string history;  // a file; empty: none
  std::string interface = "api";
  std::string handler = "plain";
  std::string direction = "up";  // of the payload, by the stream interface; by the api it goes both ways
  unsigned in_flight = 128;
  unsigned window = 0;  // 0: in_flight
  unsigned connections = 1;
  bool pool = false;        // one pool over all addresses, instead of connections that know nothing of each other
  std::string balance = "round_robin";
  std::string hello = "auto";
  bool idempotent = false;  // a pool may send a call again that may have run
  std::size_t payload = 64;
  std::optional<double> rate;          // calls a second; without, as many as may be in flight
  std::optional<std::uint64_t> calls;  // in total; without, as many as there is time for
  double seconds = 5;
  double timeout_seconds = 20;
  unsigned spin_us = 0;
  bool json = false;
  std::optional<double> report_every_seconds;
  bool progress = false;  // also where nobody looks: when stderr is no terminal, or with `json`
};
/// Keeps calls in flight for a while and reports how many ended how, and how fast.
int load(const LoadOptions& options, SpdlogSink& log);

}  // namespace razor::node
