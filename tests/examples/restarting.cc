// lib/razor/runtime/README.md, "Restarting without a lost call": a server that is replaced on SIGHUP.
//
// Run as a test it plays both parts: the first process asks itself for a restart, its successor tells itself to end.

#include <razor/razor.h>

#include <cstdio>

using namespace std::chrono_literals;

struct Greeter {
  virtual razor::Call<std::string> greet(std::string name) = 0;
  RAZOR_SERVICE(Greeter, greet)
};

class GreeterImpl final : public Greeter {
 public:
  razor::Call<std::string> greet(std::string name) override { return "hello, " + name; }
};

int main() {
  // [quote:restart]
  razor::Restart restart;  // first: it takes over the sockets that a predecessor, or systemd, hands on
  razor::AsioConfig config;
  config.restart = &restart;
  razor::AsioRuntime runtime(config);
  razor::Server server(runtime);
  server.add(std::make_shared<GreeterImpl>());

  razor::RestartOptions options;
  options.on_signal = SIGHUP;
  options.ready_timeout = 10s;
  // Signals count from here on.
  razor::Task<void> serving = restart.close_when_told(runtime, [&server] { return server.close(5s); }, options);
  const auto address = server.listen(razor::Address::tcp("127.0.0.1", 0));  // the predecessor's socket, if there is one
  if (!address) return 1;
  const bool is_successor = restart.has_predecessor();
  if (!restart.notify_ready()) return 1;  // too late: the predecessor goes on
  // [/quote]
  std::printf("%s on port %s\n", is_successor ? "successor" : "first", address->port() == 0 ? "none" : "its own");
  std::fflush(stdout);
  std::raise(is_successor ? SIGTERM : SIGHUP);
  // [quote:run]
  runtime.block_on(std::move(serving));  // returns when told to end, or when a successor serves
  // [/quote]
  std::printf("%s has closed\n", is_successor ? "successor" : "first");
}
