#pragma once
// PoolCore: what ClientPool and FailoverPool have in common: calls that wait, are sent, fail and are sent again, over the
// connections of one or many endpoints. Private to pool.
//
//   submitted --room--> under way --answered--> ended
//       |                 |  ^
//     queued --room-------^  |--never sent--> queued
//                            |--cut off, or may have run and is idempotent--> backing off --> (needs a token) --> queued

#include <vector>

#include "razor/base/ref.h"
#include "razor/pool/endpoint.h"
#include "razor/pool/pool_call.h"
#include "razor/pool/retry_budget.h"
#include "razor/pool/retry_policy.h"
#include "razor/runtime/event.h"
#include "razor/stream/client_task.h"

namespace razor::pool {

class PoolCore final : public stream::Channel,
                       public base::RefCounted,
                       public runtime::RuntimeObject,
                       private EndpointOwner {
 public:
  PoolCore(runtime::Runtime& runtime, std::vector<runtime::Address> addresses, const FailoverPoolConfig& config);

  wire::ByteSink& begin(stream::Exchange& call, const wire::Action& action,
                        const stream::CallOptions& options) override;
  void commit(stream::Exchange& call, base::Blob&& blob) override;
  void refuse(stream::Exchange& call, base::CallError why) override;

  void update_addresses(std::vector<runtime::Address> addresses);
  static runtime::Task<void> close(base::Ref<PoolCore> self, base::Duration limit);
  /// The handle goes: nothing completes after this.
  void shut_down();
  PoolState state() const;

  const FailoverPoolConfig& config() const { return config_; }

 private:
  friend class Attempt;
  friend struct PoolCall::CallTimer;

  enum class State {
    open,
    draining,  // takes no new calls
    ended,
  };
  struct Known {
    std::unique_ptr<Endpoint> endpoint;
    bool is_temporary = false;  // an error has named it
    base::TimePoint used_at{};
  };
  struct Retired {
    std::unique_ptr<Endpoint> endpoint;
    base::TimePoint at;
  };

  // --- Submitted calls
  void cancel(stream::Exchange& user) override;
  void relocated(stream::Exchange& to) override;
  void accept(PoolCall& call, base::Blob&& blob, base::TimePoint now);

  // --- Waiting
  void wait_for_room(PoolCall& call, WaitingCalls& list);
  void stop_waiting(PoolCall& call, base::TimePoint now);
  bool may_wait() const { return waiting_ < config_.pool.queue_calls_max; }
  bool may_come_back() const { return waiting_ / 2 < config_.pool.queue_calls_max; }
  void pump();
  bool try_start(PoolCall& call, base::TimePoint now);
  bool expired(PoolCall& call, base::TimePoint now);
  void demand_connections(bool for_call);
  void demand_for(const PoolCall& call);

  // --- Choosing
  void look_at_candidates(base::TimePoint now);
  Endpoint* choose(PoolCall& call, base::TimePoint now);
  Endpoint* other_than(AddressId asked, base::TimePoint now);
  Endpoint* find(AddressId id) const;
  Known* find(const runtime::Address& address);
  bool any_healthy() const;
  bool takes_calls(const Known& known) const;
  Endpoint& add_endpoint(const runtime::Address& address, bool is_temporary);
  void retire(std::size_t index);

  // --- Attempts
  void start_attempt(PoolCall& call, Connection& connection, bool is_hedge, base::TimePoint now);
  static void on_attempt_over(const Attempt& attempt, bool answered);
  void on_answered(Attempt& attempt, const wire::ResponseFrame& answer);
  void on_failed(Attempt& attempt, base::CallError error);
  void on_timer(PoolCall& call);
  void go_on_or_fail(PoolCall& call, AddressId failed_at, base::CallError error, bool was_cut_off);
  base::Duration next_delay(const PoolCall& call);
  bool may_wait_for(const PoolCall& call, base::Duration delay, base::TimePoint now) const;
  void back_off(PoolCall& call, base::Duration delay);
  bool take_token(PoolCall& call, base::TimePoint now);
  void go_on(PoolCall& call);
  bool redirected(Attempt& attempt, const wire::ResponseFrame& answer);
  Endpoint* named_by(const Failover& wish, const Endpoint& from, base::TimePoint now);
  bool retried(Attempt& attempt, const wire::ResponseFrame& answer);
  void hedge(PoolCall& call);
  void try_elsewhere();
  PoolCall::Trouble& trouble_of(PoolCall& call);
  void note_tried(PoolCall& call, const runtime::Address& address, std::string said);

  // --- Ends of calls
  stream::Exchange& end(PoolCall& call);
  void forget(PoolCall& call);
  void uncount_bytes(PoolCall& call) { bytes_ -= std::exchange(call.bytes_counted, 0); }
  void fail_later(PoolCall& call, base::CallError error);
  void fail_expired(PoolCall& call);
  static std::string cause(const PoolCall& call, const base::CallError& error);
  std::string report(const PoolCall& call, std::string_view what, bool waited) const;
  std::string report_text(const PoolCall& call, std::string_view what, bool waited) const;
  void deliver_failures();
  void end_all(std::string_view why);

  // --- Time and turns
  base::Duration without_connection(base::TimePoint now) const;
  void schedule_look() {
    if (!looking_.is_linked()) spawner().make_ready(looking_);
  }
  void look();
  void on_tick();
  void arm_tick();

  // RuntimeObject
  void end_with_runtime() override { shut_down(); }
  std::string object_name() const override;

  // EndpointOwner
  void on_room() override;
  void on_endpoint_changed() override { schedule_look(); }
  bool is_active() const override;

  template <void (PoolCore::*Method)()>
  struct Turn final : runtime::Ready {
    explicit Turn(PoolCore& owner)
        : Ready([](Ready& ready) { (static_cast<Turn&>(ready).core.*Method)(); }), core(owner) {}
    PoolCore& core;
  };
  struct Tick final : runtime::Timer {
    Tick(runtime::Clock& clock, PoolCore& owner)
        : Timer(clock, [](Timer& timer) { static_cast<Tick&>(timer).core.on_tick(); }), core(owner) {}
    PoolCore& core;
  };

  FailoverPoolConfig config_;
  runtime::Clock& clock_;
  State state_ = State::open;
  RetryPolicy retry_policy_;
  RetryBudget budget_;
  Selector selector_;
  base::RandomStream jitter_;
  PoolStats stats_;

  AddressId last_id_ = kNoAddress;
  std::vector<Known> endpoints_;
  std::vector<Candidate> candidates_;                // of the endpoints, in their order
  std::vector<Retired> retired_;  // that still carry something, or may be listed again

  PoolCall* begun_ = nullptr;
  AllCalls all_;
  WaitingCalls queue_;         // in the order of submission
  WaitingCalls particular_;    // were under way already: they come first, each with its own wishes
  WaitingCalls needs_token_;
  WaitingCalls failing_;
  WaitingCalls failing_now_;   // those of them whose turn it is
  stream::DeadlineWheel deadlines_;  // of those that wait
  std::uint32_t waiting_ = 0;
  std::uint32_t under_way_ = 0;
  base::ByteCount bytes_ = 0;
  base::TimePoint last_submitted_ = base::TimePoint::min();

  bool has_connection_ = false;  // some address that calls may go to
  base::TimePoint has_connection_since_{};
  base::Duration without_connection_{};  // in total, up to then

  Turn<&PoolCore::look> looking_;
  Turn<&PoolCore::deliver_failures> delivering_;
  Tick tick_;
  runtime::Event drained_;
};

}  // namespace razor::pool
