// Texts of spans of time. One in the wrong unit, or with too few digits, sends whoever reads an error message to the wrong
// timeout.

#include "razor/base/time_text.h"

#include <gtest/gtest.h>

namespace razor::base {
namespace {

using namespace std::chrono_literals;

TEST(TimeText, ASpanIsShownInTheLargestUnitThatItFills) {
  EXPECT_EQ(span_text(1s), "1 s");
  EXPECT_EQ(span_text(999ms), "999 ms");
  EXPECT_EQ(span_text(1ms), "1 ms");
  EXPECT_EQ(span_text(999us), "999 us");
  EXPECT_EQ(span_text(2min), "120 s");
}

TEST(TimeText, ThreeDigitsAreShown) {
  EXPECT_EQ(span_text(1500ms), "1.5 s");
  EXPECT_EQ(span_text(1234567us), "1.23 s");
  EXPECT_EQ(span_text(12345us), "12.3 ms");
  EXPECT_EQ(span_text(35400ns), "35.4 us");
  EXPECT_EQ(span_text(1ns), "0.001 us");
}

TEST(TimeText, NoTimeIsShownAsSuch) { EXPECT_EQ(span_text(0ns), "0 us"); }

}  // namespace
}  // namespace razor::base
