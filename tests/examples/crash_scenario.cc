// [quote:program]
#include <razor/razor.h>
#include <sim/scenario.h>

using namespace std::chrono_literals;

struct Adder {
  virtual razor::Call<int> add(int a, int b) = 0;
  RAZOR_SERVICE(Adder, add)
};

struct AdderImpl final : Adder {
  razor::Call<int> add(int a, int b) override { return a + b; }
};

// What runs on the hosts is production code: it sees a Runtime, and cannot tell which.
razor::Task<void> serve(razor::Runtime& runtime) {
  razor::Server server(runtime);
  server.add(std::make_shared<AdderImpl>());
  (void)server.listen(*razor::Address::parse("0.0.0.0:8082"));
  co_await runtime.clock().sleep_for(razor::Duration::max());
}

razor::Task<void> keep_adding(razor::Runtime& runtime, razor::Address address, int& sums) {
  razor::ClientPool pool(runtime, address);
  const razor::Client<Adder> adder(pool);
  while (true) {
    const razor::Reply<int> sum = co_await adder.add(20, 22);
    if (!sum.ok()) continue;  // one that may have run when the server died
    RAZOR_EXPECT(*sum == 42, "the sum is {}", *sum);
    ++sums;
  }
}

RAZOR_SCENARIO(comes_back_after_a_crash) {
  int sums = 0;
  razor::sim::Host& server = world.host("server");
  const razor::Address address = server.address(8082);
  server.start(serve);
  world.host("client").start([&](razor::Runtime& runtime) { return keep_adding(runtime, address, sums); });
  world.run_for(10s);  // of virtual time
  RAZOR_REQUIRE(sums > 0);

  server.crash();  // says nothing to anybody
  world.run_for(10s);
  const int before = sums;
  server.restart();
  RAZOR_EXPECT(world.run_until([&] { return sums > before; }, 5s), "no sum 5 s after the server is back");
}
// [/quote]
