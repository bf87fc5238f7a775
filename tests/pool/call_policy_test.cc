// CallPolicy against the history of a call. One that sends a call again which may have run, and must run once, spends money
// twice; one that gives up a call that did not run loses it for nothing; one that forgets its limits multiplies the load when
// everything fails.

#include "razor/pool/internal/call_policy.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "razor/pool/internal/backoff.h"
#include "tests/support/pick.h"

namespace razor::pool {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::Ran;
using base::TimePoint;
using test::one_in;
using test::pick;
using test::pick_of;
using Did = AttemptOutcome::Kind;
using Do = Decision::Kind;

constexpr AddressId kHere = 1;
constexpr AddressId kThere = 2;

// --- By example ------------------------------------------------------------------------------------------------------

class CallPolicyTest : public testing::Test {
 protected:
  CallPolicy& policy() {
    if (!policy_) policy_.emplace(config_, 1);
    return *policy_;
  }
  // One attempt of the call is sent, and ends so.
  Decision after(AttemptOutcome outcome) {
    CallPolicy::on_sent(call_);
    return policy().decide(call_, outcome, pool_, now_);
  }
  Decision lost() { return after({.kind = Did::failure, .from = kHere, .ran = Ran::maybe}); }
  Decision never_sent() { return after({.kind = Did::failure, .from = kHere}); }
  Decision cut_off() { return after({.kind = Did::failure, .from = kHere, .was_cut_off = true}); }
  Decision failed_at_server() { return after({.kind = Did::server_failure, .from = kHere, .ran = Ran::maybe}); }
  // It took no call just now, and says so for certain.
  Decision refused(Duration retry_after = 0ms) {
    return after({.kind = Did::server_failure, .from = kHere, .refusal = Refusal::overloaded, .retry_after = retry_after});
  }
  Decision drains() { return after({.kind = Did::server_failure, .from = kHere, .refusal = Refusal::draining}); }
  Decision redirected(AddressId named = kNoAddress) { return after({.kind = Did::redirect, .from = kHere, .named = named}); }

  void SetUp() override { call_.deadline = now_ + 1min; }

  FailoverPoolConfig config_;
  PoolView pool_{.addresses = 3};
  TimePoint now_{1h};
  CallProgress call_;

