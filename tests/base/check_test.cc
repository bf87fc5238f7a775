// RAZOR_CHECK ends the program, in release builds too. If it were compiled out or silent, the death tests would live.

#include "razor/base/check.h"

#include <gtest/gtest.h>

namespace razor::base {
namespace {

TEST(CheckDeathTest, AFailureNamesThePlaceTheConditionAndTheValues) {
  const int seq = 7;
  EXPECT_DEATH(RAZOR_CHECK(seq > 8, "seq={} last={}", seq, 8), "check_test.cc:[0-9]+: check failed: seq > 8: seq=7 last=8");
}

TEST(Check, ConditionIsEvaluatedOnceAndTheMessageOnlyOnFailure) {
  int conditions = 0;
  int messages = 0;
  RAZOR_CHECK(++conditions == 1, "{}", ++messages);
  EXPECT_EQ(conditions, 1);
  EXPECT_EQ(messages, 0);
}

TEST(Check, IsOneStatement) {
  if (true)
    RAZOR_CHECK(true, "fine");
  else
    FAIL() << "a dangling else took the wrong if";
}

}  // namespace
}  // namespace razor::base
