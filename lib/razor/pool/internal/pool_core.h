#pragma once
// PoolCore: what ClientPool and FailoverPool have in common: a channel over the connections of one or many addresses. It takes
// calls from their callers, gives its parts their turns and ticks, and closes them. Private to pool.
//
//   call_driver.h  drives calls through their attempts, and obeys the next three
//     call_queue.h     every wait of a call, its limits, every change of its state
//     call_policy.h    what becomes of a call when an attempt has ended
//     address_book.h   the addresses, and where a call goes
//   call_endings.h how calls end, with the texts of call_report.h
//   endpoint.h     one address: connects when connect_policy.h says so

#include <vector>

#include "razor/base/ref.h"
#include "razor/pool/internal/call_driver.h"
#include "razor/pool/internal/pool_call_observer.h"
#include "razor/runtime/event.h"
#include "razor/runtime/runtime_object.h"
#include "razor/stream/channel.h"

namespace razor::pool {

class PoolCore final : public stream::Channel,
                       public base::RefCounted,
                       public runtime::RuntimeObject,
                       private EndpointOwner {
 public:
  PoolCore(runtime::Runtime& runtime, std::vector<runtime::Address> addresses, const FailoverPoolConfig& config);

  void update_addresses(std::vector<runtime::Address> addresses);
  static runtime::Task<void> close(base::Ref<PoolCore> self, base::Duration limit);
  /// The handle goes: nothing completes after this.
  void shut_down();
  PoolState state() const;

  const FailoverPoolConfig& config() const { return config_; }

  // --- For its parts
  CallDriver& driver() { return driver_; }
  PoolCallObserver& observer() { return observer_; }
  bool is_open() const { return phase_ == Phase::open; }
  bool is_ended() const { return phase_ == Phase::ended; }
  /// In a turn of its own: after anything that may let calls be sent.
  void schedule_reevaluation() {
    if (!reevaluating_.is_linked()) executor().schedule(reevaluating_);
  }
  void reevaluate();
  /// For the deadlines of calls that wait, and at least once a tick while an address is to be looked after.
  void arm_tick();
  /// The address to which a redirect from `asked` sends a call; null: to no particular one.
  Endpoint* named_by(const stream::Failover& wish, const runtime::Address& asked, base::TimePoint now);
  /// The pool carries the call, which was not sent, or was and did not run.
  void attach(PoolCall& call) { Channel::attach(*call.caller, &call); }
  /// From now on it may have run.
  static void mark_sent(PoolCall& call) { Channel::mark_sent(*call.caller); }
  /// The pool carries it no more.
  static void detach(stream::Exchange& caller) { Channel::detach(caller); }
  void on_call_ended() {
    if (!is_open() && driver_.empty()) drained_.set();
  }

 private:
  enum class Phase {
    open,
    draining,  // takes no new calls
    ended,
  };

  // Channel
  wire::ByteSink& begin(stream::Exchange& call, const wire::Action& action, const stream::CallOptions& options) override;
  void commit(stream::Exchange& call, base::Blob&& blob) override;
  void refuse(stream::Exchange& call, base::CallError why) override;
  void cancel(stream::Exchange& caller) override;
  void relocated(stream::Exchange& to) override;

  std::unique_ptr<Endpoint> make_endpoint(AddressId id, const runtime::Address& address);
  void terminate(std::string_view why);
  void on_tick();

  // RuntimeObject
  void end_with_runtime() override { shut_down(); }
  std::string object_name() const override;

  // EndpointOwner
  void on_room() override { driver_.start_queued(); }
  void on_endpoint_changed() override { schedule_reevaluation(); }
  bool is_active() const override;

  struct Reevaluation final : runtime::Runnable {
    explicit Reevaluation(PoolCore& owner)
        : Runnable([](Runnable& ready) { static_cast<Reevaluation&>(ready).core.reevaluate(); }), core(owner) {}
    PoolCore& core;
  };
  struct Tick final : runtime::Timer {
    Tick(runtime::Clock& clock, PoolCore& owner)
        : Timer(clock, [](Timer& timer) { static_cast<Tick&>(timer).core.on_tick(); }), core(owner) {}
    PoolCore& core;
  };

  FailoverPoolConfig config_;
  runtime::Clock& clock_;
  Phase phase_ = Phase::open;
  PoolStats stats_;
  AddressBook<Endpoint> book_;
  PoolCall* draft_ = nullptr;  // between `begin` and `commit`
  PoolCallObserver observer_;
  CallDriver driver_;
  base::TimePoint last_submitted_ = base::TimePoint::min();
  Reevaluation reevaluating_;
  Tick tick_;
  runtime::Event drained_;
};

}  // namespace razor::pool
