// A server that is asked for twice what it can do, by callers who wait for 200 ms. What it does for callers who left is lost to those
// who still wait: without a remedy it serves hardly anybody, since each call is old when its turn comes.
//
// The figures that these tests print are those of lib/razor/api/README.md, "Overload".

#include <cstdio>

#include "tests/extended/overload_world.h"

namespace razor::test {
namespace {

constexpr std::uint64_t kSeeds[] = {1, 2, 3};
constexpr double kGoodLeast = 0.9 * kCapacity;  // calls a second; no peak is above the capacity
constexpr double kWastedMost = 0.01;  // of the work

struct Figures {
  double peak = 0;  // good calls a second, while a little less than the capacity is asked for
  Tally overload;  // of 10 s
  Tally after;  // of 1 s, which begins 1 s after the load has fallen to half of the capacity

  double good() const { return static_cast<double>(overload.good) / 10; }
};

Figures figures_of(std::uint64_t seed, const OverloadSetting& setting) {
  OverloadWorld world(seed, setting);
  world.under(kCapacity / 2, 2s);
  const Tally peak = world.under(kCapacity * 95 / 100, 2s);
  Figures figures;
  figures.peak = static_cast<double>(peak.good) / 2;
  figures.overload = world.under(2 * kCapacity, 10s);
  world.under(kCapacity / 2, 1s);
  figures.after = world.under(kCapacity / 2, 1s);
  return figures;
}

std::string_view name_of(Looks looks) {
  switch (looks) {
    case Looks::never: return "does not look";
    case Looks::at_cancelled: return "looks at cancelled()";
    case Looks::is_destroyed: return "is RAZOR_CANCELLABLE";
    case Looks::at_deadline: return "looks at deadline()";
  }
  return "?";
}

Figures printed_figures_of(std::uint64_t seed, const OverloadSetting& setting) {
  const Figures figures = figures_of(seed, setting);
  std::printf(
      "SEED=%lu %s, handler %s, handlers_max %u, %d calls again: peak %.0f/s; overload: %.0f good/s of %.0f, after %.0f ms, "
      "%.1f %% of the work wasted; 1 s after: %.0f %% good\n",
      seed, setting.hello == HelloMode::off ? "plain" : "extended", std::string(name_of(setting.looks)).c_str(),
      setting.server.handlers_max, setting.calls_again, figures.peak, figures.good(),
      static_cast<double>(figures.overload.begun) / 10, figures.overload.wait_ms(), 100 * figures.overload.wasted_share(),
      100 * figures.after.good_share());
  return figures;
}

// What is asked for: as much as the server can do is done for callers who wait, and then everything is as before.
void expect_well_served(const Figures& figures) {
  EXPECT_GE(figures.peak, kGoodLeast);
  EXPECT_GE(figures.good(), kGoodLeast);
  EXPECT_LE(figures.overload.wasted_share(), kWastedMost);
  EXPECT_GE(figures.after.good_share(), 0.99);
  EXPECT_EQ(figures.after.failed, 0);
}

class Overload : public testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, Overload, testing::ValuesIn(kSeeds));

TEST_P(Overload, AHandlerThatLooksAtTheDeadlineWorksForThoseWhoStillWait) {
  for (const int calls_again : {0, 2}) {
    expect_well_served(printed_figures_of(GetParam(), {.looks = Looks::at_deadline, .calls_again = calls_again}));
  }
}

// A server that has fewer handlers than it can end in its callers' time, half of it here, refuses the others at once. Old callers
// gain by that, too.
TEST_P(Overload, ALimitOfHandlersKeepsAllThatRunInTime) {
  for (const HelloMode hello : {HelloMode::automatic, HelloMode::off}) {
    for (const int calls_again : {0, 2}) {
      OverloadSetting setting{.looks = Looks::never, .hello = hello, .calls_again = calls_again};
      setting.server.handlers_max = 100;
      expect_well_served(printed_figures_of(GetParam(), setting));
    }
  }
}

// The same handlers, with callers who say nothing of their deadlines. A load that is small again does not end it where callers call
// again.
TEST_P(Overload, WithoutDeadlinesHardlyAnybodyIsServed) {
  for (const int calls_again : {0, 2}) {
    const OverloadSetting setting{.looks = Looks::at_deadline, .hello = HelloMode::off, .calls_again = calls_again};
    const Figures plain = printed_figures_of(GetParam(), setting);
    OverloadSetting extended = setting;
    extended.hello = HelloMode::automatic;
    EXPECT_GE(plain.peak, kGoodLeast);
    EXPECT_GE(figures_of(GetParam(), extended).good(), 2 * plain.good());
    EXPECT_GE(plain.overload.wasted_share(), 0.5);
  }
}

// `cancelled()` is true only some time after the deadline, since clocks differ. A queue in which calls grow as old as that holds
// nothing but such: so it takes a limit, or a look at the deadline.
TEST_P(Overload, CancellationAloneComesTooLate) {
  const double in_time = figures_of(GetParam(), {.looks = Looks::at_deadline}).good();
  for (const Looks looks : {Looks::never, Looks::at_cancelled, Looks::is_destroyed}) {
    for (const int calls_again : {0, 2}) {
      const Figures figures = printed_figures_of(GetParam(), {.looks = looks, .calls_again = calls_again});
      EXPECT_GE(in_time, 2 * figures.good()) << name_of(looks);
    }
  }
}

}  // namespace
}  // namespace razor::test
