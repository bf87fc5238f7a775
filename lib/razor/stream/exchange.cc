#include "razor/stream/exchange.h"

#include "razor/base/check.h"
#include "razor/base/out_of_memory.h"
#include "razor/stream/caller.h"
#include "razor/stream/channel.h"

namespace razor::stream {

// In a turn of its own: whoever tells it that nobody waits any more is in the middle of something.
class Exchange::CallerWatch final : private CancelListener, private runtime::Runnable {
 public:
  CallerWatch(const Caller& caller, runtime::Executor& executor, Exchange& exchange)
      : Runnable([](Runnable& self) {
          Exchange& exchange = *static_cast<CallerWatch&>(self).exchange_;
          if (exchange.under_way()) exchange.end_cancelled();  // and this with it
        }),
        executor_(executor),
        exchange_(&exchange) {
    caller.listen(*this);
  }

  void on_moved(Exchange& to) { exchange_ = &to; }

 private:
  void on_cancelled() override {
    if (!Runnable::is_linked()) executor_.schedule(*this);
  }

  runtime::Executor& executor_;
  Exchange* exchange_;
};

void Exchange::EndWatch::operator()(CallerWatch* watch) const { delete watch; }

void Exchange::follow(const Caller& caller, runtime::Executor& executor) {
  // A call that has no memory for its watch goes on until its deadline, which is its caller's at the latest.
  (void)base::catching_bad_alloc([&] { caller_watch_.reset(new CallerWatch(caller, executor, *this)); });
}

Exchange::Exchange(Exchange&& other) noexcept
    : TimedCall(std::move(other)),
      base::ListLink<CallQueueTag>(std::move(other)),
      channel_(other.channel_),
      state_(std::exchange(other.state_, State::idle)),
      failed_for_(other.failed_for_),
      was_told_unwanted_(other.was_told_unwanted_),
      seq_(other.seq_),
      sent_from_(other.sent_from_),
      sent_until_(other.sent_until_),
      queued_frame_(std::move(other.queued_frame_)),
      failure_(std::move(other.failure_)),
      caller_watch_(std::move(other.caller_watch_)),
      observation_(std::move(other.observation_)),
      word_(other.word_),
      format_(other.format_),
      delegate_state_(other.delegate_state_) {
  if (caller_watch_ != nullptr) [[unlikely]]
    caller_watch_->on_moved(*this);
  if (under_way() && channel_ != nullptr) channel_->relocated(*this);
}

Exchange::~Exchange() { cancel(); }

void Exchange::cancel() {
  caller_watch_.reset();  // whoever keeps its place in the window does not follow anybody
  if (under_way() && channel_ != nullptr) channel_->cancel(*this);
}

void Exchange::end_cancelled() {
  const base::Ran ran = was_sent() ? base::Ran::maybe : base::Ran::no;
  cancel();
  on_failed(base::CallError(base::Errc::cancelled, ran));
}

void Exchange::tell_unwanted() {
  if (state_ == State::in_flight) channel_->unwanted(*this);
}

void Exchange::refuse_transition(State to, Reason why) const {
  base::check_failed(__FILE__, __LINE__, "is_allowed(state_, to)",
                     base::format("a call cannot go from {} to {} ({})", name_of(state_), name_of(to), name_of(why)));
}

base::LogSink* Exchange::log() const { return channel_ != nullptr ? &channel_->runtime().log() : nullptr; }

std::string_view name_of(Exchange::State state) {
  switch (state) {
    case Exchange::State::idle: return "idle";
    case Exchange::State::queued: return "queued";
    case Exchange::State::in_flight: return "in_flight";
    case Exchange::State::failing: return "failing";
    case Exchange::State::delegated: return "delegated";
    case Exchange::State::delegated_sent: return "delegated_sent";
  }
  return "?";
}

std::string_view name_of(Exchange::Reason reason) {
  switch (reason) {
    case Exchange::Reason::none: return "none";
    case Exchange::Reason::room: return "room";
    case Exchange::Reason::no_room: return "no_room";
    case Exchange::Reason::response: return "response";
    case Exchange::Reason::refused: return "refused";
    case Exchange::Reason::deadline: return "deadline";
    case Exchange::Reason::lost: return "lost";
    case Exchange::Reason::cut_off: return "cut_off";
    case Exchange::Reason::delegated: return "delegated";
    case Exchange::Reason::delivered: return "delivered";
    case Exchange::Reason::cancelled: return "cancelled";
  }
  return "?";
}

}  // namespace razor::stream
