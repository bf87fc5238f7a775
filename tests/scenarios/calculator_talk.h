#pragma once
// A service and its client, written once, for any Runtime: tests run the same compiled code on Boost.Asio
// (calculator_on_asio_test.cc) and in a simulated world (calculator_scenarios.cc).

#include <string>
#include <vector>

#include "razor/runtime/runtime.h"
#include "razor/runtime/task.h"

namespace razor::test {

/// Serves the calculator at `address` for as long as the task lives.
Task<void> serve_calculator(Runtime& runtime, Address address);

/// Asks the calculator there everything it knows. Gives a line for each answer.
Task<std::vector<std::string>> ask_calculator(Runtime& runtime, Address address);
/// The lines that it should give.
std::vector<std::string> expected_answers();

}  // namespace razor::test
