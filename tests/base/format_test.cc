// Texts are what fmt makes of the same format string and values; if a form were read or applied wrongly, they would differ.
// That a wrong format string does not compile is in tests/compile_fail.

#include "razor/base/format.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <clocale>
#include <cstdint>
#include <limits>
#include <string>

namespace razor::base {
namespace {

#define EXPECT_AS_FMT(...) EXPECT_EQ(base::format(__VA_ARGS__), fmt::format(__VA_ARGS__))

TEST(Format, PutsValuesInTheirPlacesAsFmtDoes) {
  EXPECT_AS_FMT("plain");
  EXPECT_AS_FMT("");
  EXPECT_AS_FMT("{}", 1);
  EXPECT_AS_FMT("{} calls wait already (limit {})", 17u, std::uint64_t{1024});
  EXPECT_AS_FMT("{}{}{}", std::string("a"), "b", std::string_view("c"));
  EXPECT_AS_FMT("{{{}}} and {{}}", true);
  EXPECT_AS_FMT("{} {}", 'x', false);
}

TEST(Format, WritesIntegersOfEverySizeAsFmtDoes) {
  EXPECT_AS_FMT("{} {}", std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
  EXPECT_AS_FMT("{} {}", std::numeric_limits<std::uint64_t>::max(), std::int8_t{-128});
  EXPECT_AS_FMT("{} {}", std::uint8_t{65}, short{-1});
  EXPECT_AS_FMT("{:x} {:#x} {:#06x}", 255, 0x4d25, 0x4d);
  EXPECT_AS_FMT("{:#x} {:x} {:#010x}", -255, -1, -17);
  EXPECT_AS_FMT("{:5}|{:05}|{:2}", 42, -42, 12345);
}

TEST(Format, WritesFloatingPointAsFmtDoes) {
  for (const double value : {0.0, -0.0, 1.5, 0.1, 1e300, -1e-300, 123456789.0, 1.0 / 3}) {
    EXPECT_AS_FMT("{} {:g} {:.3g}", value, value, value);
    EXPECT_AS_FMT("{:.0f} {:.1f} {:e}", value, value, value);
    EXPECT_AS_FMT("{:10.1f}|{:010.1f}", value, value);
  }
  EXPECT_AS_FMT("{} {:.3g}", 0.25f, 0.25f);
  EXPECT_AS_FMT("{:.3f} {}", std::numeric_limits<double>::infinity(), std::numeric_limits<double>::max());
}

TEST(Format, TheLargestTextsOfANumberFit) {
  EXPECT_EQ(base::format("{:.1000f}", -std::numeric_limits<double>::max()).size(), 1u + 309 + 1 + 1000);
  EXPECT_EQ(base::format("{:01000}", -1).size(), 1000u);
}

struct Place {
  std::string to_string() const { return "here"; }
};

TEST(Format, AsksObjectsForTheirText) { EXPECT_EQ(base::format("{} and {}", Place{}, 1), "here and 1"); }

TEST(Format, DecimalPointsAreNoAffairOfTheLocale) {
  const char* const set = std::setlocale(LC_ALL, "de_DE.UTF-8");  // where there is none, this shows nothing
  const std::string text = base::format("{:.3g} {}", 1.5, 2.5);
  if (set != nullptr) std::setlocale(LC_ALL, "C");
  EXPECT_EQ(text, "1.5 2.5");
}

}  // namespace
}  // namespace razor::base
