#include "razor/stream/internal/request_writer.h"

#include <algorithm>
#include <array>

namespace razor::stream {

wire::ByteSink& RequestWriter::begin(const wire::Action& action, bool goes_out, base::ByteView extension) {
  draft_.action = wire::action_field(action);
  draft_.name_bytes = action.name().size();
  draft_.prefix_bytes = draft_.name_bytes + extension.size();
  draft_.is_ping = false;
  draft_.fault = DraftFault::none;
  draft_.goes_out = goes_out;
  if (goes_out) {
    try {
      out_.begin_frame();
      wire::begin_request(out_, action, extension);
      return out_;
    } catch (const std::bad_alloc&) {
      abandon();
      draft_.fault = DraftFault::memory;
    }
  }
  scratch_.clear();
  if (!base::catching_bad_alloc([&] { wire::begin_request(scratch_, action, extension); }))
    draft_.fault = DraftFault::memory;
  return scratch_;
}

wire::ByteSink& RequestWriter::begin_ping(bool goes_out) {
  wire::ByteSink& sink = begin(wire::kPing, goes_out);
  draft_.is_ping = true;
  return sink;
}

bool RequestWriter::send(Exchange& exchange, Exchange::QueuedFrame& queued, SentCalls& sent) {
  const bool is_copied = base::catching_bad_alloc([&] {
    out_.begin_frame();
    out_.put(queued.frame);
  });
  if (!is_copied) {
    out_.abandon_frame();
    return false;
  }
  return end_frame(exchange, queued.action, queued.frame.size(), std::move(queued.blob), sent);
}

bool RequestWriter::send_ping(SentCalls& sent) {
  if (!base::catching_bad_alloc([&] { sent.make_room(); })) return false;
  return send_control(wire::ping_head(client_id_, sent.send_ping(), ping_format_));
}

wire::Seq RequestWriter::send_hello(base::ByteView hello, SentCalls& sent) {
  const bool is_sent = base::catching_bad_alloc([&] {
    base::Bytes frame(wire::kRequestHeadBytes + hello.size());
    std::ranges::copy(hello, frame.begin() + wire::kRequestHeadBytes);
    wire::store_head(frame.data(), wire::hello_head(sent.next_seq(), hello.size()));
    out_.append_copy(frame);
  });
  return is_sent ? sent.send_ping() : 0;
}

bool RequestWriter::send_control(const wire::RequestHead& head) {
  std::array<std::byte, wire::kRequestHeadBytes> frame;
  wire::store_head(frame.data(), head);
  return base::catching_bad_alloc([&] { out_.append_copy(frame); });
}

}  // namespace razor::stream
