// Ref: counted ownership in one thread. An object that died early, late or twice would unbalance the count below.

#include "razor/base/ref.h"

#include <gtest/gtest.h>

#include <utility>

#include "tests/support/live_count.h"

namespace razor::base {
namespace {

using test::LiveCount;

struct Shape : RefCounted {
  explicit Shape(LiveCount& count) : alive(count.sentinel()) {}
  virtual ~Shape() = default;
  LiveCount::Sentinel alive;
};
struct Circle final : Shape {
  Circle(LiveCount& count, int given_radius) : Shape(count), radius(given_radius) {}
  int radius;
};

TEST(Ref, TheObjectDiesWithItsLastRef) {
  LiveCount count;
  Ref<Circle> first = make_ref<Circle>(count, 3);
  EXPECT_EQ(first->radius, 3);
  {
    const Ref<Circle> second = first;
    EXPECT_EQ(second.get(), first.get());
    first = Ref<Circle>();
    EXPECT_FALSE(first);
    EXPECT_EQ(count.alive(), 1);
  }
  EXPECT_EQ(count.alive(), 0);
}

TEST(Ref, MovingLeavesNothingBehind) {
  LiveCount count;
  Ref<Circle> from = make_ref<Circle>(count, 1);
  Ref<Circle> to = std::move(from);
  EXPECT_FALSE(from);
  to = make_ref<Circle>(count, 2);
  EXPECT_EQ(count.alive(), 1);
  EXPECT_EQ((*to).radius, 2);
}

TEST(Ref, AssigningItselfKeepsTheObject) {
  LiveCount count;
  Ref<Circle> ref = make_ref<Circle>(count, 1);
  const Ref<Circle>& same = ref;
  ref = same;
  EXPECT_EQ(count.alive(), 1);
}

TEST(Ref, ARefToTheBaseKeepsTheWholeObject) {
  LiveCount count;
  Ref<Shape> shape;
  {
    const Ref<Circle> circle = make_ref<Circle>(count, 1);
    shape = circle;
  }
  EXPECT_EQ(count.alive(), 1);
  shape = Ref<Shape>();
  EXPECT_EQ(count.alive(), 0);
}

TEST(Ref, AnotherRefMayBeMadeFromTheObject) {
  LiveCount count;
  Ref<Circle> first = make_ref<Circle>(count, 1);
  const Ref<Circle> second(first.get());
  first = Ref<Circle>();
  EXPECT_EQ(count.alive(), 1);
}

}  // namespace
}  // namespace razor::base