 private:
  std::optional<CallPolicy> policy_;
};

TEST_F(CallPolicyTest, WhatWasNotSentMovesAtOnceAsOftenAsItTakes) {
  for (int i = 0; i < 100; ++i) {
    const Decision decision = never_sent();
    EXPECT_EQ(decision.kind, Do::move);
    EXPECT_EQ(decision.delay, std::nullopt);
  }
  EXPECT_EQ(call_.attempts, 0u);
  EXPECT_EQ(call_.ran, Ran::no);
}

TEST_F(CallPolicyTest, WhatMayHaveRunIsRetriedAfterABackOffElsewhereIfItIsIdempotent) {
  EXPECT_EQ(lost().kind, Do::fail);
  EXPECT_EQ(call_.ran, Ran::maybe);
  call_ = {.deadline = call_.deadline, .idempotent = true};
  const Decision decision = lost();
  EXPECT_EQ(decision.kind, Do::retry);
  ASSERT_TRUE(decision.delay);
  EXPECT_GE(*decision.delay, config_.pool.retry.backoff_min / 2);
  EXPECT_LE(*decision.delay, config_.pool.retry.backoff_min);
  EXPECT_EQ(call_.avoid, kHere);
  EXPECT_TRUE(CallPolicy::needs_token(call_));
}

TEST_F(CallPolicyTest, RetriesHaveALimit) {
  call_.idempotent = true;
  for (std::uint32_t i = 0; i < config_.pool.retry.limit; ++i) EXPECT_EQ(lost().kind, Do::retry) << i;
  EXPECT_EQ(lost().kind, Do::fail);
}

TEST_F(CallPolicyTest, ABackOffThatWouldEndBehindTheDeadlineIsNotMade) {
  call_.idempotent = true;
  call_.deadline = now_ + config_.pool.retry.backoff_min / 2;
  EXPECT_EQ(lost().kind, Do::fail);
  EXPECT_EQ(cut_off().kind, Do::move) << "it may go at once";
  now_ = call_.deadline;
  EXPECT_EQ(never_sent().kind, Do::fail);
}

TEST_F(CallPolicyTest, NothingGoesOnInAPoolThatHasEndedOrHasNoRoomForIt) {
  call_.idempotent = true;
  pool_.may_come_back = false;
  EXPECT_EQ(never_sent().kind, Do::fail);
  EXPECT_EQ(lost().kind, Do::fail);
  EXPECT_EQ(failed_at_server().kind, Do::answer);
  EXPECT_EQ(redirected().kind, Do::answer);
  pool_ = {.is_ended = true, .addresses = 3};
  EXPECT_EQ(never_sent().kind, Do::fail);
  EXPECT_EQ(lost().kind, Do::fail);
  EXPECT_EQ(failed_at_server().kind, Do::answer);
  EXPECT_EQ(redirected().kind, Do::answer);
}

TEST_F(CallPolicyTest, WithoutMemoryNothingIsTriedAgain) {
  EXPECT_EQ(after({.kind = Did::failure, .from = kHere, .out_of_memory = true}).kind, Do::fail);
}

TEST_F(CallPolicyTest, ACallThatWasCutOffMovesAfterABackOffAndNeedsAToken) {
  const Decision decision = cut_off();
  EXPECT_EQ(decision.kind, Do::move);
  EXPECT_TRUE(decision.delay.has_value());
  EXPECT_EQ(call_.avoid, kHere);
  EXPECT_EQ(call_.attempts, 0u);
  EXPECT_TRUE(CallPolicy::needs_token(call_));
  EXPECT_TRUE(policy().take_token(call_, now_));
  EXPECT_FALSE(CallPolicy::needs_token(call_));
  CallPolicy::on_requeued(call_);
  EXPECT_FALSE(CallPolicy::needs_token(call_));
}

TEST_F(CallPolicyTest, AFailureOfTheServerIsRetriedOnlyWithATokenThatIsThereNow) {
  config_.pool.retry.budget_burst = 1;
  EXPECT_EQ(failed_at_server().kind, Do::answer) << "it is not idempotent";
  call_ = {.deadline = call_.deadline, .idempotent = true};
  EXPECT_EQ(failed_at_server().kind, Do::retry);
  EXPECT_TRUE(call_.has_token);
  EXPECT_EQ(call_.ran, Ran::maybe);
  EXPECT_EQ(failed_at_server().kind, Do::answer) << "the budget is spent";
  EXPECT_EQ(lost().kind, Do::retry) << "without a response it waits for the budget";
}

// It did not run, so it is no try; but servers that all close are not asked without a pause.
TEST_F(CallPolicyTest, AServerThatClosesIsLeftAtOnceAndAnotherAfterABackOff) {
  for (std::uint32_t i = 0; i < 3 * config_.pool.retry.limit; ++i) {
    const Decision decision = drains();
    EXPECT_EQ(decision.kind, Do::move) << i << ": though it is not idempotent";
    EXPECT_EQ(decision.delay.has_value(), i > 0);
    EXPECT_EQ(call_.avoid, kHere);
    EXPECT_EQ(call_.ran, Ran::no);
    EXPECT_EQ(call_.attempts, 0u);
  }
}

// A server whose clock is fast refuses a call that has time left: its caller hears that the time is over only when it is.
TEST_F(CallPolicyTest, ACallThatIsTooLateForAServerOnlyIsAskedForAgainUntilItsDeadline) {
  const AttemptOutcome too_late{.kind = Did::server_failure, .from = kHere, .refusal = Refusal::expired};
  const Decision decision = after(too_late);
  EXPECT_EQ(decision.kind, Do::move);
  ASSERT_TRUE(decision.delay);
  EXPECT_LE(*decision.delay, config_.pool.retry.backoff_min);
  now_ = call_.deadline - 1ns;
  EXPECT_EQ(after(too_late).delay, std::optional<Duration>(1ns));
  now_ = call_.deadline;
  EXPECT_EQ(after(too_late).kind, Do::answer);
}

TEST_F(CallPolicyTest, AServerThatClosesIsNotLeftBehindTheDeadlineOrInAPoolThatHasEnded) {
  pool_.may_come_back = false;
  EXPECT_EQ(drains().kind, Do::answer);
  pool_ = {.is_ended = true, .addresses = 3};
  EXPECT_EQ(drains().kind, Do::answer);
  pool_ = {.addresses = 3};
  now_ = call_.deadline;
  EXPECT_EQ(drains().kind, Do::answer);
}

TEST_F(CallPolicyTest, WhatAnOverloadedServerRefusedIsRetriedWithATokenAndNotBeforeItSays) {
  config_.pool.retry.budget_burst = 2;
  Decision decision = refused();
  EXPECT_EQ(decision.kind, Do::retry) << "though it is not idempotent: it did not run";
  ASSERT_TRUE(decision.delay);
  EXPECT_LE(*decision.delay, config_.pool.retry.backoff_min);
  EXPECT_TRUE(call_.has_token);
  CallPolicy::on_requeued(call_);
  decision = refused(7s);
  EXPECT_EQ(decision.kind, Do::retry);
  EXPECT_EQ(decision.delay, 7s);
  CallPolicy::on_requeued(call_);
  EXPECT_EQ(refused().kind, Do::answer) << "the budget is spent";
}

TEST_F(CallPolicyTest, ARefusalThatLastsLongerThanTheCallIsItsAnswer) {
  call_.idempotent = true;
  EXPECT_EQ(refused(1min).kind, Do::answer);
  EXPECT_FALSE(call_.has_token) << "no token is spent on it";
  EXPECT_EQ(refused(1min - 1ns).kind, Do::retry);
}

TEST_F(CallPolicyTest, ARefusalIsOneOnlyIfTheCallCertainlyDidNotRun) {
  AttemptOutcome outcome{.kind = Did::server_failure, .from = kHere, .ran = Ran::maybe, .refusal = Refusal::draining};
  EXPECT_EQ(after(outcome).kind, Do::answer);
  outcome.ran = Ran::yes;
  EXPECT_EQ(after(outcome).kind, Do::answer);
  call_ = {.deadline = call_.deadline, .idempotent = true};
  outcome.ran = Ran::maybe;
  const Decision decision = after(outcome);
  EXPECT_EQ(decision.kind, Do::retry) << "as any failure of a server";
  EXPECT_TRUE(decision.delay.has_value());
}

TEST_F(CallPolicyTest, AServerThatSaysSoIsTheLastThatIsAsked) {
  call_.idempotent = true;
  AttemptOutcome outcome{.kind = Did::server_failure, .from = kHere, .refusal = Refusal::draining, .no_retry = true};
  EXPECT_EQ(after(outcome).kind, Do::answer);
  outcome.refusal = Refusal::none;
  outcome.ran = Ran::maybe;
  EXPECT_EQ(after(outcome).kind, Do::answer);
}

TEST_F(CallPolicyTest, WhileAnotherAttemptIsInFlightTheCallWaitsForThat) {
  call_.idempotent = true;
  CallPolicy::on_sent(call_);
  EXPECT_EQ(after({.kind = Did::failure, .from = kHere, .other_in_flight = true}).kind, Do::wait);
  EXPECT_EQ(call_.attempts, 1u);
  EXPECT_EQ(after({.kind = Did::server_failure, .from = kHere, .ran = Ran::maybe, .other_in_flight = true}).kind, Do::wait);
  EXPECT_EQ(call_.ran, Ran::maybe);
}

TEST_F(CallPolicyTest, ARedirectGoesAroundAllAddressesAtOnceAndThenBacksOff) {
  for (int i = 0; i < 2; ++i) {
    const Decision decision = redirected();
    EXPECT_EQ(decision.kind, Do::redirect);
    EXPECT_EQ(decision.delay, std::nullopt);
    EXPECT_EQ(call_.avoid, kHere);
    EXPECT_EQ(call_.target, kNoAddress);
  }
  const Decision decision = redirected(kThere);
  EXPECT_EQ(decision.kind, Do::redirect);
  EXPECT_TRUE(decision.delay.has_value());
  EXPECT_EQ(call_.target, kThere);
  EXPECT_EQ(call_.attempts, 0u) << "a redirect promises that nothing was done";
  EXPECT_FALSE(CallPolicy::needs_token(call_));
}

TEST_F(CallPolicyTest, RedirectsHaveALimitAndNeedAnotherAddress) {
  pool_.addresses = 1;
  EXPECT_EQ(redirected().kind, Do::answer);
  pool_.addresses = 2;
  for (std::uint32_t i = 0; i < config_.redirects_max; ++i) EXPECT_EQ(redirected(kThere).kind, Do::redirect) << i;
  EXPECT_EQ(redirected(kThere).kind, Do::answer);
  EXPECT_FALSE(policy().may_redirect(call_, pool_, now_));
}

TEST_F(CallPolicyTest, OnlyIdempotentCallsAreHedgedAndOnlyWhereThereIsAnotherAddress) {
  call_.hedge_after = 10ms;
  EXPECT_FALSE(CallPolicy::wants_hedge(call_, 2));
  call_.idempotent = true;
  EXPECT_TRUE(CallPolicy::wants_hedge(call_, 2));
  EXPECT_FALSE(CallPolicy::wants_hedge(call_, 1));
  call_.hedge_after = 0ms;
  EXPECT_FALSE(CallPolicy::wants_hedge(call_, 2));
}

TEST_F(CallPolicyTest, AHedgeCountsAsARetryAndIsNotMadeBehindTheDeadline) {
  EXPECT_TRUE(policy().may_hedge(call_, now_));
  EXPECT_FALSE(policy().may_hedge(call_, call_.deadline));
  call_.attempts = config_.pool.retry.limit;
  EXPECT_TRUE(policy().may_hedge(call_, now_));
  ++call_.attempts;
  EXPECT_FALSE(policy().may_hedge(call_, now_));
}

TEST_F(CallPolicyTest, ACallLeavesASilentConnectionOnceIfItIsIdempotent) {
  EXPECT_FALSE(policy().may_leave_silence(call_, now_));
  call_.idempotent = true;
  EXPECT_TRUE(policy().may_leave_silence(call_, now_));
  call_.left_silence = true;
  EXPECT_FALSE(policy().may_leave_silence(call_, now_));
}

TEST_F(CallPolicyTest, AHedgeThatNoAddressCouldTakeIsTriedAgainNotTooSoon) {
  call_.hedge_after = 1ms;
  EXPECT_EQ(CallPolicy::hedge_again_at(call_, now_), now_ + 10ms);
  call_.hedge_after = 20ms;
  EXPECT_EQ(CallPolicy::hedge_again_at(call_, now_), now_ + 20ms);
  call_.hedge_after = Duration::max();
  EXPECT_EQ(CallPolicy::hedge_again_at(call_, now_), TimePoint::max());
}

// --- Model -----------------------------------------------------------------------------------------------------------

// The history of a call: what became of each of its attempts, and what was decided. All that the policy counts is read off it.
struct History {
  struct Ended {
    Did kind;
    Ran ran;
  };
  std::vector<Ended> ended;
  int in_flight = 0;
  int refusals = 0;  // by servers that close
  int tokens = 0;  // that were spent on its next attempts
  bool last_was_cut_off = false;
  bool has_token = false;

