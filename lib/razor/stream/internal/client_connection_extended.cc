// What a client's end of a connection does beyond plain version 1: its hello, metadata and traces, cancels, and leaving when the
// server asks for it. Source: wire/protocol.md, "Between two of ours".

#include "razor/base/format.h"
#include "razor/base/out_of_memory.h"
#include "razor/stream/internal/client_connection.h"
#include "razor/stream/internal/own_hello.h"

namespace razor::stream {

using base::CallError;
using base::Errc;
using base::Ran;
using Reason = Exchange::Reason;

void ClientConnection::start() {
  if (!hello_.wants_to_ask()) return;
  base::Bytes hello;
  if (!base::catching_bad_alloc([&] { hello = wire::encode(own_hello(config_.limits)); })) return;
  const wire::Seq seq = writer_.send_hello(hello, sent_);
  if (seq == 0) return;  // a plain connection does as well
  hello_.on_asked(seq);
  // The pong of a prompt ping could overtake the hello's.
  writer_.set_extended(true, false);
}

// A call that has metadata waits until the peer has answered the hello. A trace alone does not wait: it is left out.
wire::ByteSink& ClientConnection::begin_extended(Exchange& exchange, const wire::Action& action,
                                                 const CallOptions& options) {
  const bool has_metadata = !options.metadata.empty();
  const wire::TraceContext* trace = hello_.has(wire::Feature::trace) ? options.trace : nullptr;
  wire::BytesSink block;
  wire::MetadataFault metadata = wire::MetadataFault::none;
  const bool has_memory =
      base::catching_bad_alloc([&] { metadata = wire::encode_extension(block, trace, options.metadata); });
  wire::ByteSink& sink = writer_.begin(action, goes_out_at_once() && !(has_metadata && hello_.is_asked()), block.view());
  exchange.word_.extension_bytes = static_cast<std::uint16_t>(block.size());
  if (!has_memory) {
    writer_.set_fault(RequestWriter::DraftFault::memory);
  } else if (metadata == wire::MetadataFault::too_large) {
    writer_.set_fault(RequestWriter::DraftFault::metadata_too_large);
  } else if (metadata == wire::MetadataFault::keys) {
    writer_.set_fault(RequestWriter::DraftFault::metadata_keys);
  } else if (has_metadata && !hello_.is_asked() && !hello_.has(wire::Feature::metadata)) {
    writer_.set_fault(RequestWriter::DraftFault::unsupported);
  }
  return sink;
}

std::string ClientConnection::unsupported_text(const Exchange& exchange) const {
  return base::text_or_empty([&] {
    return base::format("call {} on {}: {}", exchange.describe(), peer_,
                        hello_.state() == HelloState::off
                            ? "it has metadata, and `hello` of this ClientStreamConfig is off"
                            : "it has metadata, and the server takes none: it speaks plain version 1");
  });
}

CallError ClientConnection::refusal_of_draft(const Exchange& exchange) const {
  const auto text = [&](std::string_view what) {
    return base::text_or_empty([&] { return base::format("call {} on {}: {}", exchange.describe(), peer_, what); });
  };
  switch (writer_.fault()) {
    case RequestWriter::DraftFault::metadata_too_large:
      return CallError(Errc::too_large, Ran::no, text(wire::text_of(wire::MetadataFault::too_large)));
    case RequestWriter::DraftFault::metadata_keys:
      return CallError(Errc::encode, Ran::no, text(wire::text_of(wire::MetadataFault::keys)));
    case RequestWriter::DraftFault::unsupported: return CallError(Errc::unsupported, Ran::no, unsupported_text(exchange));
    case RequestWriter::DraftFault::memory:
    case RequestWriter::DraftFault::none: break;
  }
  return base::out_of_memory(Ran::no);
}

// False when the connection has ended.
bool ClientConnection::on_first_response(const wire::ResponseFrame& frame) {
  hello_.on_first_response(frame);
  writer_.set_extended(hello_.is_extended(), true);
  if (hello_.is_refused()) {
    terminate(Errc::unsupported, base::format("{} speaks plain version 1 only, and `hello` of this end is required", peer_));
    return false;
  }
  if (!hello_.has(wire::Feature::metadata)) fail_queued_with_metadata();
  const std::vector<wire::Seq> cancels = std::exchange(cancels_held_, {});
  if (!hello_.is_extended()) return true;
  reader_.extend();
  keepalive_.on_known();  // such a peer answers prompt pings at once
  for (const wire::Seq seq : cancels) send_cancel(seq);
  return true;
}

void ClientConnection::fail_queued_with_metadata() {
  queue_.for_each([&](Exchange& exchange) {
    if (exchange.word_.extension_bytes == 0) return;
    queue_.take(exchange, Reason::refused);
    fail(exchange, Reason::refused, CallError(Errc::unsupported, Ran::no, unsupported_text(exchange)));
  });
}

void ClientConnection::tell_unwanted(Exchange& exchange) {
  if (!std::exchange(exchange.was_told_unwanted_, true)) send_cancel(exchange.seq_);
}

void ClientConnection::send_cancel(wire::Seq seq) {
  if (!can_write_ || has_ended()) return;
  if (hello_.is_asked()) {
    (void)base::catching_bad_alloc([&] { cancels_held_.push_back(seq); });
  } else if (hello_.has(wire::Feature::cancel)) {
    if (writer_.send_control(wire::cancel_head(seq))) ++stats_.cancels_sent;  // without memory the handler runs to its end
    batch_is_open_ = true;
  }
}

void ClientConnection::on_control(const wire::ResponseFrame& frame) {
  if (!hello_.has(wire::Feature::drain)) return;
  const std::optional<wire::ServerControl> control = wire::server_control_of(frame);
  if (!control) return;
  switch (static_cast<wire::ServerControl::Kind>(control->kind)) {
    case wire::ServerControl::Kind::drain_soon: return leave(base::format("{} asks for no more calls", peer_));
    case wire::ServerControl::Kind::drain_now: {
      leave(base::format("{} takes no more calls", peer_));
      sent_.for_each([&](Exchange& exchange) {
        if (exchange.seq_ <= control->seq) return;
        sent_.remove(exchange, Reason::refused);
        fail(exchange, Reason::refused, CallError(Errc::draining, Ran::no, base::format("{} takes no more calls", peer_)));
      });
      return;
    }
  }
}

// The peer is to end: no call goes out any more, and what waits goes elsewhere.
void ClientConnection::leave(std::string why) {
  if (has_ended() || std::exchange(was_asked_to_leave_, true)) return;
  if (state_ == State::open) transition(State::draining, why);
  fail_queued(Reason::refused, Errc::draining, why, true);
  // Behind all that was written before.
  if (can_write_) writer_.send_control(wire::drained_head(sent_.next_seq() - 1));
  batch_is_open_ = true;
}

}  // namespace razor::stream
