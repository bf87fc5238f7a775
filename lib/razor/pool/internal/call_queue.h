#pragma once
// CallQueue: all calls of a pool from their submission to their end, and every wait of theirs, with its limits, its deadlines
// and the stage it counts for. Pure: it is told the time, and starts, answers and destroys nothing.
//
//   draft ------room-------> in_flight --answered--> ended
//   draft ------no room----> queued
//   queued -----room-------> in_flight
//   in_flight --at once----> queued         moved, or redirected
//   in_flight --after a delay--> backing_off --> queued
//                                backing_off --> awaiting_budget --> queued
//   any of them --> failing --> ended;  any of them --cancelled--> ended
//
// FIFO: a new call never overtakes a queued one, even from a caller that was just answered. Calls that were in flight already
// are requeued in front of those that were not, each with an address of its own to avoid or to reach.

#include <optional>
#include <string_view>

#include "razor/base/bytes.h"
#include "razor/base/intrusive_list.h"
#include "razor/pool/internal/call_progress.h"
#include "razor/pool/internal/call_stages.h"
#include "razor/stream/deadline_wheel.h"
#include "razor/stream/deferred_failures.h"

namespace razor::pool {

enum class CallState : std::uint8_t {
  draft,  ///< between `begin` and the first decision about it
  queued,  ///< waits for a connection, or for room on one
  backing_off,  ///< its timer is armed
  awaiting_budget,  ///< waits for a token of the retry budget
  in_flight,  ///< at least one attempt is
  failing,  ///< its caller is told in the next turn
  ended,  ///< its caller has been told, or waits no more
};

/// Why the state of a call changes. Each stands for one state that it leads to, and for those that it leads from.
enum class Reason : std::uint8_t {
  no_room,  ///< draft -> queued, behind all others
  sent,  ///< draft, queued -> in_flight
  moved,  ///< in_flight -> queued: its attempt did not run
  redirected,  ///< in_flight -> queued: an error of the handler named another address
  delayed,  ///< in_flight -> backing_off: before its next attempt
  budget_spent,  ///< backing_off -> awaiting_budget
  may_go_on,  ///< backing_off, awaiting_budget -> queued
  refused,  ///< draft -> failing
  attempt_failed,  ///< in_flight -> failing
  expired,  ///< any wait, draft -> failing: its deadline has passed
  cannot_be_sent,  ///< any wait -> failing: the pool is closed, or fails calls while no address is healthy
  answered,  ///< in_flight -> ended
  told,  ///< failing -> ended
  cancelled,  ///< any -> ended: its caller waits no more
};

std::string_view name_of(CallState state);
std::string_view name_of(Reason reason);
/// Whether a call may go from `from` to `to` because of `why`.
bool is_allowed(CallState from, CallState to, Reason why);

struct WaitingTag {};
struct AllCallsTag {};

/// What a CallQueue knows of a call.
class QueuedCall : public CallProgress,
                   public stream::DeadlineEntry,
                   public base::ListLink<WaitingTag>,
                   public base::ListLink<AllCallsTag> {
 public:
  CallState state() const { return state_; }
  bool waits() const {
    return state_ == CallState::queued || state_ == CallState::backing_off || state_ == CallState::awaiting_budget;
  }

  base::TimePoint stage_since{};  ///< of the present stage, which is counted in `stages` when it is over
  CallStages stages;

 protected:
  QueuedCall() = default;
  ~QueuedCall() = default;

 private:
  friend class CallQueue;

  base::Duration unconnected_before_{};  // the pool's total when it was queued
  base::ByteCount bytes_counted_ = 0;  // against the pool's limit
  CallState state_ = CallState::draft;
};

class CallQueue {
 public:
  struct Limits {
    std::uint32_t calls_max;
    base::ByteCount bytes_max;
    std::optional<base::Duration> tick;  ///< of deadlines (stream/deadline_wheel.h)
  };
  CallQueue(const Limits& limits, base::TimePoint now);

  // --- Calls
  /// From now on until it ends. It is a draft.
  void add(QueuedCall& call) { all_.push_back(call); }
  bool empty() const { return all_.empty(); }

  /// The only way in which a call changes its state: ends the program unless `why` leads from its state to `to`.
  ///
  /// A call that begins to wait expires at its deadline; one that stops waiting has the time of its stage counted. One that
  /// fails or ends gives its bytes back. One that has ended is in no list, and may be destroyed. `now` is not read where a
  /// call ends.
  void transition(QueuedCall& call, CallState to, Reason why, base::TimePoint now = {});