  // Those that count against the retry limit.
  std::uint32_t attempts() const {
    return static_cast<std::uint32_t>(in_flight + std::ranges::count_if(ended, [](const Ended& one) {
                                        return one.kind != Did::redirect &&
                                               (one.kind == Did::server_failure || one.ran != Ran::no);
                                      }));
  }
  std::ptrdiff_t may_have_run() const {
    return in_flight + std::ranges::count_if(ended, [](const Ended& one) { return one.ran != Ran::no; });
  }
  std::uint32_t redirects() const {
    return static_cast<std::uint32_t>(std::ranges::count(ended, Did::redirect, &Ended::kind));
  }
  Ran ran() const {
    Ran most = Ran::no;
    for (const Ended& one : ended) most = std::max(most, one.ran);
    return most;
  }
};

struct PolicyAndModel {
  PolicyAndModel() {
    RetryConfig& retry = config.pool.retry;
    retry.limit = pick(0u, 4u);
    retry.backoff_min = pick_of<Duration>({1ns, 1ms, 10ms});
    retry.backoff_max = retry.backoff_min * pick(1, 20);
    retry.budget_percent = pick_of({0u, 10u, 100u});
    retry.budget_burst = pick(0u, 4u);
    config.redirects_max = pick(0u, 4u);
    policy.emplace(config, seed);
    budget.emplace(retry.budget_percent, retry.budget_burst);
    new_call();
  }

