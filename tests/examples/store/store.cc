// One replica of the store, as a process of its own.
//
//   store --name s1 --listen 127.0.0.1:0 --data /var/lib/store     prints "listening 127.0.0.1:40123"
//
// Its peers it is told with --peers, or later by Operations.join; it remembers them.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "replica_services.h"

namespace {

struct Options {
  std::string name;
  std::string listen = "127.0.0.1:0";
  std::vector<std::string> peers;
  std::string data;
  std::string history;
  store::ReplicaConfig config;
};

[[noreturn]] void end_with(int status, const std::string& why) {
  std::fprintf(stderr, "store: %s\n", why.c_str());
  std::exit(status);
}

constexpr int kFailed = 1, kUsageError = 64;
constexpr const char* kUsage =
    "store --name NAME --data DIRECTORY [--listen ADDRESS] [--peers ADDRESS,ADDRESS] [--history FILE]\n"
    "      [--takeover MILLISECONDS]   after hearing no primary for so long it becomes one; 0: only when it is told to\n"
    "      [--bug acknowledge_early|stale_read|run_twice]";

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char character : text) {
    if (character == ',') {
      parts.emplace_back();
    } else {
      parts.back() += character;
    }
  }
  return parts;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int at = 1; at < argc; at += 2) {
    const std::string option = argv[at];
    if (at + 1 == argc) end_with(kUsageError, option + ": what?\n" + kUsage);
    const std::string value = argv[at + 1];
    if (option == "--name") {
      options.name = value;
    } else if (option == "--listen") {
      options.listen = value;
    } else if (option == "--peers") {
      options.peers = split(value);
    } else if (option == "--data") {
      options.data = value;
    } else if (option == "--history") {
      options.history = value;
    } else if (option == "--takeover") {
      char* end = nullptr;
      const long milliseconds = std::strtol(value.c_str(), &end, 10);
      if (value.empty() || *end != '\0' || milliseconds < 0 || milliseconds > 3'600'000) {
        end_with(kUsageError, "--takeover: want milliseconds, up to an hour, not " + value);
      }
      options.config.takeover_after = std::chrono::milliseconds(milliseconds);
    } else if (option == "--bug") {
      const auto bug = store::bug_named(value);
      if (!bug) end_with(kUsageError, "--bug: there is no " + value);
      options.config.bug = *bug;
    } else {
      end_with(kUsageError, "no such option: " + option + "\n" + kUsage);
    }
  }
  if (options.name.empty() || options.data.empty())
    end_with(kUsageError, std::string("--name or --data is missing\n") + kUsage);
  return options;
}

razor::Task<void> serve_until_told(razor::Server& server, razor::Task<int> told) {
  co_await std::move(told);
  co_await server.close(std::chrono::seconds(1));
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  std::unique_ptr<razor::HistoryRecorder> recorder;
  if (!options.history.empty()) {
    auto opened = razor::HistoryRecorder::open(options.history, options.name);
    if (!opened) end_with(kFailed, opened.message());
    recorder = std::move(*opened);
  }

  razor::AsioRuntime runtime;
  store::FileStorage storage(options.data + "/" + options.name + ".log");
  store::Replica replica(runtime, storage, options.config, recorder.get());
  razor::Server server(runtime);
  store::serve(server, replica);
  const auto address = razor::Address::parse(options.listen);
  if (!address) end_with(kUsageError, "--listen: " + address.message());
  const auto listening = server.listen(*address);
  if (!listening) end_with(kFailed, "listen on " + options.listen + ": " + listening.message());
  replica.set_address(listening->to_string());
  if (!options.peers.empty()) {
    if (const std::string wrong = replica.join(options.peers); !wrong.empty()) end_with(kUsageError, "--peers: " + wrong);
  }
  razor::Task<void> serving = serve_until_told(server, runtime.wait_for_signal(SIGTERM, SIGINT));
  std::printf("listening %s\n", listening->to_string().c_str());
  std::fflush(stdout);
  runtime.block_on(std::move(serving));
  return 0;
}
