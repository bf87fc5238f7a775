#pragma once
// ResponseQueue: what a server has to write to one connection. Responses go out in the order in which they were queued; the
// pongs of prompt pings go in front of every response that is not begun. Pure.
//
// A pong may only stand between two frames. Where frames end is not noted for each: after a write that took a part of
// what was given, the heads of the frames in that part are read again, to find where the frame that was cut ends.

#include <optional>
#include <span>

#include "razor/wire/frame.h"
#include "razor/wire/output_buffer.h"

namespace razor::stream {

class ResponseQueue {
 public:
  /// Responses are built at its back. `consume` and `gather` are this class's only.
  wire::OutputBuffer& responses() { return responses_; }

  /// Queues the pong of the prompt ping `seq`.
  /// Errors: throws std::bad_alloc; then nothing is queued.
  void put_prompt_pong(wire::Seq seq);
  /// Pongs of prompt pings that are not written whole.
  std::size_t prompt_pongs() const;

  /// Views of what is to be written next, at most `views.size()`, which are at least 8; gives their number. They live until `consume`.
  std::size_t gather(std::span<base::ByteView> views);
  /// Of what was gathered last, the first `count` bytes were taken by the transport.
  void consume(std::size_t count);

  bool empty() const { return responses_.empty() && !pongs_wait(); }
  base::ByteCount queued() const { return responses_.queued() + (pongs_ ? pongs_->queued() : 0); }

 private:
  bool pongs_wait() const { return pongs_ && !pongs_->empty(); }
  void find_frame_end(base::ByteCount consumed);

  wire::OutputBuffer responses_;
  std::optional<wire::OutputBuffer> pongs_;  // from the first prompt ping on
  base::ByteCount frame_end_ = 0;  // of `responses_`: the first end of a frame that is not before what was consumed
  base::ByteCount whole_frames_ = 0;  // of `responses_`: an end of a frame, when last gathered
  std::size_t pongs_gathered_ = 0;  // bytes of pongs in front of what was gathered last
};

}  // namespace razor::stream
