// Callables that can only be moved. A callable destroyed twice, or never, would unbalance the counts below.

#include "razor/base/unique_function.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

#include "tests/support/live_count.h"

namespace razor::base {
namespace {

using test::LiveCount;

struct Small {
  LiveCount::Sentinel alive;
  int operator()() { return 1; }
};
struct Large {
  LiveCount::Sentinel alive;
  std::array<char, 100> filler{};
  int operator()() { return 2; }
};
static_assert(sizeof(Small) <= UniqueFunction<int()>::kInlineBytes);
static_assert(sizeof(Large) > UniqueFunction<int()>::kInlineBytes);

TEST(UniqueFunction, CallsWhatItHolds) {
  UniqueFunction<int(int, int)> add = [](int a, int b) { return a + b; };
  EXPECT_EQ(add(2, 3), 5);
}

TEST(UniqueFunction, HoldsWhatCanOnlyBeMoved) {
  UniqueFunction<int()> function = [owned = std::make_unique<int>(7)] { return *owned; };
  UniqueFunction<int()> moved = std::move(function);
  EXPECT_EQ(moved(), 7);
}

TEST(UniqueFunction, PassesArgumentsOnWithoutCopies) {
  UniqueFunction<std::unique_ptr<int>(std::unique_ptr<int>)> pass = [](std::unique_ptr<int> value) { return value; };
  EXPECT_EQ(*pass(std::make_unique<int>(7)), 7);
  int counter = 0;
  UniqueFunction<void(int&)> increment = [](int& value) { ++value; };
  increment(counter);
  EXPECT_EQ(counter, 1);
}

TEST(UniqueFunction, KeepsTheStateOfItsCallable) {
  UniqueFunction<int()> next = [count = 0]() mutable { return ++count; };
  next();
  EXPECT_EQ(next(), 2);
}

// Regression: a callable whose result is thrown away satisfied the constraint and then did not compile.
TEST(UniqueFunction, OfVoidDropsTheResult) {
  int calls = 0;
  UniqueFunction<void()> function = [&calls] { return ++calls; };
  function();
  EXPECT_EQ(calls, 1);
}

int twice(int value) { return 2 * value; }

TEST(UniqueFunction, HoldsFunctionsAndMembers) {
  UniqueFunction<int(int)> function = twice;
  EXPECT_EQ(function(4), 8);
  UniqueFunction<std::size_t(const std::string&)> size = &std::string::size;
  EXPECT_EQ(size("four"), 4u);
}

TEST(UniqueFunction, EmptyOnesSaySo) {
  UniqueFunction<void()> function;
  EXPECT_FALSE(function);
  function = [] {};
  EXPECT_TRUE(function);
  function = nullptr;
  EXPECT_FALSE(function);
}

template <class Callable>
void every_callable_dies_once(LiveCount& count) {
  {
    UniqueFunction<int()> first = Callable{count.sentinel()};
    UniqueFunction<int()> second = std::move(first);
    EXPECT_FALSE(first);
    EXPECT_EQ(count.alive(), 1);
    first = std::move(second);
    second = Callable{count.sentinel()};
    EXPECT_EQ(count.alive(), 2);
    first = std::move(second);
    EXPECT_EQ(count.alive(), 1);
    first();
    first.reset();
    EXPECT_EQ(count.alive(), 0);
    first = Callable{count.sentinel()};
    EXPECT_EQ(count.alive(), 1);
  }
  EXPECT_EQ(count.alive(), 0);
}

TEST(UniqueFunction, DestroysASmallCallableOnce) {
  LiveCount count;
  every_callable_dies_once<Small>(count);
}

TEST(UniqueFunction, DestroysALargeCallableOnce) {
  LiveCount count;
  every_callable_dies_once<Large>(count);
}

TEST(UniqueFunction, AssignmentToItselfKeepsTheCallable) {
  UniqueFunction<int()> function = [] { return 3; };
  UniqueFunction<int()>& same = function;
  function = std::move(same);
  EXPECT_EQ(function(), 3);
}

TEST(UniqueFunctionDeathTest, CallOfAnEmptyOneIsABug) {
  UniqueFunction<void()> function;
  EXPECT_DEATH(function(), "call of an empty UniqueFunction");
}

}  // namespace
}  // namespace razor::base
