// Times in plans: what is printed is short, and reads back as the same time; what people mistype is refused. A parser that
// rounds, or takes "5" for five seconds, fails here.

#include "faults/values.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

TEST(Values, AreShort) {
  EXPECT_EQ(to_text(0ns), "0s");
  EXPECT_EQ(to_text(1250ms), "1.25s");
  EXPECT_EQ(to_text(250ms), "250ms");
  EXPECT_EQ(to_text(3min), "3min");
  EXPECT_EQ(to_text(2h), "2h");
  EXPECT_EQ(to_text(90s), "90s");
  EXPECT_EQ(to_text(1us), "1us");
  EXPECT_EQ(to_text(1'500ns), "1.5us");
  EXPECT_EQ(to_text(1'000'000'001ns), "1000000.001us");
}

TEST(Values, ReadWhatPeopleWrite) {
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("0.000000001s"), 1ns);
  EXPECT_EQ(parse_duration("10min"), 10min);
  EXPECT_EQ(parse_duration("0.5h"), 30min);
}

TEST(Values, RefuseTheRest) {
  for (const char* text : {"", "5", "s", "-1s", "1.s", ".5s", "1 s", "1sec", "99999999999h", "1.0000000001s", "1s2"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
  for (const char* text : {"", "x", "1x", "99999999999999999999"}) EXPECT_EQ(parse_number(text), std::nullopt) << text;
}

RC_GTEST_PROP(Values, ReadBackAsTheyWere, ()) {
  const auto count = *rc::gen::inRange<std::int64_t>(0, std::numeric_limits<std::int64_t>::max());
  const auto step = *rc::gen::element<std::int64_t>(1, 1'000, 1'000'000, 10'000'000, 1'000'000'000, 60'000'000'000);
  const base::Duration span(count / step * step);
  RC_ASSERT(parse_duration(to_text(span)) == span);
}

}  // namespace
}  // namespace razor::faults
