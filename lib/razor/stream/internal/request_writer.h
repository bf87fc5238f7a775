#pragma once
// RequestWriter: what a client writes to one connection, in order. A request is drafted at the back of the output, or, where it
// has to wait for room, beside it; then it becomes a frame of the output, goes to a queue, or is taken back. Pure.
// response_writer.h is its mirror.

#include "razor/base/out_of_memory.h"
#include "razor/stream/exchange.h"
#include "razor/stream/internal/sent_calls.h"
#include "razor/wire/control_frame.h"
#include "razor/wire/frame_writer.h"
#include "razor/wire/output_buffer.h"
#include "razor/wire/wire_format.h"

namespace razor::stream {

class RequestWriter {
 public:
  RequestWriter(std::uint64_t client_id, const wire::FrameLimits& limits) : client_id_(client_id), limits_(limits) {}

  // --- One draft at a time: `begin`, the message into the sink, then `send` if it goes out, or `frame` to a queue; or `abandon`

  /// Why a draft may not be sent, beside its sizes.
  enum class DraftFault : std::uint8_t {
    none,
    memory,  ///< it was refused for the draft
    refused,  ///< by the writer's owner, who knows why
  };

  /// The message goes into what this returns. `extension`: the block that stands before it (wire/extension.h).
  wire::ByteSink& begin(const wire::Action& action, bool goes_out, base::ByteView extension = {});
  wire::ByteSink& begin_ping(bool goes_out);
  /// The draft stands in the output. A draft that was to go out does not if memory was refused for it.
  bool goes_out() const { return draft_.goes_out; }
  bool is_ping() const { return draft_.is_ping; }
  std::uint32_t action() const { return draft_.action; }
  DraftFault fault() const { return draft_.fault; }
  /// The draft may not be sent.
  void refuse_draft() { draft_.fault = DraftFault::refused; }
  /// 0 is the ping, and a number that has the bit of names would be read as the length of one.
  bool action_is_valid() const {
    return (draft_.action != 0 || draft_.is_ping) &&
           ((draft_.action & wire::Action::kNameBit) != 0 ? draft_.action & wire::Action::kNumberMax : 0) ==
               draft_.name_bytes;
  }
  wire::FrameSizes sizes(base::ByteCount blob_bytes) {
    return {draft_.name_bytes, frame_bytes() - wire::kRequestHeadBytes - draft_.prefix_bytes, blob_bytes};
  }
  bool is_valid(const wire::FrameSizes& sizes) const {
    return draft_.fault == DraftFault::none && action_is_valid() && sizes.fit(limits_);
  }
  /// Of a draft that does not go out, with the place of its head in front.
  base::ByteView frame() const { return scratch_.view(); }
  void abandon() {
    if (draft_.goes_out) out_.abandon_frame();
    draft_.goes_out = false;
  }

  // --- Frames. False: there is no memory for it, and nothing of it is in the output.

  /// The draft, which stands in the output, goes out as the call of `exchange`, which gets a seq of `sent`.
  bool send(Exchange& exchange, base::Blob&& blob, SentCalls& sent) {
    return end_frame(exchange, draft_.action, out_.frame().size(), std::move(blob), sent);
  }
  /// Likewise with a frame that waited in a queue.
  bool send(Exchange& exchange, Exchange::QueuedFrame& queued, SentCalls& sent);
  bool send_ping(SentCalls& sent);
  /// The first frame: a ping with `hello` behind it, whose seq this returns; 0: there is no memory for it.
  wire::Seq send_hello(base::ByteView hello, SentCalls& sent);
  /// A control frame that is not answered.
  bool send_control(const wire::RequestHead& head);

  /// Whether requests say what is known of their calls, and pings may be answered before earlier requests.
  void set_extended(bool writes_words, bool prompt_pings) {
    writes_words_ = writes_words;
    ping_format_ = prompt_pings ? wire::kPromptPingFormat : 0;
  }

  // --- The output
  bool empty() const { return out_.empty(); }
  base::ByteCount queued() const { return out_.queued(); }
  base::ByteCount appended() const { return out_.appended(); }
  base::ByteCount consumed() const { return out_.consumed(); }
  std::size_t gather(std::span<base::ByteView> views) const { return out_.gather(views); }
  void consume(std::size_t count) { out_.consume(count); }
  /// The transport has taken a part of the call's frame at least. A write that waits has taken nothing (byte_stream.h).
  bool has_begun(const Exchange& exchange) const { return exchange.sent_from_ < out_.consumed(); }
  /// Only a whole frame can be dispatched: what the transport has not taken when the connection ends is never sent.
  bool has_written(const Exchange& exchange) const { return exchange.sent_until_ <= out_.consumed(); }

 private:
  struct Draft {
    bool goes_out = false;
    bool is_ping = false;
    DraftFault fault = DraftFault::none;
    std::uint32_t action = 0;
    std::size_t name_bytes = 0;
    std::size_t prefix_bytes = 0;  // of the extension block and the name
  };

  std::size_t frame_bytes() { return draft_.goes_out ? out_.frame().size() : scratch_.size(); }
  bool end_frame(Exchange& exchange, std::uint32_t action, std::size_t frame_bytes, base::Blob&& blob, SentCalls& sent);

  const std::uint64_t client_id_;
  const wire::FrameLimits& limits_;
  bool writes_words_ = false;
  std::uint8_t ping_format_ = wire::kPromptPingFormat;
  Draft draft_;
  wire::BytesSink scratch_;
  wire::OutputBuffer out_;
};

// Every call comes through here.
[[gnu::always_inline]] inline bool RequestWriter::end_frame(Exchange& exchange, std::uint32_t action,
                                                            std::size_t frame_bytes, base::Blob&& blob, SentCalls& sent) {
  wire::RequestHead head;
  if (exchange.format_ != nullptr) [[unlikely]]
    head.format = exchange.format_->id();
  head.action = action;
  head.client_id = client_id_;
  if (action == 0) {
    head.format = ping_format_;
  } else if (writes_words_) {
    head.format |= wire::kCallWordBit;
    head.client_id = wire::to_client_id(exchange.word_);
  }
  head.msg_bytes =
      static_cast<std::uint32_t>(frame_bytes - wire::kRequestHeadBytes - head.name_bytes() - exchange.word_.extension_bytes);
  head.blob_bytes = static_cast<std::uint32_t>(blob.size());
  exchange.sent_from_ = out_.appended();
  std::byte* at = nullptr;
  const bool has_memory = base::catching_bad_alloc([&] {
    sent.make_room();
    at = out_.end_frame(std::move(blob));
  });
  if (!has_memory) [[unlikely]] {
    out_.abandon_frame();
    return false;
  }
  exchange.sent_until_ = out_.appended();
  head.seq = sent.send(exchange);
  wire::store_head(at, head);
  return true;
}

}  // namespace razor::stream
