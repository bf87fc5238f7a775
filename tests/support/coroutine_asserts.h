#pragma once
// ASSERT_* of GoogleTest return from the function, which a coroutine may not. These do it with co_return, in coroutines
// without a result.

#include <gtest/gtest.h>

// Do not await inside the condition: g++ 12.2 miscompiles it in a coroutine that declares no variable. Name the result.
#define CO_ASSERT_TRUE(condition)                                      \
  if (const bool co_assert_holds = bool(condition); co_assert_holds) { \
  } else {                                                             \
    ADD_FAILURE() << "CO_ASSERT_TRUE(" #condition ")";                 \
    co_return;                                                         \
  }                                                                    \
  static_assert(true, "a semicolon follows")

#define CO_ASSERT_EQ(actual, expected) \
  if ((actual) == (expected)) {        \
  } else {                             \
    EXPECT_EQ(actual, expected);       \
    co_return;                         \
  }                                    \
  static_assert(true, "a semicolon follows")
