#include "razor/pool/internal/call_policy.h"

#include <utility>

#include "razor/base/check.h"
#include "razor/pool/internal/backoff.h"

namespace razor::pool {

using base::Duration;
using base::Ran;
using base::TimePoint;

CallPolicy::CallPolicy(const FailoverPoolConfig& config, std::uint64_t seed)
    : retry_(config.pool.retry.limit),
      budget_(config.pool.retry.budget_percent, config.pool.retry.budget_burst),
      backoff_min_(config.pool.retry.backoff_min),
      backoff_max_(config.pool.retry.backoff_max),
      redirects_max_(config.redirects_max),
      jitter_(seed) {
  RAZOR_CHECK(backoff_min_ > Duration::zero() && backoff_min_ <= backoff_max_, "a retry back-off from {} ns to {} ns",
              backoff_min_.count(), backoff_max_.count());
}

Decision CallPolicy::decide(CallProgress& call, const AttemptOutcome& outcome, const PoolView& pool, TimePoint now) {
  switch (outcome.kind) {
    case AttemptOutcome::Kind::server_failure: return on_server_failure(call, outcome, pool, now);
    case AttemptOutcome::Kind::redirect: return on_redirect(call, outcome, pool, now);
    case AttemptOutcome::Kind::failure: return on_failure(call, outcome, pool, now);
  }
  return {Decision::Kind::fail};
}

// A server that answers with an error of the framework may have run the call. Its caller gets the response unless a token is
// there now: whoever has a response does not wait for the budget.
Decision CallPolicy::on_server_failure(CallProgress& call, const AttemptOutcome& outcome, const PoolView& pool,
                                       TimePoint now) {
  const bool was_refused = outcome.ran == Ran::no && outcome.refusal != Refusal::none;
  if ((!call.idempotent && !was_refused) || outcome.no_retry) return {Decision::Kind::answer};
  if (outcome.other_in_flight) {
    call.ran = std::max(call.ran, outcome.ran);
    return {Decision::Kind::wait};  // the other attempt may do better
  }
  // A request that did not run does not count as an attempt.
  if (was_refused && outcome.refusal != Refusal::overloaded && !pool.is_ended && pool.may_come_back && now < call.deadline) {
    return on_refused(call, outcome, now);
  }
  if (!retry_.may_attempt(call.attempts) || outcome.retry_after > kRetryAfterMax) return {Decision::Kind::answer};
  const Duration delay = std::max(next_delay(call), outcome.retry_after);
  if (pool.is_ended || !may_wait_for(call, delay, pool, now) || !take_token(call, now)) return {Decision::Kind::answer};
  call.avoid = outcome.from;
  call.ran = std::max(call.ran, outcome.ran);
  return {Decision::Kind::retry, delay};
}

// At once where the server closes, but not again and again. Where it says that the call's time is over, and our clock does not, it
// may be asked for again; whatever comes of that, its caller hears that its time is over only when it is.
Decision CallPolicy::on_refused(CallProgress& call, const AttemptOutcome& outcome, TimePoint now) {
  --call.attempts;
  call.avoid = outcome.from;
  if (outcome.refusal == Refusal::draining && call.refusals++ == 0) return {Decision::Kind::move};
  return {Decision::Kind::move, std::min(next_delay(call), call.deadline - now)};
}

Decision CallPolicy::on_redirect(CallProgress& call, const AttemptOutcome& outcome, const PoolView& pool, TimePoint now) {
  if (!may_redirect(call, pool, now)) return {Decision::Kind::answer};
  if (outcome.named == kNoAddress && pool.addresses < 2) return {Decision::Kind::answer};  // there is no other address
  // Once around all addresses at once; then none of them seems to know, and asking faster does not help.
  const Duration delay = call.redirects + 1 < pool.addresses ? Duration::zero() : next_delay(call);
  if (!may_wait_for(call, delay, pool, now)) return {Decision::Kind::answer};
  ++call.redirects;
  --call.attempts;
  call.avoid = outcome.from;
  call.target = outcome.named;
  return {Decision::Kind::redirect, delay > Duration::zero() ? std::optional(delay) : std::nullopt};
}

Decision CallPolicy::on_failure(CallProgress& call, const AttemptOutcome& outcome, const PoolView& pool, TimePoint now) {
  if (outcome.ran == Ran::no) --call.attempts;  // the retry limit is for what may have run
  call.ran = std::max(call.ran, outcome.ran);
  if (outcome.other_in_flight) return {Decision::Kind::wait};  // it may still be answered
  // Without memory a call is not tried again: repeating it would only add to the load.
  if (outcome.out_of_memory || outcome.is_unsupported || pool.is_ended || now >= call.deadline) {
    return {Decision::Kind::fail};
  }
  switch (retry_.after(outcome.ran, call.idempotent, call.attempts)) {
    case RetryPolicy::Verdict::move:
      if (!pool.may_come_back) break;
      return outcome.was_cut_off ? on_cut_off(call, outcome, now) : Decision{Decision::Kind::move};
    case RetryPolicy::Verdict::retry: {
      const Duration delay = next_delay(call);
      if (!may_wait_for(call, delay, pool, now)) break;
      call.avoid = outcome.from;
      return {Decision::Kind::retry, delay};
    }
    case RetryPolicy::Verdict::give_up: break;
  }
  return {Decision::Kind::fail};
}

// A server that breaks off large messages is not sent them again and again: such a call moves after a back-off, within the
// budget, and to another address first.
Decision CallPolicy::on_cut_off(CallProgress& call, const AttemptOutcome& outcome, TimePoint now) {
  call.avoid = outcome.from;
  const Duration delay = next_delay(call);
  if (!is_before_deadline(call, delay, now)) return {Decision::Kind::move};
  call.was_cut_off = true;
  return {Decision::Kind::move, delay};
}

Duration CallPolicy::next_delay(const CallProgress& call) {
  return Backoff::delay(call.retries + call.redirects, backoff_min_, backoff_max_, jitter_);
}

bool CallPolicy::take_token(CallProgress& call, TimePoint now) {
  if (!budget_.take(now)) return false;
  ++call.retries;
  return call.has_token = true;
}

}  // namespace razor::pool
