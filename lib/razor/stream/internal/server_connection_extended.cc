// ServerConnection beyond plain version 1: it answers hellos, reads extension blocks and cancels, gives notice that it leaves, and
// tells handlers what it knows of their calls. Source: wire/protocol.md, "Between two of ours".

#include "razor/base/out_of_memory.h"
#include "razor/stream/internal/own_hello.h"
#include "razor/stream/internal/server_connection.h"
#include "razor/wire/control_frame.h"

namespace razor::stream {

using base::Errc;
using base::LogLevel;
using base::Ran;
using base::TimePoint;
using State = Drain::State;

// False: it is not understood, which is answered.
bool ServerConnection::takes_extension(const wire::RequestFrame& frame) {
  wire::Extension extension;
  wire::ExtensionFault fault = wire::ExtensionFault::none;
  const bool has_memory = base::catching_bad_alloc([&] {
    fault = wire::decode_extension(frame.extension, extension);
    if (fault != wire::ExtensionFault::none || extension.empty()) return;
    extension_ =
        std::make_unique<const wire::OwnedExtension>(extension.trace ? &*extension.trace : nullptr, extension.metadata);
  });
  if (!has_memory) {
    answer_failed(frame.head.seq, Failure(Errc::overloaded, Ran::no));
    return false;
  }
  switch (fault) {
    case wire::ExtensionFault::none: return true;
    case wire::ExtensionFault::malformed:
      answer_failed(frame.head.seq, Failure(Errc::decode, Ran::no, "its extension block is malformed"));
      return false;
    case wire::ExtensionFault::not_understood:
      answer_failed(frame.head.seq,
                    Failure(Errc::unsupported, Ran::no, "a record of its extension block is not known here"));
      return false;
  }
  return false;
}

void ServerConnection::answer_expired(wire::Seq seq) {
  ++server_.stats.requests;
  ++stats_.requests;
  ++server_.stats.expired;
  answer_failed(seq, Failure(Errc::deadline_exceeded, Ran::no, "its time was over when it was read"));
}

void ServerConnection::on_broken_order(wire::Seq seq, std::string_view what) {
  ++server_.stats.connections_faulty;
  server_.log.log(LogLevel::info, "{} from {} refused: seq {}, where {} was the last", what, peer_, seq, last_seq_);
  request_waits_ = false;
  drain_.on_broken_frame();
}

void ServerConnection::on_control(const wire::RequestFrame& frame, wire::ControlKind kind) {
  const wire::Seq seq = frame.head.seq;
  if (kind == wire::ControlKind::hello && frames_ == 1 && server_.config.hello != HelloMode::off) return on_hello(frame);
  if (is_extended_) {
    switch (kind) {
      case wire::ControlKind::cancel: return on_cancel(seq);
      case wire::ControlKind::drained: peer_sends_no_more_ = true; return;
      case wire::ControlKind::unknown: ++server_.stats.controls_unknown; return;
      case wire::ControlKind::hello:
      case wire::ControlKind::ping:
      case wire::ControlKind::prompt_ping:
        if (seq <= last_seq_) return on_broken_order(seq, "a ping");
        last_seq_ = seq;
        break;
    }
  }
  on_ping(seq, kind == wire::ControlKind::prompt_ping);
}

// The peer takes the first response to decide what is spoken: nothing stands before this one.
void ServerConnection::on_hello(const wire::RequestFrame& frame) {
  std::optional<wire::Hello> hello = wire::decode_hello(frame.blob);
  if (!hello) return on_ping(frame.head.seq, false);
  ++server_.stats.pings;
  const bool has_memory = base::catching_bad_alloc([&] {
    running_.extend();
    const base::Bytes own = wire::encode(own_hello(server_.config.limits));
    if (!writer_.put_pong(frame.head.seq, own)) throw std::bad_alloc();
  });
  on_put(has_memory);
  if (!has_memory) return;
  is_extended_ = true;
  hello_ = *std::move(hello);
  last_seq_ = frame.head.seq;
  reader_.extend();
}

void ServerConnection::on_cancel(wire::Seq seq) {
  if (seq > last_seq_) return on_broken_order(seq, "the end of a call that was never asked,");
  ++server_.stats.cancels;
  ServerCall* call = running_.find(seq);
  if (call == nullptr || call->is_cancelled) return;  // it is answered already
  call->cancel();
}

TimePoint ServerConnection::deadline(wire::Seq seq) const {
  const ServerCall* call = running_.find(seq);
  return call == nullptr ? TimePoint::max() : call->deadline;
}

TimePoint ServerConnection::stop_at(wire::Seq seq) const {
  const ServerCall* call = running_.find(seq);
  return call == nullptr ? TimePoint::max() : call->stop_at;
}

const wire::OwnedExtension* ServerConnection::extension(wire::Seq seq) const {
  const ServerCall* call = running_.find(seq);
  return call == nullptr || call->more == nullptr ? nullptr : call->more->extension.get();
}

bool ServerConnection::is_cancelled(wire::Seq seq) const {
  if (is_closed()) return true;
  const ServerCall* call = running_.find(seq);
  return call != nullptr && call->is_cancelled;
}

void ServerConnection::listen(wire::Seq seq, CancelListener& listener) {
  if (is_cancelled(seq)) return listener.on_cancelled();
  running_.listen(seq, listener);
}

bool ServerConnection::leave(TimePoint now, base::Duration notice, wire::ServerControl::Reason reason) {
  if (state() != State::serving || !hello_.has(wire::Feature::drain)) return false;
  if (!writer_.put_control(wire::drain_soon(reason, notice))) return false;
  drain_.begin_leaving(base::saturating_add(now, notice));
  return true;
}

}  // namespace razor::stream
