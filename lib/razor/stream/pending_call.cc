#include "razor/stream/pending_call.h"

#include "razor/stream/channel.h"

namespace razor::stream {

PendingCall::PendingCall(PendingCall&& other) noexcept
    : DeadlineEntry(std::move(other)),
      base::ListLink<CallQueueTag>(std::move(other)),
      channel_(other.channel_),
      where_(std::exchange(other.where_, Where::nowhere)),
      cut_off_(other.cut_off_),
      seq_(other.seq_),
      sent_from_(other.sent_from_),
      sent_until_(other.sent_until_),
      timeout_(other.timeout_),
      deadline_(other.deadline_),
      span_(std::exchange(other.span_, runtime::kNoSpan)),
      held_(std::move(other.held_)),
      format_(other.format_),
      record_(other.record_) {
  if (under_way()) channel_->relocated(*this);
}

PendingCall::~PendingCall() { abandon(); }

void PendingCall::abandon() {
  if (under_way()) channel_->abandon(*this);
}

base::LogSink* PendingCall::log() const { return channel_ != nullptr ? &channel_->runtime().log() : nullptr; }

}  // namespace razor::stream
