// What a stack reads like. A bug is remembered here: a run that did not end was stopped by a signal while the simulator was
// in a stub of the program's table of library functions, which has no name. That frame was taken for the program's, and the
// text ended with the simulator's next one: "troubled_scenarios+0x16b8f", and no word of the function that turned.

#include "sim/stack.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace razor::sim {

// Stands for the simulator's functions, which are told by their namespace.
[[gnu::noinline]] std::vector<void*> frames_from_the_simulator() {
  const Stack stack = Stack::here();
  return {stack.all().begin(), stack.all().end()};
}

namespace {

const char kNoFunction[16] = {};
void* place_without_a_name() { return const_cast<char*>(kNoFunction) + 8; }

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace
}  // namespace razor::sim

// Not in razor::sim: the program that the simulator runs.
namespace razor::test {
namespace {

[[gnu::noinline]] std::vector<void*> function_of_the_program() {
  std::vector<void*> frames = sim::frames_from_the_simulator();
  asm volatile("");  // no tail call: this frame stays
  return frames;
}

TEST(StackText, BeginsWithTheProgram) {
  const std::string text = sim::stack_text(function_of_the_program());
  EXPECT_TRUE(text.starts_with("\n    razor::test::function_of_the_program()")) << text;
  EXPECT_EQ(text.find("sim::"), text.npos) << text;
}

TEST(StackText, AStubOnTheSimulatorsWayOutIsNotTheProgram) {
  std::vector<void*> frames = function_of_the_program();
  frames.insert(frames.begin(), sim::place_without_a_name());
  const std::string text = sim::stack_text(frames);
  EXPECT_TRUE(text.starts_with("\n    razor::test::function_of_the_program()")) << text;
}

TEST(StackText, WithoutAnyNamePlacesAreShown) {
  const std::string text = sim::stack_text(std::vector<void*>(3, sim::place_without_a_name()));
  EXPECT_EQ(sim::lines_in(text), 3U) << text;
  EXPECT_NE(text.find("sim_test+0x"), text.npos) << text;
}

}  // namespace
}  // namespace razor::test
