// The code of calculator_talk.cc on real sockets. In simulation it runs in calculator_scenarios.cc.

#include <gtest/gtest.h>

#include "razor/runtime/asio/asio_runtime.h"
#include "razor/runtime/task_scope.h"
#include "tests/scenarios/calculator_talk.h"
#include "tests/support/temp_directory.h"

namespace razor::test {
namespace {

TEST(CalculatorOnAsio, TheCodeThatRunsInSimulationRunsOnSockets) {
  const TempDirectory directory;
  const Address address = Address::unix_socket(directory / "calculator");
  AsioRuntime runtime;
  runtime::TaskScope server(runtime.executor());
  server.spawn("server", serve_calculator(runtime, address));
  EXPECT_EQ(runtime.block_on(ask_calculator(runtime, address)), expected_answers());
}

}  // namespace
}  // namespace razor::test
