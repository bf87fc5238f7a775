// Serves a service and calls it, over TCP on loopback.

#include <razor/razor.h>

#include <cstdio>

struct Greeter {
  virtual razor::Call<std::string> greet(std::string name) = 0;
  RAZOR_SERVICE(Greeter, greet)
};

struct GreeterImpl final : Greeter {
  razor::Call<std::string> greet(std::string name) override { return "hello " + name; }
};

razor::Task<std::string> greet(razor::Runtime& runtime, razor::Address server) {
  auto stream = co_await razor::ClientStream::connect(runtime, server);
  if (!stream) co_return stream.error().message();
  razor::Client<Greeter> greeter(*stream);
  const auto reply = co_await greeter.greet("world");
  co_return reply.ok() ? *reply : reply.call_error().message();
}

int main() {
  razor::AsioRuntime runtime;
  razor::Server server(runtime);
  server.add(std::make_shared<GreeterImpl>());
  const auto address = server.listen(*razor::Address::parse("127.0.0.1:0"));
  if (!address) return 1;
  const std::string greeting = runtime.block_on(greet(runtime, *address));
  std::puts(greeting.c_str());
  return greeting == "hello world" ? 0 : 1;
}
