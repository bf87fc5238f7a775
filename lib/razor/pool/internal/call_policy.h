#pragma once
// CallPolicy: what becomes of a call when one of its attempts has ended, and when a call is hedged. Pure: `decide` is told how
// the attempt ended and what time it is. It counts what it decides in the call's CallProgress, takes tokens from the retry
// budget, and draws the jitter of back-offs; it starts nothing.
//
//   response: a result              -> the caller gets it, and the policy is not asked
//   response: the server failed     -> retry, if idempotent, or refused for certain, within limit, budget and deadline; else the
//                                      caller gets it
//   response: it refused for certain, since it closes, or the call is too late for it -> move, within the deadline
//   response: "ask there instead"   -> redirect, at once or after a back-off; else the caller gets it
//   failure, did not run            -> move; after a back-off if the connection ended while it was being sent
//   failure, may have run           -> retry, if idempotent, within limit and deadline (the budget is awaited); else fail

#include <algorithm>
#include <optional>

#include "razor/base/random_stream.h"
#include "razor/pool/failover_pool_config.h"
#include "razor/pool/internal/call_progress.h"
#include "razor/pool/internal/retry_budget.h"
#include "razor/pool/internal/retry_policy.h"

namespace razor::pool {

/// Why a server takes no call just now. Another address may, or the same one later.
enum class Refusal : std::uint8_t {
  none,  ///< it has taken it, or never will
  overloaded,
  draining,  ///< it closes: another address may take the call at once
  expired,  ///< by its clock the call's time is over
};

/// How an attempt of a call ended.
struct AttemptOutcome {
  enum class Kind : std::uint8_t {
    server_failure,  ///< the response says that the framework failed at the server
    redirect,  ///< the response is an error of the handler that sends the call elsewhere; it promises that nothing was done
    failure,  ///< there is no response
  };

  Kind kind;
  AddressId from;  ///< the address it was sent to
  base::Ran ran = base::Ran::no;  ///< of `server_failure` and `failure`
  bool out_of_memory = false;  ///< of `failure`: memory was refused, or the server is overloaded
  bool is_unsupported = false;  ///< of `failure`: the server does not take what the call has
  bool was_cut_off = false;  ///< of `failure`: the connection ended while it was being sent
  AddressId named = kNoAddress;  ///< of `redirect`: the address to ask; kNoAddress: any other
  bool other_in_flight = false;  ///< another attempt of the call still is
  // Of `server_failure`:
  Refusal refusal = Refusal::none;
  bool no_retry = false;  ///< it says that nobody is to be asked again
  base::Duration retry_after{};  ///< … or not before
};

/// What of the pool decides along.
struct PoolView {
  bool is_ended = false;
  bool may_come_back = true;  ///< the queue has room for calls that were in flight already
  std::size_t addresses = 1;
};

struct Decision {
  enum class Kind : std::uint8_t {
    answer,  ///< the caller gets the response
    wait,  ///< for the other attempt
    move,  ///< to whatever connection has room: the attempt did not run
    retry,  ///< the attempt may have run
    redirect,  ///< to `CallProgress::target`, or to any address but `avoid`
    fail,  ///< the caller gets the failure
  };

  Kind kind;
  /// The back-off before the next attempt; none: at once.
  std::optional<base::Duration> delay = std::nullopt;
};

class CallPolicy {
 public:
  CallPolicy(const FailoverPoolConfig& config, std::uint64_t seed);

  /// A call was submitted, and pays into the retry budget.
  void on_call() { budget_.on_call(); }
  static void on_sent(CallProgress& call) { ++call.attempts; }

  /// Whether an error of a handler may send `call` elsewhere: `decide` still may refuse when it is known where.
  bool may_redirect(const CallProgress& call, const PoolView& pool, base::TimePoint now) const {
    return !pool.is_ended && call.redirects < redirects_max_ && now < call.deadline;
  }

  /// What becomes of `call`, whose attempt ended with `outcome`.
  Decision decide(CallProgress& call, const AttemptOutcome& outcome, const PoolView& pool, base::TimePoint now);

  // --- The retry budget
  /// A call whose back-off is over needs a token unless it has one, or was only redirected.
  static bool needs_token(const CallProgress& call) { return !call.has_token && (call.attempts > 0 || call.was_cut_off); }
  /// False: it has to wait until others have paid in.
  bool take_token(CallProgress& call, base::TimePoint now);
  /// It is queued for its next attempt.
  static void on_requeued(CallProgress& call) { call.has_token = call.was_cut_off = false; }
  std::int64_t tokens(base::TimePoint now) const { return budget_.tokens(now); }

  // --- Hedges: a second attempt while the first is in flight
  /// The call is to be hedged after its `hedge_after`.
  static bool wants_hedge(const CallProgress& call, std::size_t addresses) {
    return call.idempotent && call.hedge_after > base::Duration::zero() && addresses > 1;
  }
  /// Not once the deadline has passed, while the host stood still.
  bool may_hedge(const CallProgress& call, base::TimePoint now) const {
    return now < call.deadline && retry_.may_attempt(call.attempts);
  }
  /// While its connection is silent: the call may be hedged whatever its `hedge_after`, once.
  bool may_leave_silence(const CallProgress& call, base::TimePoint now) const {
    return call.idempotent && !call.left_silence && may_hedge(call, now);
  }
  /// No address can take the hedge: when to try again.
  static base::TimePoint hedge_again_at(const CallProgress& call, base::TimePoint now) {
    return base::saturating_add(now, std::max(call.hedge_after, kHedgeAgainMin));
  }
  /// Takes a token for a hedge, if there is one: then it is sent.
  bool take_hedge_token(base::TimePoint now) { return budget_.take(now); }

 private:
  static constexpr base::Duration kHedgeAgainMin = std::chrono::milliseconds(10);
  /// A server that wants to be asked later than that is not waited for, however long the call may take.
  static constexpr base::Duration kRetryAfterMax = std::chrono::minutes(1);

  Decision on_refused(CallProgress& call, const AttemptOutcome& outcome, base::TimePoint now);
  Decision on_server_failure(CallProgress& call, const AttemptOutcome& outcome, const PoolView& pool, base::TimePoint now);
  Decision on_redirect(CallProgress& call, const AttemptOutcome& outcome, const PoolView& pool, base::TimePoint now);
  Decision on_failure(CallProgress& call, const AttemptOutcome& outcome, const PoolView& pool, base::TimePoint now);
  Decision on_cut_off(CallProgress& call, const AttemptOutcome& outcome, base::TimePoint now);
  base::Duration next_delay(const CallProgress& call);
  /// There is room for it meanwhile, and time left after.
  static bool may_wait_for(const CallProgress& call, base::Duration delay, const PoolView& pool, base::TimePoint now) {
    return pool.may_come_back && is_before_deadline(call, delay, now);
  }
  static bool is_before_deadline(const CallProgress& call, base::Duration delay, base::TimePoint now) {
    return base::saturating_add(now, delay) < call.deadline;
  }

  RetryPolicy retry_;
  RetryBudget budget_;
  base::Duration backoff_min_;
  base::Duration backoff_max_;
  std::uint32_t redirects_max_;
  base::RandomStream jitter_;
};

}  // namespace razor::pool