  void new_call() {
    call = {};
    call.idempotent = one_in(2);
    call.hedge_after = pick_of<Duration>({0ms, 5ms});
    call.deadline = one_in(5) ? TimePoint::max() : now + pick(1, 200) * 1ms;
    history = {};
    policy->on_call();
    budget->on_call();
    send();
  }
  void send() {
    CallPolicy::on_sent(call);
    ++history.in_flight;
  }

  // Drawn in step with the policy: equal seeds give equal delays.
  Duration next_delay() {
    const auto failures = static_cast<std::uint32_t>(history.tokens) + history.redirects();
    return Backoff::delay(failures, config.pool.retry.backoff_min, config.pool.retry.backoff_max, jitter);
  }
  bool fits(Duration delay) const { return base::saturating_add(now, delay) < call.deadline; }
  bool may_attempt() const { return history.attempts() <= config.pool.retry.limit; }

  AttemptOutcome some_outcome() {
    AttemptOutcome outcome{.kind = pick_of({Did::server_failure, Did::redirect, Did::failure}), .from = pick(1u, 4u)};
    outcome.other_in_flight = history.in_flight > 1;
    if (outcome.kind == Did::redirect) {
      outcome.named = pick(0u, 4u);
      return outcome;
    }
    outcome.ran = pick_of({Ran::no, Ran::maybe});
    if (outcome.kind == Did::server_failure) {
      if (one_in(4)) outcome.ran = Ran::yes;
      outcome.refusal = pick_of({Refusal::none, Refusal::none, Refusal::overloaded, Refusal::draining, Refusal::expired});
      outcome.no_retry = one_in(6);
      outcome.retry_after = pick_of<Duration>({0ms, 0ms, 5ms, 50ms, 1min, 1h});
    }
    if (outcome.kind == Did::failure && outcome.ran == Ran::no) outcome.was_cut_off = one_in(3);
    outcome.out_of_memory = outcome.kind == Did::failure && one_in(8);
    outcome.is_unsupported = outcome.kind == Did::failure && outcome.ran == Ran::no && one_in(8);
    return outcome;
  }
  PoolView some_pool() {
    return {.is_ended = one_in(12), .may_come_back = !one_in(8), .addresses = pick<std::size_t>(1, 5)};
  }

