#pragma once
// ResponseWriter: what a server writes to one connection: responses of requests, drafted in place, failures, numbers and pongs,
// in the order of their queue. It gives back what there is no memory for; its owner decides what becomes of the connection then.
// Pure. request_writer.h is its mirror.

#include "razor/stream/failure.h"
#include "razor/stream/internal/response_queue.h"
#include "razor/wire/control_frame.h"

namespace razor::stream {

class ResponseWriter {
 public:
  explicit ResponseWriter(const wire::FrameLimits& limits) : limits_(limits) {}

  // --- One draft at a time: `begin`, the message into the sink, then `commit` or `abandon`

  /// Of a draft that does not count nothing is kept.
  wire::ByteSink& begin(bool counts);
  bool draft_counts() const { return draft_counts_; }
  /// Of its message; 0 where memory was refused.
  std::size_t draft_bytes() { return draft_has_memory_ ? out_.responses().frame().size() - wire::kResponseHeadBytes : 0; }
  /// Memory was refused while the message was put.
  void lose_memory() { draft_has_memory_ = false; }
  /// The draft, which counts, becomes the response to `seq`. Otherwise it is dropped: what the peer is to be told instead,
  /// `too_large` (by the limits of this server), or `overloaded` where there is no memory.
  std::optional<base::Errc> commit(wire::Seq seq, wire::ResponseFlag flag, base::Blob&& blob);
  void abandon() {
    if (draft_counts_) out_.responses().abandon_frame();
  }

  // --- Without a draft. False: there is no memory, and nothing is queued.
  bool put_number(wire::Seq seq, std::uint32_t number);
  /// What the peer understands of a failure.
  enum class FailureForm : std::uint8_t {
    text,  ///< one of the framework's
    detailed,  ///< and what stands behind it, if there is memory for that
    number,  ///< of a framework error, with whether the call ran
  };
  bool put_failure(wire::Seq seq, const Failure& failure, FailureForm form);
  bool put_pong(wire::Seq seq, base::ByteView hello = {});
  bool put_control(const wire::ServerControl& control);
  bool put_prompt_pong(wire::Seq seq);

  // --- The output
  bool empty() const { return out_.empty(); }
  base::ByteCount queued() const { return out_.queued(); }
  std::size_t prompt_pongs() const { return out_.prompt_pongs(); }
  std::size_t gather(std::span<base::ByteView> views) { return out_.gather(views); }
  void consume(std::size_t count) { out_.consume(count); }

 private:
  bool append(const wire::ResponseHead& head, base::ByteView msg, base::ByteView blob);

  const wire::FrameLimits& limits_;
  ResponseQueue out_;
  wire::BytesSink dropped_;  // where responses go that nobody waits for
  bool draft_counts_ = false;
  bool draft_has_memory_ = true;
};

}  // namespace razor::stream
