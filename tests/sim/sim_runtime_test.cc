// What a SimRuntime does that no other Runtime does: its seed chooses the order of what is ready.

#include "sim/sim_runtime.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "sim/world.h"

namespace razor::test {
namespace {

runtime::Task<void> note(char name, std::string& order) {
  order += name;
  co_return;
}

std::string order_of_three(std::uint64_t seed) {
  sim::World world(seed);
  std::string order;
  runtime::Spawner& spawner = world.host("here").runtime().spawner();
  for (const char name : {'a', 'b', 'c'}) spawner.spawn("note", note(name, order));
  world.run_for(std::chrono::seconds(1));
  return order;
}

TEST(SimRuntime, RunsWhatIsReadyInEveryOrderThatThereIs) {
  std::set<std::string> orders;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) orders.insert(order_of_three(seed));
  EXPECT_EQ(orders, (std::set<std::string>{"abc", "acb", "bac", "bca", "cab", "cba"}));
}

TEST(SimRuntime, RunsItInTheSameOrderWithTheSameSeed) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) EXPECT_EQ(order_of_three(seed), order_of_three(seed));
}

}  // namespace
}  // namespace razor::test
