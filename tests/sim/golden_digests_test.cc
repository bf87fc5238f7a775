// The same seed gives the same run from every compiler, optimised or not, sanitized or not, wherever the process's memory
// lies: the digests in golden_digests.txt, which were written once. A std::hash, an order of evaluation, an uninitialised
// byte or a floating point number that finds its way into a run changes some.
//
// A change of the simulator, or of the library, may change what happens on purpose. Then write them anew:
//   build/tests/golden_scenarios --digests --seeds 5 > tests/sim/golden_digests.txt

#include <gtest/gtest.h>

#include <fstream>

#include "sim/scenario.h"

namespace razor::sim {
namespace {

TEST(GoldenDigests, AreReproduced) {
  std::ifstream golden(RAZOR_GOLDEN_DIGESTS);
  std::string name;
  std::uint64_t seed = 0;
  std::string expected;
  std::size_t count = 0;
  while (golden >> name >> seed >> expected) {
    ++count;
    ASSERT_NE(find_scenario(name), nullptr) << name;
    const ScenarioResult result = run_scenario(name, seed);
    EXPECT_EQ(result.text(), "");
    EXPECT_EQ(fmt::format("{:016x}", result.digest), expected) << name << ", seed " << seed;
  }
  EXPECT_EQ(count, 5 * scenarios().size());
}

}  // namespace
}  // namespace razor::sim