  // The rules, one after the other. `history` holds what came before.
  Decision expected(const AttemptOutcome& outcome, const PoolView& pool) {
    const bool is_over = pool.is_ended || now >= call.deadline || !pool.may_come_back;
    if (outcome.kind == Did::redirect) {
      if (pool.is_ended || now >= call.deadline || history.redirects() >= config.redirects_max) return {Do::answer};
      if (outcome.named == kNoAddress && pool.addresses == 1) return {Do::answer};
      std::optional<Duration> delay;
      if (history.redirects() + 1 >= pool.addresses) delay = next_delay();
      if (is_over || (delay && !fits(*delay))) return {Do::answer};
      if (delay == Duration::zero()) delay.reset();
      return {Do::redirect, delay};
    }
    if (outcome.kind == Did::server_failure) {
      const bool was_refused = outcome.refusal != Refusal::none && outcome.ran == Ran::no;
      if (outcome.no_retry || !(call.idempotent || was_refused)) return {Do::answer};
      if (outcome.other_in_flight) return {Do::wait};
      if (was_refused && outcome.refusal != Refusal::overloaded && !is_over) {
        if (outcome.refusal == Refusal::draining && history.refusals++ == 0) return {Do::move};
        return {Do::move, std::min(next_delay(), call.deadline - now)};
      }
      if (!may_attempt() || outcome.retry_after > 1min) return {Do::answer};
      const Duration delay = std::max(next_delay(), outcome.retry_after);
      if (is_over || !fits(delay) || !budget->take(now)) return {Do::answer};
      history.has_token = true;
      ++history.tokens;
      return {Do::retry, delay};
    }
    if (outcome.other_in_flight) return {Do::wait};
    if (outcome.out_of_memory || outcome.is_unsupported || pool.is_ended || now >= call.deadline) return {Do::fail};
    if (outcome.ran == Ran::no) {
      if (!pool.may_come_back) return {Do::fail};
      if (!outcome.was_cut_off) return {Do::move};
      const Duration delay = next_delay();
      if (!fits(delay)) return {Do::move};
      history.last_was_cut_off = true;
      return {Do::move, delay};
    }
    if (!call.idempotent || !may_attempt()) return {Do::fail};
    const Duration delay = next_delay();
    return is_over || !fits(delay) ? Decision{Do::fail} : Decision{Do::retry, delay};
  }

