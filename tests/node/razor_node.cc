// razor_node: a server, a caller and a load generator in one program, for tests, demos and first steps.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "tests/node/commands.h"

using namespace razor::node;

namespace {

// At least a microsecond, since less is no nanosecond and then taken for no limit; and few enough to count in
// nanoseconds. CLI11's own checks let infinities and NaN through.
const CLI::Validator kSeconds(
    [](std::string& text) -> std::string {
      double value = 0;
      if (!CLI::detail::lexical_cast(text, value) || !(value >= 1e-6) || value > 1e9) {
        return "must be a number from 1e-6 to 1e9: " + text;
      }
      return {};
    },
    "SECONDS");
const CLI::Validator kRate(
    [](std::string& text) -> std::string {
      double value = 0;
      if (!CLI::detail::lexical_cast(text, value) || !(value >= 1e-3) || value > 1e6) {
        return "must be a number from 1e-3 to 1e6: " + text;
      }
      return {};
    },
    "CALLS A SECOND");
// Of a blob, and of an argument of the api, which the text of its message is a part of.
constexpr std::size_t kBlobBytesMax = 64u * 1024 * 1024;
constexpr std::size_t kArgumentBytesMax = 16u * 1024 * 1024 - 64;
// Without a check an empty text would be taken for 0.
const CLI::Range kMicroseconds(0u, 1'000'000u);

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A razor-rpc server, caller and load generator.", "razor_node");
  app.require_subcommand(1);
  app.fallthrough();  // --log may also stand behind the command
  std::string log_level = "warning";
  app.add_option("--log", log_level, "Least level of log lines on stderr")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));

  ServeOptions serve_options;
  CLI::App* serve_command = app.add_subcommand("serve", "Serve CalculatorService and the stream actions until SIGTERM");
  serve_command->add_option("--listen", serve_options.listen, "HOST:PORT, [IPV6]:PORT or unix:PATH; may be repeated")
      ->required();
  serve_command->add_option("--close-limit", serve_options.close_limit_seconds, "Seconds for closing gracefully")
      ->check(kSeconds);
  serve_command->add_option("--spin-us", serve_options.spin_us, "Microseconds to look for work before sleeping")
      ->check(kMicroseconds);
  serve_command->add_option("--threads", serve_options.threads, "Threads that serve; each connection stays on one of them")
      ->check(CLI::Range(1u, 256u));
  serve_command->add_option("--handlers-max", serve_options.handlers_max, "Calls at a time, above which others are refused")
      ->check(CLI::Range(1u, 1'000'000u));
  serve_command
      ->add_option("--work-us", serve_options.work_us,
                   "Microseconds that WorkerService.work works for each call, one after the other")
      ->check(CLI::Range(1u, 1'000'000u));
  CLI::Option* restart_on =
      serve_command
          ->add_option("--restart-on", serve_options.restart_on,
                       "At this signal start a successor, which gets the listening sockets, and close when it is ready")
          ->check(CLI::IsMember(restart_signals()));
  serve_command
      ->add_option("--restart-ready-timeout", serve_options.restart_ready_timeout_seconds,
                   "Seconds until a successor that is not ready is killed")
      ->check(kSeconds)
      ->needs(restart_on);
  const char* const hello_text = "Speak more than plain version 1: deadlines travel, and a server that closes is heard";
  const char* const history_text = "Append the calls to this file, for checkers; it names the process";
  serve_command->add_option("--history", serve_options.history, history_text);

  CallCommandOptions call_options;
  CLI::App* call_command = app.add_subcommand("call", "Make one call and print its result as JSON");
  call_command->add_option("address", call_options.address, "HOST:PORT, [IPV6]:PORT or unix:PATH")->required();
  call_command->add_option("action", call_options.action, "Service.method, or the number of a stream action")->required();
  call_command->add_option("arguments", call_options.arguments,
                           "JSON: the value of a single parameter, an array of several; nothing for none");
  call_command->add_option("--hello", call_options.hello, hello_text)->check(CLI::IsMember({"off", "auto", "require"}));
  call_command->add_option("--timeout", call_options.timeout_seconds, "Seconds, connecting included")->check(kSeconds);

  LoadOptions load_options;
  CLI::App* load_command = app.add_subcommand("load", "Keep calls in flight and report rates, latencies and errors");
  CLI::Option* connect =
      load_command->add_option("--connect", load_options.connect, "HOST:PORT, [IPV6]:PORT or unix:PATH; may be repeated");
  CLI::Option* addresses =
      load_command->add_option("--addresses", load_options.addresses_file,
                               "A file with a line for each address, instead of --connect; read again at each SIGHUP");
  addresses->excludes(connect);
  load_command
      ->add_option("--interface", load_options.interface,
                   "What is measured; worker: calls of WorkerService.work, whose capacity is fixed")
      ->check(CLI::IsMember({"stream", "api", "worker"}));
  const CLI::Option* handler =
      load_command->add_option("--handler", load_options.handler, "Callbacks and plain handlers, or coroutines at both ends")
          ->check(CLI::IsMember({"plain", "coroutine"}));
  load_command
      ->add_option("--in-flight", load_options.in_flight, "Calls under way on each connection; with --pool: in total")
      ->check(CLI::Range(1u, 1'000'000u));
  load_command->add_option("--window", load_options.window, "Window of each connection; default: as --in-flight")
      ->check(CLI::Range(1u, 1'000'000u));
  load_command
      ->add_option("--connections", load_options.connections,
                   "Connections, spread over the addresses; with --pool: at most so many to each address")
      ->check(CLI::Range(1u, 10'000u));
  CLI::Option* pool =
      load_command->add_flag("--pool", load_options.pool,
                             "Call through one pool over all addresses, which fails over; without, a connection that "
                             "ends takes its calls along, and is made anew");
  addresses->needs(pool);
  load_command->add_option("--history", load_options.history, history_text);
  load_command->add_option("--hello", load_options.hello, hello_text)->check(CLI::IsMember({"off", "auto", "require"}));
  load_command->add_option("--balance", load_options.balance, "Which address gets a call; with --pool")
      ->check(CLI::IsMember({"round_robin", "leader", "least_in_flight"}))
      ->needs(pool);
  load_command
      ->add_flag("--idempotent", load_options.idempotent,
                 "Calls that may have run may be sent again, to another address; with --pool")
      ->needs(pool);
  const CLI::Option* payload =
      load_command
          ->add_option("--payload", load_options.payload,
                       "Bytes that each call carries: with --interface api both ways, as an argument and its result, up "
                       "to 16 MiB; with stream one way, as a blob, up to 64 MiB")
          ->check(CLI::Range(std::size_t{0}, kBlobBytesMax));
  const CLI::Option* direction =
      load_command->add_option("--direction", load_options.direction, "Which way the payload goes; with --interface stream")
          ->check(CLI::IsMember({"up", "down"}));
  load_command
      ->add_option("--rate", load_options.rate,
                   "Calls a second, begun at even distances, whether or not others are answered, as long as no more "
                   "than --in-flight are under way; default: as many as those can make")
      ->check(kRate);
  load_command->add_option("--calls", load_options.calls, "How many, then it ends; default: as many as there is time for")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
  load_command->add_option("--seconds", load_options.seconds, "How long")->check(kSeconds);
  load_command->add_option("--timeout", load_options.timeout_seconds, "Deadline of each call, in seconds")->check(kSeconds);
  load_command->add_option("--spin-us", load_options.spin_us, "Microseconds to look for work before sleeping")
      ->check(kMicroseconds);
  CLI::Option* json = load_command->add_flag("--json", load_options.json, "Print one JSON object instead of a table");
  load_command
      ->add_option("--report-every", load_options.report_every_seconds,
                   "Seconds: print a line of JSON as often, before that of the whole; with --json")
      ->check(kSeconds)
      ->needs(json);
  load_command->add_flag("--progress", load_options.progress,
                         "Show live progress on stderr; the default on a terminal, without --json");

  load_command->parse_complete_callback([&] {
    if (connect->count() + addresses->count() == 0) throw CLI::RequiredError("--connect");
    if (load_options.interface == "worker" && handler->count() + payload->count() > 0) {
      throw CLI::ValidationError("--interface", "worker has neither --handler nor --payload");
    }
    if (load_options.interface != "api" && !load_options.history.empty()) {
      throw CLI::ValidationError("--history", "requires --interface api");
    }
    if (load_options.interface == "stream") return;
    if (direction->count() > 0) throw CLI::ValidationError("--direction", "requires --interface stream");
    if (load_options.payload > kArgumentBytesMax) {
      throw CLI::ValidationError("--payload", fmt::format("{} bytes: above {} requires --interface stream",
                                                          load_options.payload, kArgumentBytesMax));
    }
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsageError;
  }

  const std::map<std::string, razor::LogLevel> levels = {{"debug", razor::LogLevel::debug},
                                                         {"info", razor::LogLevel::info},
                                                         {"warning", razor::LogLevel::warning},
                                                         {"error", razor::LogLevel::error}};
  SpdlogSink log(levels.at(log_level));
  try {
    if (*serve_command) return serve(serve_options, log);
    if (*call_command) return call(call_options, log);
    return load(load_options, log);
  } catch (const std::exception& error) {
    fmt::print(stderr, "razor_node: {}\n", error.what());
    return kFrameworkError;
  }
}
