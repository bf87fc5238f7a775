// What is made of a service's definition: names on the wire, and the checks that keep g++ 12 from destroying an argument
// twice. What must not compile is in tests/compile_fail.

#include "razor/api/method.h"

#include <gtest/gtest.h>

#include "tests/api/service_fixture.h"

namespace razor::api {
namespace {

TEST(Service, ListsItsMethodsByTheirNamesOnTheWire) {
  const auto methods = methods_of<test::Store>();
  ASSERT_EQ(methods.size(), 14u);
  EXPECT_EQ(methods[0].full(), "test.Store.add");
  EXPECT_EQ(methods[12].full(), "test.Store.throw");
}

TEST(ActionName, IsPutTogetherByTheCompiler) {
  static_assert(detail::ActionName<test::Store, 1>::full() == "test.Store.div");
  static_assert(detail::ActionName<test::Store, 12>::method() == "throw");
}

struct Inner {
  std::string text;
  MSGPACK_DEFINE_MAP(text)
};
struct Outer {
  int number = 0;
  Inner inner;
  RAZOR_FIELDS(Outer, number, inner)
};

TEST(HoldsBareAggregate, FindsWhatGxx12WouldDestroyTwice) {
  static_assert(detail::HoldsBareAggregate<test::BareItem>::value);
  static_assert(detail::HoldsBareAggregate<std::optional<test::BareItem>>::value);
  static_assert(detail::HoldsBareAggregate<std::vector<std::pair<int, test::BareItem>>>::value);
  static_assert(detail::HoldsBareAggregate<std::array<std::string, 2>>::value);
  static_assert(detail::HoldsBareAggregate<Outer>::value, "a field may be a temporary aggregate too");
  static_assert(!detail::HoldsBareAggregate<test::Item>::value);
  static_assert(!detail::HoldsBareAggregate<std::vector<test::Item>>::value);
  static_assert(!detail::HoldsBareAggregate<std::array<int, 2>>::value);
  static_assert(!detail::HoldsBareAggregate<std::string>::value);
}

}  // namespace
}  // namespace razor::api
