// Health against a list of all that happened. One that misses a change gives calls to a dead address, or none to a good
// one; one that counts timeouts across answers takes out slow ones; one without the ramp floods what just came back.

#include "razor/pool/health.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/support/pick.h"
#include "tests/support/time_points.h"

namespace razor::pool {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::TimePoint;
using test::at;
using test::pick;
using test::pick_of;
using enum HealthState;

class HealthTest : public testing::Test {
 protected:
  Health health_{HealthConfig{.timeouts_max = 3, .ramp = 5s}};
};

TEST_F(HealthTest, TooManyTimeoutsInARowTakeItDown) {
  EXPECT_FALSE(health_.on_timeout(at(1s)));
  EXPECT_FALSE(health_.on_timeout(at(2s)));
  health_.on_answer();
  EXPECT_FALSE(health_.on_timeout(at(3s)));
  EXPECT_FALSE(health_.on_timeout(at(4s)));
  EXPECT_TRUE(health_.is_healthy());
  EXPECT_TRUE(health_.on_timeout(at(5s)));
  EXPECT_EQ(health_.state(), down);
  EXPECT_EQ(health_.since(), at(5s));
  EXPECT_FALSE(health_.on_timeout(at(6s))) << "it is down already";
  EXPECT_EQ(health_.since(), at(5s));
  EXPECT_EQ(health_.ejections(), 1u);
}

TEST(Health, ALimitOfZeroTimeoutsIsNone) {
  Health health{HealthConfig{.timeouts_max = 0}};
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(health.on_timeout(at(1s)));
  EXPECT_TRUE(health.is_healthy());
}

TEST_F(HealthTest, ALostConnectionMakesItSuspectAndAProbeClearsItAtOnce) {
  health_.on_connection_lost(at(1s));
  EXPECT_EQ(health_.state(), suspect);
  EXPECT_EQ(health_.weight(at(1s)), 0u);
  health_.on_probe_started(at(2s));
  EXPECT_EQ(health_.state(), probing);
  EXPECT_EQ(health_.weight(at(2s)), 0u);
  health_.on_probe_succeeded(at(3s));
  EXPECT_EQ(health_.weight(at(3s)), 100u);
  EXPECT_FALSE(health_.is_ramping(at(3s)));
  EXPECT_EQ(health_.ejections(), 1u);
}

TEST_F(HealthTest, WhatWasDownComesBackByARamp) {
  health_.on_connect_failed(at(1s));
  health_.on_probe_started(at(2s));
  health_.on_probe_succeeded(at(10s));
  EXPECT_EQ(health_.weight(at(10s)), 10u);
  EXPECT_EQ(health_.weight(at(12'500ms)), 55u);
  EXPECT_TRUE(health_.is_ramping(at(15s - 1ns)));
  EXPECT_EQ(health_.weight(at(15s - 1ns)), 99u);
  EXPECT_FALSE(health_.is_ramping(at(15s)));
  EXPECT_EQ(health_.weight(at(15s)), 100u);
}

TEST_F(HealthTest, ASuspectWhoseProbeFailsComesBackByARampToo) {
  health_.on_connection_lost(at(1s));
  health_.on_probe_started(at(1s));
  health_.on_probe_failed(at(2s));
  EXPECT_EQ(health_.state(), down);
  health_.on_probe_started(at(3s));
  health_.on_probe_succeeded(at(4s));
  EXPECT_EQ(health_.weight(at(4s)), 10u);
  EXPECT_EQ(health_.ejections(), 1u);
}

TEST(HealthDeathTest, AProbeOutOfTurnIsABug) {
  Health health{HealthConfig{}};
  EXPECT_DEATH(health.on_probe_started(at(1s)), "health cannot go from healthy to probing");
  EXPECT_DEATH(health.on_probe_succeeded(at(1s)), "health cannot go from healthy to healthy");
  health.on_connection_lost(at(1s));
  EXPECT_DEATH(health.on_probe_succeeded(at(1s)), "health cannot go from suspect to healthy");
  health.on_connect_failed(at(1s));
  EXPECT_DEATH(health.on_probe_succeeded(at(1s)), "health cannot go from down to healthy");
  EXPECT_DEATH(health.on_probe_failed(at(1s)), "health cannot go from down to down");
  health.on_probe_started(at(1s));
  EXPECT_DEATH(health.on_probe_started(at(1s)), "health cannot go from probing to probing");
}

// --- Model -----------------------------------------------------------------------------------------------------------

struct HealthAndPast {
  explicit HealthAndPast(const HealthConfig& of_both) : config(of_both), health(of_both) {}

  enum class Event { answer, timeout, connection_lost, connect_failed, probe_started, probe_succeeded, probe_failed };
  struct Period {
    HealthState state;
    TimePoint since;
  };
  HealthState state() const { return periods.back().state; }

  bool can_happen(Event event) const {
    switch (event) {
      case Event::answer:
      case Event::timeout:
      case Event::connection_lost:
      case Event::connect_failed: return true;
      case Event::probe_started: return state() == suspect || state() == down;
      case Event::probe_succeeded:
      case Event::probe_failed: return state() == probing;
    }
    return false;
  }

  // Timeouts at the end of the list, back to an answer or to a good probe.
  std::uint32_t timeouts_in_a_row() const {
    std::uint32_t count = 0;
    for (auto event = events.rbegin(); event != events.rend(); ++event) {
      if (*event == Event::answer || *event == Event::probe_succeeded) break;
      count += *event == Event::timeout ? 1 : 0;
    }
    return count;
  }

  void on_timeout() {
    const bool ejected = health.on_timeout(now);
    const bool can_be = config.timeouts_max != 0 && state() == healthy;
    RC_ASSERT(ejected == (can_be && timeouts_in_a_row() >= config.timeouts_max));
    if (ejected) becomes(down);
  }

  void happens(Event event) {
    events.push_back(event);
    switch (event) {
      case Event::answer: health.on_answer(); break;
      case Event::timeout: on_timeout(); break;
      case Event::connection_lost:
        health.on_connection_lost(now);
        if (state() == healthy) becomes(suspect);
        break;
      case Event::connect_failed: health.on_connect_failed(now), becomes(down); break;
      case Event::probe_started: health.on_probe_started(now), becomes(probing); break;
      case Event::probe_succeeded: health.on_probe_succeeded(now), becomes(healthy); break;
      case Event::probe_failed: health.on_probe_failed(now), becomes(down); break;
    }
  }
  void becomes(HealthState next) {
    if (next != state()) periods.push_back({next, now});
  }

  // When it became healthy last after it had been down; nothing when it never was.
  std::optional<TimePoint> back_from_down_at() const {
    std::optional<TimePoint> at;
    bool was_down = false;
    for (const Period& period : periods) {
      if (period.state == healthy && std::exchange(was_down, false)) at = period.since;
      was_down = was_down || period.state == down;
    }
    return at;
  }

  void check_weight(TimePoint time) const {
    const std::uint32_t weight = health.weight(time);
    const std::optional<TimePoint> back_at = back_from_down_at();
    const TimePoint since = back_at.value_or(TimePoint::min());
    const bool ramping = state() == healthy && back_at && time < since + config.ramp;
    RC_ASSERT(health.is_ramping(time) == ramping);
    if (!ramping) {
      RC_ASSERT(weight == (state() == healthy ? 100u : 0u));
    } else {
      const double part = static_cast<double>((time - since).count()) / static_cast<double>(config.ramp.count());
      RC_ASSERT(weight >= 10u);
      RC_ASSERT(weight <= 100u);
      RC_ASSERT(std::abs(static_cast<double>(weight) - (10 + 90 * part)) <= 1);
    }
  }

  void check() const {
    RC_ASSERT(health.state() == state());
    RC_ASSERT(health.is_healthy() == (state() == healthy));
    RC_ASSERT(health.since() == periods.back().since);
    // Every time of health but the present one ended.
    const auto times = std::ranges::count(periods, healthy, &Period::state) - (state() == healthy ? 1 : 0);
    RC_ASSERT(health.ejections() == static_cast<std::uint64_t>(times));
    std::uint32_t last = 0;
    for (int tenth = 0; tenth <= 12; ++tenth) {
      const TimePoint time = std::max(now, base::saturating_add(periods.back().since, config.ramp / 10 * tenth));
      check_weight(time);
      RC_ASSERT(health.weight(time) >= last);
      last = health.weight(time);
    }
  }

  HealthConfig config;
  Health health;
  TimePoint now = at(pick<std::int64_t>(0, 1000) * 1s);
  std::vector<Event> events;
  std::vector<Period> periods{{healthy, TimePoint::min()}};
};

RC_GTEST_PROP(Health, FollowsFromAllThatHappened, ()) {
  using enum HealthAndPast::Event;
  const auto timeouts_max = pick<std::uint32_t>(0, 6);
  const auto ramp = pick_of<Duration>({0s, 1ns, 1ms, 5s, 24h * 365});
  HealthAndPast both({.timeouts_max = timeouts_max, .ramp = ramp});
  both.check();
  const int steps = pick(0, 200);
  for (int i = 0; i < steps; ++i) {
    both.now += pick_of<Duration>({0s, 1ns, 300ms, 2s, 5s, 1h});
    const auto event = pick_of({answer, timeout, timeout, timeout, timeout, timeout, connection_lost, connect_failed,
                                probe_started, probe_started, probe_succeeded, probe_succeeded, probe_failed});
    if (both.can_happen(event)) both.happens(event);
    both.check();
  }
}

}  // namespace
}  // namespace razor::pool
