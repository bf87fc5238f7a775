// What a call says beside its arguments: the example of lib/razor/api/README.md, and what it must print.

#include <razor/razor.h>

#include <algorithm>
#include <cstdio>
#include <string>

// [quote:metadata]
struct Orders {
  virtual razor::Call<int> count() = 0;
  RAZOR_SERVICE(Orders, count)
};

struct OrdersImpl final : Orders {
  razor::Call<int> count() override {
    const std::string tenant(razor::current_context().metadata("tenant").value_or("nobody"));
    return static_cast<int>(tenant.size());
  }
};

// Refuses calls without the token, before they are dispatched.
struct Tokens final : razor::ServerCallHook {
  std::optional<razor::Refusal> on_start(const razor::CallInfo& call) override {
    const auto is_valid = [](const razor::MetadataItem& item) { return item.key == "token" && item.text() == "secret"; };
    if (std::ranges::any_of(call.metadata, is_valid)) return std::nullopt;
    return razor::Refusal(razor::Errc::denied, "a token is needed");
  }
  void on_end(const razor::CallInfo&, const razor::CallOutcome&, const razor::CallTimings&) override {}
};

razor::Task<void> talk(razor::Client<Orders> orders, std::string token) {
  const auto as_acme = orders.with({.metadata = {{"tenant", "acme"}, {"token", token}}});
  const razor::Reply<int> count = co_await as_acme.count();
  std::printf("with a token: %d\n", *count);
  const razor::Reply<int> without = co_await orders.count();
  std::printf("without: %s\n", without.call_error().message().c_str());
}
// [/quote]

int main() {
  razor::AsioRuntime runtime;
  Tokens tokens;
  razor::ServerConfig config;
  config.hook = &tokens;
  razor::Server server(runtime, config);
  server.add(std::make_shared<OrdersImpl>());
  const auto address = server.listen(*razor::Address::parse("127.0.0.1:0"));
  if (!address) return 1;
  razor::ClientPool pool(runtime, *address);
  runtime.block_on(talk(razor::Client<Orders>(pool), "secret"));
}
