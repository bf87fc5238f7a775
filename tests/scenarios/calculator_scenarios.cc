// The code of calculator_talk.cc over two simulated hosts.

#include "sim/scenario.h"
#include "tests/scenarios/calculator_talk.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;

Task<void> ask(Runtime& runtime, Address address, std::vector<std::string>& lines) {
  lines = co_await ask_calculator(runtime, address);
}

RAZOR_SCENARIO(calculator_over_two_hosts) {
  std::vector<std::string> lines;
  sim::Host& server = world.host("server");
  const Address address = server.address(8082);
  server.start([address](Runtime& runtime) { return serve_calculator(runtime, address); });
  world.host("client").start([address, &lines](Runtime& runtime) { return ask(runtime, address, lines); });
  RAZOR_REQUIRE(world.run_until([&lines] { return !lines.empty(); }, 10s), "no answers within 10 s");
  RAZOR_EXPECT(lines == expected_answers());
}

}  // namespace
}  // namespace razor::test
