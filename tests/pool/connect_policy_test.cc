// ConnectPolicy by example: when an endpoint connects. One that connects too often meets a server that starts with a storm; one
// that does not, or waits for the wrong back-off, leaves calls waiting beside a server that is there; one that cuts connections
// at the cap makes their calls `maybe`.

#include "razor/pool/internal/connect_policy.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "tests/support/pick.h"

namespace razor::pool {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::TimePoint;
using test::one_in;
using test::pick;
using test::pick_of;
using Kind = ConnectStep::Kind;

ClientPoolConfig some_config() {
  ClientPoolConfig config;
  config.reconnect_min = 100ms;
  config.reconnect_max = 1s;
  config.connects_per_minute_max = 12;  // 2 at once, then one in 6 s
  return config;
}

// Calls come, and there is no connection.
EndpointView needed() { return {.is_demanded = true, .is_active = true, .has_place = true}; }
EndpointView unhealthy(HealthState health) {
  EndpointView view = needed();
  view.health = health;
  view.is_demanded = false;
  return view;
}
// All places are taken by connections that take no more calls.
EndpointView at_the_cap() {
  EndpointView view = needed();
  view.has_place = false;
  return view;
}

class ConnectPolicyTest : public testing::Test {
 protected:
  Kind next(const EndpointView& view) const { return policy_.next(view, now_).kind; }
  Duration wait(const EndpointView& view) const {
    const ConnectStep step = policy_.next(view, now_);
    EXPECT_EQ(step.kind, Kind::wait);
    return step.until - now_;
  }

