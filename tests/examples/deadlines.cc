// What a handler knows of the call that it answers: the example of lib/razor/api/README.md, and what it must print.

#include <razor/razor.h>

#include <cstdio>
#include <string>

using namespace std::chrono_literals;

struct Store {
  virtual razor::Call<std::string> get(std::string key) = 0;
  RAZOR_SERVICE(Store, get)
};

struct StoreImpl final : Store {
  razor::Call<std::string> get(std::string key) override {
    const auto deadline = razor::current_context().deadline();
    std::printf("Store.get knows its deadline: %s\n", deadline ? "yes" : "no");
    return "value of " + key;
  }
};

// [quote:deadlines]
struct Search {
  virtual razor::Call<std::string> find(std::string text) = 0;
  virtual razor::Call<int> count(std::string text) = 0;
  RAZOR_SERVICE(Search, find, count)
  RAZOR_CANCELLABLE(count)  // its coroutine is destroyed where it is suspended, once nobody waits for it
};

struct SearchImpl final : Search {
  SearchImpl(razor::Runtime& runtime, razor::Client<Store> store) : runtime_(runtime), store_(store) {}

  razor::Call<std::string> find(std::string text) override {
    const razor::CallContext context = co_await razor::context();
    // What it calls for its caller ends with its caller.
    const auto found = co_await store_.with(context).get(text);
    // A long work looks now and then whether somebody still waits for it.
    for (int page = 0; page < 1000; ++page) {
      if (context.cancelled()) break;
      co_await runtime_.clock().sleep_for(10ms);
    }
    std::printf("find stops: %s\n", context.cancelled() ? "nobody waits for it" : "it is done");
    co_return *found;
  }
  razor::Call<int> count(std::string) override {
    const Guard guard;
    co_await runtime_.clock().sleep_for(1h);
    co_return 1;
  }
// [/quote]

 private:
  struct Guard {
    ~Guard() { std::printf("count is gone\n"); }
  };
  razor::Runtime& runtime_;
  razor::Client<Store> store_;
};

razor::Task<void> talk(razor::Runtime& runtime, razor::Address address) {
  razor::ClientPool pool(runtime, address);
  const razor::Client<Search> search(pool);
  const auto found = co_await search.with({.timeout = 100ms}).find("color");
  std::printf("find: %s\n", found.ok() ? "found" : std::string(name_of(found.call_error().errc())).c_str());
  const auto counted = co_await search.with({.timeout = 100ms}).count("color");
  std::printf("count: %s\n", counted.ok() ? "counted" : std::string(name_of(counted.call_error().errc())).c_str());
  co_await runtime.clock().sleep_for(200ms);  // the server gives a caller's clock a little more time than that
}

int main() {
  razor::AsioRuntime runtime;
  razor::Server stores(runtime);
  stores.add(std::make_shared<StoreImpl>());
  const auto store_address = stores.listen(*razor::Address::parse("127.0.0.1:0"));
  if (!store_address) return 1;
  razor::ClientPool pool(runtime, *store_address);

  razor::Server server(runtime);
  server.add(std::make_shared<SearchImpl>(runtime, razor::Client<Store>(pool)));
  const auto address = server.listen(*razor::Address::parse("127.0.0.1:0"));
  if (!address) return 1;
  runtime.block_on(talk(runtime, *address));
}
