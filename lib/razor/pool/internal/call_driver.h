#pragma once
// CallDriver: drives the calls of a pool through their attempts. It starts them, hears how they end, and obeys: CallQueue (waits
// and their limits), AddressBook (where a call goes), CallPolicy (what becomes of it when an attempt has ended), CallEndings (its
// end). Its PoolCore owns it, and gives it turns. Private to pool.

#include "razor/pool/internal/address_book.h"
#include "razor/pool/internal/call_endings.h"
#include "razor/pool/internal/call_policy.h"
#include "razor/pool/internal/call_queue.h"
#include "razor/pool/internal/endpoint.h"
#include "razor/pool/internal/pool_call.h"

namespace razor::pool {

class PoolCore;

class CallDriver {
 public:
  CallDriver(PoolCore& core, runtime::Runtime& runtime, const FailoverPoolConfig& config, AddressBook<Endpoint>& book,
             PoolStats& stats);

  // --- Calls
  /// Its limits are set. It is started, queued, or fails in the next turn.
  void submit(PoolCall& call, base::TimePoint now);
  /// It could not be encoded: it fails in the next turn.
  void refuse(PoolCall& call, base::CallError why);
  bool empty() const { return queue_.empty(); }
  CallEndings& endings() { return endings_; }

  // --- Turns
  /// There may be room for calls that wait.
  void start_queued();
  /// Health, connections or the retry budget may have changed.
  void reevaluate(base::TimePoint now);
  void expire(base::TimePoint now);
  /// Connections for calls that come and wait. `for_call`: at least one does.
  void demand_connections(bool for_call);

  // --- What it is told by attempts and timers
  void on_answered(Attempt& attempt, const wire::ResponseFrame& response);
  void on_failed(Attempt& attempt, base::CallError error);
  void on_timer(PoolCall& call);

  // --- What it knows
  std::uint32_t waiting() const { return queue_.waiting(); }
  std::uint32_t in_flight() const { return queue_.in_flight(); }
  base::ByteCount bytes() const { return queue_.bytes(); }
  std::int64_t retry_tokens(base::TimePoint now) const { return policy_.tokens(now); }
  bool awaits_budget() { return queue_.first_awaiting_budget() != nullptr; }
  base::TimePoint next_tick(base::TimePoint now) { return queue_.next_tick(now); }

 private:
  PoolView view() const;
  const ClientPoolConfig& limits() const { return config_.pool; }

  std::optional<base::CallError> refusal(const PoolCall& call) const;
  void fail_unsent(PoolCall& call, base::Errc errc, std::string why);
  bool try_start(PoolCall& call, base::TimePoint now);
  void start_attempt(PoolCall& call, Connection& connection, bool is_hedge, base::TimePoint now);

  bool goes_on(Attempt& attempt, const wire::ResponseFrame& response, const std::optional<wire::AnsweredFailure>& failure);
  bool redirected(Attempt& attempt, const wire::ResponseFrame& response, base::TimePoint now);
  bool retried(Attempt& attempt, const wire::AnsweredFailure& failure, base::TimePoint now);
  void end_failed_by_server(Attempt& attempt, const wire::AnsweredFailure& failure);
  void start_again(PoolCall& call, const Decision& decision, base::TimePoint now);
  void requeue(PoolCall& call, Reason why, base::TimePoint now);
  void back_off(PoolCall& call, base::Duration delay, base::TimePoint now);
  void back_off_over(PoolCall& call, base::TimePoint now);
  bool take_token(PoolCall& call, base::TimePoint now);
  void spend_budget(base::TimePoint now);

  void hedge(PoolCall& call, base::TimePoint now);
  void leave_silent_connections(base::TimePoint now);
  bool start_hedge(PoolCall& call, Connection& connection, base::TimePoint now);
  Connection* connection_other_than(AddressId asked, base::TimePoint now);

  PoolCore& core_;
  runtime::Clock& clock_;
  const FailoverPoolConfig& config_;
  AddressBook<Endpoint>& book_;
  PoolStats& stats_;
  CallQueue queue_;
  CallPolicy policy_;
  CallEndings endings_;
};

}  // namespace razor::pool
