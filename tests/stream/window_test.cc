// Window: a counter that may not pass its limit. Off by one, it lets window + 1 calls through.

#include "razor/stream/internal/window.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace razor::stream {
namespace {

TEST(Window, AdmitsAsManyAsItsLimit) {
  Window window(2);
  EXPECT_EQ(window.limit(), 2u);
  EXPECT_TRUE(window.has_room());
  window.acquire();
  EXPECT_TRUE(window.has_room());
  window.acquire();
  EXPECT_FALSE(window.has_room());
  EXPECT_EQ(window.used(), 2u);
  window.release();
  EXPECT_TRUE(window.has_room());
  EXPECT_EQ(window.used(), 1u);
}

TEST(WindowDeathTest, MisuseIsABug) {
  EXPECT_DEATH(Window(0), "lets nothing pass");
  Window window(1);
  EXPECT_DEATH(window.release(), "unused window");
  window.acquire();
  EXPECT_DEATH(window.acquire(), "window of 1 is full");
}

RC_GTEST_PROP(Window, CountsAsAPlainNumberDoes, ()) {
  const auto limit = *rc::gen::inRange<std::uint32_t>(1, 20);
  Window window(limit);
  std::uint32_t used = 0;
  for (const bool wants_in : *rc::gen::container<std::vector<bool>>(rc::gen::arbitrary<bool>())) {
    if (wants_in && window.has_room()) {
      window.acquire();
      ++used;
    } else if (!wants_in && used > 0) {
      window.release();
      --used;
    }
    RC_ASSERT(window.used() == used);
    RC_ASSERT(window.has_room() == (used < limit));
  }
}

}  // namespace
}  // namespace razor::stream
