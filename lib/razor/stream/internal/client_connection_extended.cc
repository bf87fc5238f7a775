// ClientConnection beyond plain version 1: it sends a hello, metadata, traces and cancels, and leaves when the server asks for
// that. Source: wire/protocol.md, "Between two of ours".

#include "razor/base/format.h"
#include "razor/base/out_of_memory.h"
#include "razor/base/time_text.h"
#include "razor/stream/internal/client_connection.h"
#include "razor/stream/internal/own_hello.h"
#include "razor/wire/framework_error.h"

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
  exchange.word_.extension_bytes = static_cast<std::uint16_t>(block.size());
  wire::ByteSink& sink = writer_.begin(action, goes_out_at_once() && !waits_for_hello(exchange), block.view());
  draft_refusal_.reset();
  if (!has_memory) {
    draft_refusal_ = base::out_of_memory(Ran::no);
  } else if (metadata != wire::MetadataFault::none) {
    draft_refusal_ = refusal_for_extension(exchange, wire::errc_of(metadata), wire::text_of(metadata));
  } else if (has_metadata && !hello_.is_asked() && !hello_.has(wire::Feature::metadata)) {
    draft_refusal_ = refusal_of_metadata(exchange);
  }
  if (draft_refusal_) writer_.refuse_draft();
  return sink;
}

CallError ClientConnection::refusal_for_extension(const Exchange& exchange, Errc errc, std::string_view why) const {
  return CallError(errc, Ran::no,
                   base::text_or_empty([&] { return base::format("call {} on {}: {}", exchange.describe(), peer_, why); }));
}

// By a peer that takes none.
CallError ClientConnection::refusal_of_metadata(const Exchange& exchange) const {
  return refusal_for_extension(exchange, Errc::unsupported,
                               hello_.state() == HelloState::off
                                   ? "it has metadata, and `hello` of this ClientStreamConfig is off"
                                   : "it has metadata, and the server takes none: it speaks plain version 1");
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
    fail(exchange, Reason::refused, refusal_of_metadata(exchange));
  });
}

// A server that says that the time of a call is over, and has run it, may have a clock that is ahead of ours. No caller hears so
// before its deadline: until then the failure is kept. False: the response is to be delivered. A handler may answer so by itself, early:
// no clock is twice as fast as ours.
bool ClientConnection::hold_until_deadline(Exchange& exchange, const wire::ResponseFrame& frame, base::TimePoint now) {
  const wire::FrameworkError error = wire::framework_error_of(frame);
  if (error.errc != Errc::deadline_exceeded || error.ran == Ran::no) return false;
  const std::optional<base::Duration> told = exchange.word_.time_left();
  if (!told || exchange.deadline() <= now || exchange.deadline() - now > *told / 2) return false;
  const bool has_memory = base::catching_bad_alloc([&] {
    exchange.failure_ =
        std::make_unique<CallError>(Errc::deadline_exceeded, error.ran,
                                    base::format("call {} on {}: no answer within {}: its server ended it",
                                                 exchange.describe(), peer_, base::seconds_text(exchange.timeout())));
  });
  if (!has_memory) return false;
  if (exchange.observation_) observer_->on_response(exchange, frame);
  exchange.transition(Exchange::State::failing, Reason::deadline);
  held_.push_back(exchange);
  return true;
}

// The connection ends before the deadlines of these calls have come.
void ClientConnection::end_held(Errc errc, const std::string& why) {
  while (Exchange* exchange = held_.pop_front()) {
    DeadlineCheck::remove(*exchange);
    const Ran ran = exchange->failure_->ran();
    *exchange->failure_ = CallError(errc, ran, base::format("call {}: {}", exchange->describe(), why));
    failures_.push(*exchange);
  }
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
      const std::string why = base::format("{} takes no more calls", peer_);
      leave(why);
      sent_.for_each([&](Exchange& exchange) {
        if (exchange.seq_ <= control->seq) return;
        sent_.remove(exchange, Reason::refused);
        fail(exchange, Reason::refused, CallError(Errc::draining, Ran::no, why));
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
