// Hooks at both ends of calls: the example of lib/razor/api/README.md, and what it must print.

#include <razor/razor.h>

#include <cstdio>
#include <map>
#include <string>

using namespace std::chrono_literals;

enum class StoreError : std::int32_t { no_such_key = 1, not_allowed = 2 };

struct Store {
  virtual razor::Call<std::string, StoreError> get(std::string key) = 0;
  virtual razor::Call<void, StoreError> drop_all() = 0;
  RAZOR_SERVICE(Store, get, drop_all)
};

struct StoreImpl final : Store {
  razor::Call<std::string, StoreError> get(std::string key) override {
    if (key != "color") return razor::Fail{StoreError::no_such_key};
    return std::string("blue");
  }
  razor::Call<void, StoreError> drop_all() override { return {}; }
};

// [quote:call_hook]
// At a client: a line for each call that failed in the framework.
struct FailedCalls final : razor::ClientCallHook {
  void on_end(const razor::CallInfo& call, const razor::CallOutcome& outcome, const razor::CallTimings&) override {
    if (outcome.kind != razor::CallOutcome::Kind::failed) return;
    std::printf("%s: %s\n", std::string(call.method).c_str(), outcome.to_string().c_str());
  }
};

// At a server: a counter for each method, and a method that only some may call.
struct CountedCalls final : razor::ServerCallHook {
  std::optional<razor::Refusal> on_start(const razor::CallInfo& call) override {
    if (call.method == "Store.drop_all" && !is_operator(call.peer)) return razor::refusal_of(StoreError::not_allowed);
    return std::nullopt;
  }
  void on_end(const razor::CallInfo& call, const razor::CallOutcome&, const razor::CallTimings&) override {
    ++calls[std::string(call.method)];
  }
  static bool is_operator(const razor::Address&) { return false; }
  std::map<std::string, int> calls;
};
// [/quote]

razor::Task<void> talk(razor::Runtime& runtime, razor::Address address, FailedCalls& failed_calls) {
  razor::ClientPoolConfig config;
  config.hook = &failed_calls;
  razor::ClientPool pool(runtime, address, config);
  razor::Client<Store> store(pool);
  (void)co_await store.get("color");
  (void)co_await store.get("size");
  const auto dropped = co_await store.drop_all();
  std::printf("drop_all: %s\n", dropped.has_error() && dropped.error() == StoreError::not_allowed ? "not allowed" : "?");
  (void)co_await store.with({.timeout = 0s}).get("color");
}

int main() {
  razor::AsioRuntime runtime;
  CountedCalls counted_calls;
  razor::ServerConfig server_config;
  server_config.hook = &counted_calls;
  razor::Server server(runtime, server_config);
  server.add(std::make_shared<StoreImpl>());
  const auto address = server.listen(*razor::Address::parse("127.0.0.1:0"));
  if (!address) return 1;
  FailedCalls failed_calls;
  runtime.block_on(talk(runtime, *address, failed_calls));
  for (const auto& [method, calls] : counted_calls.calls) std::printf("%s: %d calls\n", method.c_str(), calls);
}