  TimePoint now_{1h};
  ConnectPolicy policy_{some_config(), 1, 2};
};

TEST_F(ConnectPolicyTest, AHealthyAddressIsConnectedWhenCallsNeedIt) {
  EXPECT_EQ(next(needed()), Kind::connect);
  EndpointView view = needed();
  view.is_demanded = false;
  EXPECT_EQ(next(view), Kind::nothing);
  view = needed();
  view.has_open = view.has_room = true;
  EXPECT_EQ(next(view), Kind::nothing);
  view = needed();
  view.is_retired = true;
  EXPECT_EQ(next(view), Kind::nothing);
}

TEST_F(ConnectPolicyTest, AnAddressThatIsNotHealthyIsProbedWhileCallsComeWhetherOrNotTheyNeedIt) {
  for (const HealthState health : {HealthState::suspect, HealthState::down, HealthState::probing}) {
    EXPECT_EQ(next(unhealthy(health)), Kind::connect);
    EndpointView view = unhealthy(health);
    view.is_active = false;
    EXPECT_EQ(next(view), Kind::nothing);
  }
}

TEST_F(ConnectPolicyTest, ASuspectAddressIsAskedOnAConnectionThatIsOpen) {
  EndpointView view = unhealthy(HealthState::suspect);
  view.can_ask_open = true;
  EXPECT_EQ(next(view), Kind::ask_open);
  view.health = HealthState::down;
  EXPECT_EQ(next(view), Kind::connect) << "earlier connections are not to be trusted";
}

TEST_F(ConnectPolicyTest, AtTheCapAForgottenConnectionIsReplacedAndOthersAreAsked) {
  EXPECT_EQ(next(at_the_cap()), Kind::nothing);
  EndpointView view = at_the_cap();
  view.can_ask_left = true;
  EXPECT_EQ(next(view), Kind::ask_left);
  view.has_forgotten = true;
  EXPECT_EQ(next(view), Kind::replace);
  view.has_place = true;
  EXPECT_EQ(next(view), Kind::connect);
}

TEST_F(ConnectPolicyTest, AfterAFailureTheNextAttemptWaitsFromTheBeginningOfTheLast) {
  const TimePoint begun = now_ - 20ms;
  policy_.on_failed(begun);
  EXPECT_EQ(policy_.failures(), 1u);
  const Duration rest = wait(needed());
  EXPECT_GE(rest, 50ms - 20ms);
  EXPECT_LE(rest, 100ms - 20ms);
  now_ += rest - 1ns;
  EXPECT_EQ(next(needed()), Kind::wait);
  now_ += 1ns;
  EXPECT_EQ(next(needed()), Kind::connect);
}

TEST_F(ConnectPolicyTest, AnAnswerEndsTheRowOfFailuresAndAByteFromASilentConnectionTheBackOffToo) {
  for (int i = 0; i < 4; ++i) policy_.on_failed(now_);
  policy_.on_answer();
  EXPECT_EQ(policy_.failures(), 0u);
  EXPECT_GE(wait(needed()), 400ms);
  policy_.on_heard();
  EXPECT_EQ(next(needed()), Kind::connect);
}

TEST_F(ConnectPolicyTest, GrowingHasABackOffOfItsOwn) {
  policy_.on_growth_failed(now_);
  EXPECT_EQ(policy_.failures(), 0u);
  EXPECT_EQ(next(needed()), Kind::connect);
  EndpointView view = needed();
  view.has_open = true;
  const ConnectStep step = policy_.next(view, now_);
  EXPECT_EQ(step.kind, Kind::wait);
  EXPECT_TRUE(step.grows);
  now_ = step.until;
  EXPECT_EQ(next(view), Kind::connect);
  policy_.on_failed(now_);
  EXPECT_EQ(next(view), Kind::connect);
  EXPECT_FALSE(policy_.next(needed(), now_).grows);
}

TEST_F(ConnectPolicyTest, AConnectionThatIsMadeEndsTheRowOfGrowthFailures) {
  EndpointView view = needed();
  view.has_open = true;
  for (int i = 0; i < 4; ++i) policy_.on_growth_failed(now_);
  EXPECT_GE(wait(view), 400ms);
  policy_.on_connected();
  policy_.on_growth_failed(now_);
  EXPECT_LE(wait(view), 100ms);
}

TEST_F(ConnectPolicyTest, TheRateLimitsConnectingAndNotAsking) {
  policy_.on_connecting(now_);
  EXPECT_EQ(next(needed()), Kind::connect);
  policy_.on_connecting(now_);
  EXPECT_EQ(wait(needed()), 6s);
  EndpointView view = unhealthy(HealthState::suspect);
  view.can_ask_open = true;
  EXPECT_EQ(next(view), Kind::ask_open);
}

// What is at the cap, and silent, can only be waited for; but not for ever. Until then there is no work: work that waited for
// one connection would not see what becomes of the others.
TEST_F(ConnectPolicyTest, AConnectionThatIsSilentAtTheCapIsGivenUpInTheEnd) {
  EndpointView view = unhealthy(HealthState::suspect);
  view.has_place = false;
  EXPECT_EQ(next(view), Kind::nothing);
  view.has_long_silent = true;
  EXPECT_EQ(next(view), Kind::give_up);
  view.has_place = true;
  EXPECT_EQ(next(view), Kind::connect) << "another one can be made beside it";
}

// Whatever the endpoint is: what is named can be done, and a wait is for later.
RC_GTEST_PROP(ConnectPolicy, NamesOnlyWhatCanBeDone, ()) {
  ConnectPolicy policy(some_config(), 1, 2);
  TimePoint now{1h};
  for (int i = 0; i < 200; ++i) {
    switch (pick(0, 8)) {
      case 0: policy.on_failed(now); break;
      case 1: policy.on_growth_failed(now); break;
      case 2: policy.on_connecting(now); break;
      case 3: policy.on_connected(); break;
      case 4: policy.on_answer(); break;
      case 5: policy.on_heard(); break;
      default: now += pick(0, 2000) * 1ms;
    }
    EndpointView view;
    view.health = pick_of({HealthState::healthy, HealthState::suspect, HealthState::down, HealthState::probing});
    view.is_retired = one_in(8);
    view.is_demanded = one_in(2);
    view.is_active = one_in(2);
    view.has_place = one_in(2);
    view.has_open = one_in(2);
    view.has_room = view.has_open && one_in(2);
    view.has_forgotten = one_in(2);
    view.can_ask_open = view.has_open && one_in(2);
    view.can_ask_left = one_in(2);
    view.has_long_silent = one_in(3);
    const ConnectStep step = policy.next(view, now);
    RC_ASSERT((step.kind != Kind::nothing) == ConnectPolicy::wants_work(view));
    if (step.kind == Kind::wait) RC_ASSERT(step.until > now);
    if (step.kind == Kind::connect) RC_ASSERT(view.has_place);
    if (step.kind == Kind::replace) RC_ASSERT(view.has_forgotten && !view.has_place);
    if (step.kind == Kind::give_up) RC_ASSERT(view.has_long_silent && !view.has_place && !view.has_forgotten);
    if (step.kind == Kind::ask_open) RC_ASSERT(view.can_ask_open && view.health == HealthState::suspect);
    if (step.kind == Kind::ask_left) RC_ASSERT(view.can_ask_left && !view.has_place && !view.has_forgotten);
    if (step.kind == Kind::nothing) continue;
    RC_ASSERT(!view.is_retired);
    RC_ASSERT((view.health == HealthState::healthy ? view.is_demanded && !view.has_room : view.is_active));
  }
}

}  // namespace
}  // namespace razor::pool