  void attempt_ends() {
    const AttemptOutcome outcome = some_outcome();
    const PoolView pool = some_pool();
    if (outcome.kind == Did::redirect) {
      RC_ASSERT(policy->may_redirect(call, pool, now) ==
                (!pool.is_ended && history.redirects() < config.redirects_max && now < call.deadline));
    }
    const CallProgress before = call;
    const Decision wanted = expected(outcome, pool);
    const Decision decision = policy->decide(call, outcome, pool, now);
    RC_ASSERT(decision.kind == wanted.kind);
    RC_ASSERT(decision.delay == wanted.delay);
    const bool ends = decision.kind == Do::answer || decision.kind == Do::fail;
    if (decision.kind == Do::fail) RC_ASSERT(call.ran == std::max(before.ran, outcome.ran));
    if (outcome.kind == Did::server_failure && decision.kind == Do::retry) {
      RC_ASSERT(decision.delay >= outcome.retry_after);
      RC_ASSERT(base::saturating_add(now, *decision.delay) < call.deadline);
      RC_ASSERT(!outcome.no_retry);
    }
    if (ends) return new_call();
    --history.in_flight;
    const bool has_moved = decision.kind == Do::move;
    history.ended.push_back({has_moved ? Did::failure : outcome.kind, has_moved ? Ran::no : outcome.ran});
    const bool is_left = outcome.kind == Did::server_failure || decision.delay;
    if (decision.kind == Do::retry || (decision.kind == Do::move && is_left)) RC_ASSERT(call.avoid == outcome.from);
    if (decision.kind == Do::redirect) {
      RC_ASSERT(call.avoid == outcome.from);
      RC_ASSERT(call.target == outcome.named);
    }
    compare();
    if (history.in_flight == 0) go_on(decision);
  }

  // Its back-off, if it has one, ends; with the budget, if it needs that; and the next attempt is sent.
  void go_on(const Decision& decision) {
    if (decision.delay) now += *decision.delay;
    const bool needs_token = decision.delay && !history.has_token && (history.attempts() > 0 || history.last_was_cut_off);
    if (decision.delay) RC_ASSERT(CallPolicy::needs_token(call) == needs_token);
    while (needs_token) {
      const bool has_token = budget->take(now);
      RC_ASSERT(policy->take_token(call, now) == has_token);
      if (has_token) {
        ++history.tokens;
        break;
      }
      if (one_in(2)) return new_call();  // its deadline has passed meanwhile
      now += 1s;
    }
    CallPolicy::on_requeued(call);
    history.has_token = history.last_was_cut_off = false;
    send();
  }

  void hedge() {
    RC_ASSERT(CallPolicy::wants_hedge(call, 2) == (call.idempotent && call.hedge_after == 5ms));
    const bool may_hedge = now < call.deadline && may_attempt();
    RC_ASSERT(policy->may_hedge(call, now) == may_hedge);
    RC_ASSERT(policy->may_leave_silence(call, now) == (may_hedge && call.idempotent));
    if (!call.idempotent || !may_hedge || history.in_flight != 1) return;
    const bool has_token = budget->take(now);
    RC_ASSERT(policy->take_hedge_token(now) == has_token);
    if (has_token) send();
  }

  void compare() const {
    RC_ASSERT(call.attempts == history.attempts());
    RC_ASSERT(call.redirects == history.redirects());
    RC_ASSERT(call.retries == static_cast<std::uint32_t>(history.tokens));
    RC_ASSERT(call.ran == history.ran());
    RC_ASSERT(call.has_token == history.has_token);
    RC_ASSERT(call.was_cut_off == history.last_was_cut_off);
    RC_ASSERT(policy->tokens(now) == budget->tokens(now));
    // At most the limit is sent beyond the first attempt, of those that may have run or were overloaded; a call that must run once,
    // may have run in one only.
    RC_ASSERT(call.attempts <= config.pool.retry.limit + 1);
    if (!call.idempotent) RC_ASSERT(history.may_have_run() <= 1);
  }

  void step() {
    switch (pick(0, 8)) {
      case 0: now += pick(0, 50) * 1ms; break;
      case 1: now += pick_of({1s, 10s}); break;
      case 2: hedge(); break;
      case 3: new_call(); break;
      default: attempt_ends();
    }
    compare();
  }

  FailoverPoolConfig config;
  std::uint64_t seed = pick<std::uint64_t>(0, 1'000'000);
  base::RandomStream jitter{seed};
  std::optional<CallPolicy> policy;
  std::optional<RetryBudget> budget;
  TimePoint now{1h};
  CallProgress call;
  History history;
};

RC_GTEST_PROP(CallPolicy, DoesAsTheModel, ()) {
  for (int script = 0; script < 20; ++script) {
    PolicyAndModel both;
    const int steps = pick(0, 80);
    for (int i = 0; i < steps; ++i) both.step();
  }
}

}  // namespace
}  // namespace razor::pool
