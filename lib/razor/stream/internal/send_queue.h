#pragma once
// SendQueue: the calls of one connection that wait for room in its window, first in, first out, with their frames. Bounded by
// their number and by their bytes. Pure.

#include "razor/stream/exchange.h"

namespace razor::stream {

class SendQueue {
 public:
  SendQueue(std::uint32_t calls_max, base::ByteCount bytes_max) : calls_max_(calls_max), bytes_max_(bytes_max) {}

  /// A call with a frame of so many bytes, head and blob included, may wait.
  bool has_place_for(base::ByteCount bytes) const { return calls_ < calls_max_ && bytes_ + bytes <= bytes_max_; }

  bool empty() const { return queue_.empty(); }
  std::uint32_t calls() const { return calls_; }
  base::ByteCount bytes() const { return bytes_; }
  std::uint32_t calls_max() const { return calls_max_; }
  base::ByteCount bytes_max() const { return bytes_max_; }

  /// `exchange`, whose frame has the head's place in front and `action` in its head later, waits from now on.
  /// Errors: throws std::bad_alloc; then nothing has changed.
  void push(Exchange& exchange, base::ByteView frame, base::Blob&& blob, std::uint32_t action) {
    auto queued = std::make_unique<Exchange::QueuedFrame>();
    queued->frame = base::to_bytes(frame);
    queued->blob = std::move(blob);
    queued->action = action;
    bytes_ += size_of(*queued);
    exchange.queued_frame_ = std::move(queued);
    exchange.transition(Exchange::State::queued, Exchange::Reason::no_room);
    queue_.push_back(exchange);
    ++calls_;
  }
  /// Only while it is not empty.
  Exchange& front() { return queue_.front(); }
  /// `visit(Exchange&)` may take the one it is given.
  template <class Visit>
  void for_each(Visit&& visit) {
    queue_.for_each(visit);
  }
  /// `exchange` waits no more, and is idle. Gives its frame.
  std::unique_ptr<Exchange::QueuedFrame> take(Exchange& exchange, Exchange::Reason why) {
    exchange.transition(Exchange::State::idle, why);
    static_cast<base::ListLink<CallQueueTag>&>(exchange).unlink();
    --calls_;
    bytes_ -= size_of(*exchange.queued_frame_);
    return std::move(exchange.queued_frame_);
  }

 private:
  static base::ByteCount size_of(const Exchange::QueuedFrame& queued) { return queued.frame.size() + queued.blob.size(); }

  std::uint32_t calls_max_;
  base::ByteCount bytes_max_;
  base::IntrusiveList<Exchange, CallQueueTag> queue_;
  std::uint32_t calls_ = 0;
  base::ByteCount bytes_ = 0;
};

}  // namespace razor::stream
