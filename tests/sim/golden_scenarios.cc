// Scenarios whose digests every compiler must reproduce (golden_digests.txt), and that must do the same twice: between them
// they use hosts, links, faults, clocks, chance and the whole library.

#include <array>

#include "razor/api/client.h"
#include "razor/api/server.h"
#include "razor/api/service.h"
#include "razor/stream/client_stream.h"
#include "sim/scenario.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 7000;

// --- Bytes between hosts that crash and links that are cut ---

Task<void> echo(std::unique_ptr<runtime::ByteStream> stream) {
  std::array<std::byte, 1024> buffer;
  while (true) {
    const auto count = co_await stream->read(buffer);
    if (!count || *count == 0) co_return;
    const ByteView answer = ByteView(buffer).first(*count);
    const auto written = co_await stream->write({&answer, 1});
    if (!written) co_return;
  }
}

Task<void> serve_echo(Runtime& runtime) {
  auto listener = runtime.network().listen(Address::tcp("0.0.0.0", kPort));
  while (true) {
    auto stream = co_await (*listener)->accept();
    if (!stream) co_return;
    runtime.executor().spawn("echo", echo(std::move(*stream)));
  }
}

// Sends bytes of many sizes, and connects again when the connection is lost.
Task<void> send_bytes(Runtime& runtime, Address server, std::uint64_t& echoed) {
  sim::RandomStream sizes(runtime.random().seed_for("sizes"));
  std::array<std::byte, 4096> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 31);
  while (true) {
    auto stream = co_await runtime.network().connect(server);
    if (!stream) {
      co_await runtime.clock().sleep_for(500ms);
      continue;
    }
    bool is_connected = true;
    while (is_connected) {
      const ByteView message = ByteView(bytes).first(1 + sizes.below(bytes.size()));
      const auto written = co_await (*stream)->write({&message, 1});
      is_connected = static_cast<bool>(written);
      for (std::size_t received = 0; is_connected && received < message.size();) {
        std::array<std::byte, 700> buffer;
        const auto count = co_await (*stream)->read(buffer);
        is_connected = count && *count > 0;
        if (!is_connected) break;
        received += *count;
        echoed += *count;
      }
      if (is_connected) co_await runtime.clock().sleep_for(20ms);
    }
  }
}

RAZOR_SCENARIO(echo_under_faults) {
  sim::LinkConfig link;
  link.latency = {.least = 1ms, .spread = 2ms, .shape = sim::Latency::Shape::exponential};
  link.bytes_per_second = 10'000'000;
  world.fabric().set_link_config(link);
  sim::Host& server = world.host("server");
  server.start(serve_echo);
  std::uint64_t echoed = 0;
  const Address address = server.address(kPort);
  for (const char* name : {"ada", "bob"}) {
    world.host(name).start([&echoed, address](Runtime& runtime) { return send_bytes(runtime, address, echoed); });
  }
  sim::RandomStream chance = world.random("faults");
  for (int i = 0; i < 4; ++i) {
    world.run_for(chance.between(100ms, 400ms));
    switch (chance.below(4)) {
      case 0: server.restart(); break;
      case 1: world.cut(server, world.host("ada")); break;
      case 2: world.host("bob").pause(); break;
      default: world.host("ada").set_drift_ppm(500); break;
    }
    world.run_for(chance.between(10ms, 300ms));
    world.heal_all();
    world.host("bob").resume();
  }
  world.run_for(2s);
  RAZOR_EXPECT(echoed > 0, "nothing came back");
}

// --- Calls of a service ---

struct Adder {
  virtual Call<int, std::string> add(int a, int b) = 0;
  virtual Call<std::string> later(std::string text) = 0;
  RAZOR_SERVICE(Adder, add, later)
};

class AdderImpl final : public Adder {
 public:
  explicit AdderImpl(Runtime& runtime) : runtime_(runtime) {}
  Call<int, std::string> add(int a, int b) override {
    if (a < 0) return Fail{"negative"};
    return a + b;
  }
  Call<std::string> later(std::string text) override {
    co_await runtime_.clock().sleep_for(30ms);
    co_return text + "!";
  }

 private:
  Runtime& runtime_;
};

Task<void> serve_adder(Runtime& runtime) {
  Server server(runtime);
  server.add(std::make_shared<AdderImpl>(runtime));
  (void)server.listen(Address::tcp("0.0.0.0", kPort));
  co_await runtime.clock().sleep_for(Duration::max());
}

struct Answers {
  int right = 0;
  int wrong = 0;
  int failed = 0;
};

Task<void> ask(Runtime& runtime, Address server, int first, Answers& answers) {
  auto stream = co_await ClientStream::connect(runtime, server);
  if (!stream) co_return;
  Client<Adder> adder(*stream);
  for (int i = first; i < first + 20; ++i) {
    const int summand = i % 7 == 0 ? -1 : i;  // g++ 12 may evaluate both where a co_await stands
    const Reply<int, std::string> sum = co_await adder.add(summand, 1);
    const std::string text(static_cast<std::size_t>(i), 'x');
    const Reply<std::string> later = co_await adder.with({.timeout = 35ms}).later(text);
    const bool is_right = sum.ok() ? *sum == i + 1 : sum.has_error() && i % 7 == 0;
    ++(sum.ok() || sum.has_error() ? (is_right ? answers.right : answers.wrong) : answers.failed);
    if (later.ok()) ++(*later == text + "!" ? answers.right : answers.wrong);
  }
}

RAZOR_SCENARIO(calls) {
  sim::Host& server = world.host("server");
  server.start(serve_adder);
  Answers answers;
  const Address address = server.address(kPort);
  sim::Host& client = world.host("client");
  for (int i = 0; i < 3; ++i) {
    client.start([&answers, address, i](Runtime& runtime) { return ask(runtime, address, 20 * i, answers); });
  }
  world.run_for(300ms);
  world.cut(server, client);
  world.after(2s, [&world, &server, &client] { world.heal(server, client); });
  world.run_for(1min);
  world.note(fmt::format("{} {}", answers.right, answers.failed));
  RAZOR_EXPECT(answers.wrong == 0 && answers.right > 0, "{} right, {} wrong", answers.right, answers.wrong);
}

// --- Time on clocks that drift ---

Task<void> tick(Runtime& runtime, sim::World& world) {
  sim::RandomStream chance(runtime.random().seed_for("ticks"));
  const TimePoint started_at = runtime.clock().now();
  for (int i = 0; i < 50; ++i) {
    co_await runtime.clock().sleep_for(chance.between(1us, 10ms));
    world.note(fmt::format("{}", (runtime.clock().now() - started_at).count()));
  }
}

RAZOR_SCENARIO(clocks) {
  sim::RandomStream drift = world.random("drift");
  for (const char* name : {"ada", "bob", "cyd"}) {
    sim::Host& host = world.host(name);
    host.start([&world](Runtime& runtime) { return tick(runtime, world); });
    host.set_drift_ppm(static_cast<std::int32_t>(drift.below(2000)) - 1000);
  }
  RAZOR_EXPECT(world.run_until_idle(10s));
}

}  // namespace
}  // namespace razor::test