  // --- Limits
  /// A new call may be queued.
  bool may_wait() const { return waiting_ < limits_.calls_max; }
  /// A call that was in flight may wait again: these come on top of the new ones, up to as many.
  bool may_come_back() const { return waiting_ / 2 < limits_.calls_max; }
  /// A call of so many bytes may be kept: any that is the only one may.
  bool may_keep(base::ByteCount bytes) const { return bytes_ == 0 || bytes_ + bytes <= limits_.bytes_max; }
  /// Until `call` fails or ends.
  void count_bytes(QueuedCall& call, base::ByteCount bytes) { bytes_ += call.bytes_counted_ = bytes; }

  std::uint32_t waiting() const { return waiting_; }
  std::uint32_t in_flight() const { return in_flight_; }
  base::ByteCount bytes() const { return bytes_; }

  // --- Waits. What is called with a call may change the state of that call, and of no other.
  bool has_queued() const { return !submitted_.empty() || !requeued_.empty(); }
  bool has_requeued() const { return !requeued_.empty(); }
  /// The first of those that were not requeued is `call`.
  bool is_first_submitted(const QueuedCall& call) { return !submitted_.empty() && &submitted_.front() == &call; }
  /// Offers each requeued call, then the others in their order, until one of these stays: `start(call)` returns false, and
  /// leaves it as it is, when the call has to wait. Then those behind it wait too.
  template <class Start>
  void start_queued(Start&& start) {
    requeued_.for_each([&](QueuedCall& call) { start(call); });
    while (!submitted_.empty() && start(submitted_.front())) {
    }
  }
  /// The one that has awaited the retry budget longest; null when none does.
  QueuedCall* first_awaiting_budget() { return awaiting_budget_.empty() ? nullptr : &awaiting_budget_.front(); }
  template <class Visit>
  void for_each_requeued(Visit&& visit) {
    requeued_.for_each(visit);
  }
  template <class Visit>
  void for_each_queued(Visit&& visit) {
    submitted_.for_each(visit);
    requeued_.for_each(visit);
  }
  template <class Visit>
  void for_each_waiting(Visit&& visit) {
    for_each_queued(visit);
    awaiting_budget_.for_each(visit);
    for_each_in(CallState::backing_off, visit);
  }
  template <class Visit>
  void for_each_in(CallState state, Visit&& visit) {
    all_.for_each([&](QueuedCall& call) {
      if (call.state_ == state) visit(call);
    });
  }

  // --- Deadlines of calls that wait
  /// Calls `fail(call)` with each whose tick is over.
  template <class Fail>
  void expire(base::TimePoint now, Fail&& fail) {
    stream::DeadlineList due;
    deadlines_.expire(now, due);
    while (stream::DeadlineEntry* entry = due.pop_front()) fail(static_cast<QueuedCall&>(*entry));
  }
  /// When to expire again; max: nothing waits.
  base::TimePoint next_tick(base::TimePoint now) {
    return waiting_ > 0 ? deadlines_.next_tick(now) : base::TimePoint::max();
  }

  // --- Failures are told in batches: those that come about because of what is run meanwhile wait for the next one
  bool has_failures() const { return !failing_.empty(); }
  void begin_batch() { failing_.begin_turn(); }
  /// The next one of the batch, which still is `failing`; null: that was the last.
  QueuedCall* next_failure() { return failing_.next(); }

  // --- Stages of those that are queued: connecting, while no address that takes calls has a connection; else window
  void set_connected(bool is_connected, base::TimePoint now);
  bool is_connected() const { return is_connected_; }

 private:
  using Calls = base::IntrusiveList<QueuedCall, WaitingTag>;

  void leave(QueuedCall& call, base::TimePoint now);
  void enter(QueuedCall& call, CallState to, Reason why, base::TimePoint now);
  void begin_wait(QueuedCall& call, base::TimePoint now);
  void end_wait(QueuedCall& call);
  void uncount_bytes(QueuedCall& call);
  base::Duration unconnected_for(base::TimePoint now) const {
    return is_connected_ ? unconnected_for_ : unconnected_for_ + (now - connected_changed_at_);
  }

  Limits limits_;
  base::IntrusiveList<QueuedCall, AllCallsTag> all_;
  Calls submitted_;  // queued, in the order of submission
  Calls requeued_;
  Calls awaiting_budget_;
  stream::DeferredFailures<QueuedCall, WaitingTag> failing_;
  stream::DeadlineWheel deadlines_;
  std::uint32_t waiting_ = 0;
  std::uint32_t in_flight_ = 0;
  base::ByteCount bytes_ = 0;

  bool is_connected_ = false;
  base::TimePoint connected_changed_at_;
  base::Duration unconnected_for_{};  // in total, up to then
};

}  // namespace razor::pool
