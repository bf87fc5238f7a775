#include "razor/pool/internal/call_queue.h"

#include <algorithm>
#include <array>
#include <utility>

#include "razor/base/check.h"

namespace razor::pool {

using base::Duration;
using base::TimePoint;
using stream::DeadlineWheel;

namespace {

struct Move {
  Reason why;
  std::uint8_t from;  // a bit for each state that it may lead from
  CallState to;
};

template <class... States>
constexpr std::uint8_t any_of(States... states) {
  return static_cast<std::uint8_t>(((1u << static_cast<unsigned>(states)) | ...));
}
constexpr std::uint8_t kAnyWait = any_of(CallState::queued, CallState::backing_off, CallState::awaiting_budget);

// In the order of `Reason`.
constexpr auto kMoves = std::to_array<Move>({
    {Reason::no_room, any_of(CallState::draft), CallState::queued},
    {Reason::sent, any_of(CallState::draft, CallState::queued), CallState::in_flight},
    {Reason::moved, any_of(CallState::in_flight), CallState::queued},
    {Reason::redirected, any_of(CallState::in_flight), CallState::queued},
    {Reason::delayed, any_of(CallState::in_flight), CallState::backing_off},
    {Reason::budget_spent, any_of(CallState::backing_off), CallState::awaiting_budget},
    {Reason::may_go_on, any_of(CallState::backing_off, CallState::awaiting_budget), CallState::queued},
    {Reason::refused, any_of(CallState::draft), CallState::failing},
    {Reason::attempt_failed, any_of(CallState::in_flight), CallState::failing},
    {Reason::expired, kAnyWait | any_of(CallState::draft), CallState::failing},
    {Reason::cannot_be_sent, kAnyWait, CallState::failing},
    {Reason::answered, any_of(CallState::in_flight), CallState::ended},
    {Reason::told, any_of(CallState::failing), CallState::ended},
    {Reason::cancelled, kAnyWait | any_of(CallState::draft, CallState::in_flight, CallState::failing), CallState::ended},
});

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < kMoves.size(); ++i) {
    if (static_cast<std::size_t>(kMoves[i].why) != i) return false;
  }
  return kMoves.back().why == Reason::cancelled;
}
static_assert(is_in_order());

constexpr bool is_wait(CallState state) { return (kAnyWait & any_of(state)) != 0; }

void unlink(QueuedCall& call) { static_cast<base::ListLink<WaitingTag>&>(call).unlink(); }

}  // namespace

std::string_view name_of(CallState state) {
  switch (state) {
    case CallState::draft: return "draft";
    case CallState::queued: return "queued";
    case CallState::backing_off: return "backing_off";
    case CallState::awaiting_budget: return "awaiting_budget";
    case CallState::in_flight: return "in_flight";
    case CallState::failing: return "failing";
    case CallState::ended: return "ended";
  }
  return "?";
}

std::string_view name_of(Reason reason) {
  switch (reason) {
    case Reason::no_room: return "no_room";
    case Reason::sent: return "sent";
    case Reason::moved: return "moved";
    case Reason::redirected: return "redirected";
    case Reason::delayed: return "delayed";
    case Reason::budget_spent: return "budget_spent";
    case Reason::may_go_on: return "may_go_on";
    case Reason::refused: return "refused";
    case Reason::attempt_failed: return "attempt_failed";
    case Reason::expired: return "expired";
    case Reason::cannot_be_sent: return "cannot_be_sent";
    case Reason::answered: return "answered";
    case Reason::told: return "told";
    case Reason::cancelled: return "cancelled";
  }
  return "?";
}

bool is_allowed(CallState from, CallState to, Reason why) {
  const Move& move = kMoves[static_cast<std::size_t>(why)];
  return move.to == to && (move.from & any_of(from)) != 0;
}

CallQueue::CallQueue(const Limits& limits, TimePoint now)
    : limits_(limits), deadlines_(limits.tick), connected_changed_at_(now) {}

void CallQueue::transition(QueuedCall& call, CallState to, Reason why, TimePoint now) {
  const CallState from = call.state_;
  RAZOR_CHECK(is_allowed(from, to, why), "a call of a pool cannot go from {} to {} because of {}", name_of(from),
              name_of(to), name_of(why));
  if (is_wait(from)) {
    if (to != CallState::ended) leave(call, now);
    unlink(call);
    if (!is_wait(to)) end_wait(call);
  } else if (from == CallState::in_flight) {
    --in_flight_;
  }
  if (is_wait(to) && !is_wait(from)) begin_wait(call, now);
  enter(call, to, why, now);
}

// The time since `stage_since` is counted for the stage that the call leaves.
void CallQueue::leave(QueuedCall& call, TimePoint now) {
  const Duration waited = now - call.stage_since;
  if (call.state_ == CallState::queued) {
    const Duration connecting = std::min(waited, unconnected_for(now) - call.unconnected_before_);
    call.stages.add(CallStage::connecting, connecting);
    call.stages.add(CallStage::window, waited - connecting);
  } else {
    call.stages.add(CallStage::back_off, waited);
  }
}

void CallQueue::enter(QueuedCall& call, CallState to, Reason why, TimePoint now) {
  call.state_ = to;
  switch (to) {
    case CallState::draft: break;
    case CallState::queued:
      call.unconnected_before_ = unconnected_for(now);
      (why == Reason::no_room ? submitted_ : requeued_).push_back(call);
      break;
    case CallState::backing_off: break;
    case CallState::awaiting_budget: awaiting_budget_.push_back(call); break;
    case CallState::in_flight: ++in_flight_; break;
    case CallState::failing:
      uncount_bytes(call);
      failing_.push(call);
      return;
    case CallState::ended:
      uncount_bytes(call);
      unlink(call);
      static_cast<base::ListLink<AllCallsTag>&>(call).unlink();
      return;
  }
  call.stage_since = now;
}

void CallQueue::begin_wait(QueuedCall& call, TimePoint now) {
  ++waiting_;
  deadlines_.insert(call, call.deadline, now);
}

void CallQueue::end_wait(QueuedCall& call) {
  --waiting_;
  DeadlineWheel::remove(call);
}

void CallQueue::uncount_bytes(QueuedCall& call) { bytes_ -= std::exchange(call.bytes_counted_, 0); }

void CallQueue::set_connected(bool is_connected, TimePoint now) {
  if (is_connected == is_connected_) return;
  unconnected_for_ = unconnected_for(now);
  connected_changed_at_ = now;
  is_connected_ = is_connected;
}

}  // namespace razor::pool
