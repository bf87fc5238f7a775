#pragma once
// Responder: how a request is answered, now or later.

#include <exception>
#include <string_view>

#include "razor/base/error.h"
#include "razor/base/ref.h"
#include "razor/runtime/task_scope.h"
#include "razor/stream/cancel_listener.h"
#include "razor/stream/failure.h"
#include "razor/wire/codec.h"
#include "razor/wire/frame.h"
#include "razor/wire/owned_extension.h"
#include "razor/wire/wire_error.h"

namespace razor::stream {

class Caller;

/// What a Responder answers over: the connection of its request. Only servers are made of it; users see Responders.
class ResponseOutlet : public base::RefCounted {
 public:
  virtual ~ResponseOutlet() = default;

  /// Begins a response: it is encoded into the sink. One that does not count goes nowhere. Where memory is refused, the
  /// response becomes `overloaded`; where there is none for that either, the connection ends.
  virtual wire::ByteSink& begin(bool counts) = 0;
  /// Drops a response that does not count.
  virtual void abandon() = 0;
  /// What was encoded is the response. Each of these three ends the duty of the Responder.
  virtual void commit(wire::Seq seq, wire::ResponseFlag flag, base::Blob&& blob) = 0;
  virtual void refuse(wire::Seq seq, const Failure& failure) = 0;
  virtual void commit_number(wire::Seq seq, std::uint32_t number) = 0;

  virtual void note_exception(std::string_view handler, const std::exception_ptr& exception) = 0;
  virtual void note_undecodable(std::string_view method, std::string_view why) = 0;
  virtual void note_repeated_response() = 0;
  virtual bool is_open() const = 0;
  /// As in ServerConnection.
  virtual base::TimePoint deadline(wire::Seq seq) const = 0;
  virtual base::TimePoint stop_at(wire::Seq seq) const = 0;
  virtual bool is_cancelled(wire::Seq seq) const = 0;
  virtual void listen(wire::Seq seq, CancelListener& listener) = 0;
  virtual bool is_draining() const = 0;
  /// What came with the request beside its message; null: nothing.
  virtual const wire::OwnedExtension* extension(wire::Seq seq) const = 0;
  virtual const runtime::Address& peer() const = 0;
  virtual runtime::Runtime& runtime() const = 0;
  virtual runtime::TaskScope& handlers() const = 0;
};

/// The duty to answer one request. Move-only. Of `reply` and `fail` the first counts, and the others are counted and
/// dropped; a Responder that is destroyed without answers rpc_internal_err. It may be kept and answered later, on the
/// server's thread; when the peer or the server is gone by then, the answer is dropped and counted.
class Responder {
 public:
  /// Answers in `format`, which outlives it; null: msgpack.
  Responder(base::Ref<ResponseOutlet> outlet, wire::Seq seq, const wire::WireFormat* format = nullptr)
      : outlet_(std::move(outlet)), seq_(seq), format_(format) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&& other) noexcept {
    std::swap(outlet_, other.outlet_);
    std::swap(seq_, other.seq_);
    std::swap(answered_, other.answered_);
    std::swap(format_, other.format_);
    return *this;
  }
  ~Responder() {
    if (outlet_ && !answered_) fail(base::Errc::internal);
  }

  /// Success without a message.
  void reply() { reply_encoded({}); }
  /// Success. What cannot be encoded, or is too large, is answered rpc_encode or rpc_too_large instead, and rpc_overloaded
  /// when memory was refused.
  template <class Message>
  void reply(const Message& message, base::Blob blob = {});
  /// Success, with a message that is encoded already, in `format()`, or empty.
  void reply_encoded(base::ByteView message, base::Blob blob = {});
  /// The handler's own error: a number (an errno, an enum; a negative one by two's complement) …
  void fail(std::uint32_t number);
  void fail(std::errc number) { fail(static_cast<std::uint32_t>(number)); }
  /// … or bytes (a text; what is encoded in `format()`).
  void fail_bytes(base::ByteView error);
  /// A failure of the framework.
  void fail(const Failure& failure);
  void fail(base::Errc errc) { fail(Failure(errc)); }

  /// The handler of `method` threw: logged, counted, and answered rpc_internal_err.
  void fail_thrown(std::string_view method, const std::exception_ptr& exception);
  /// The arguments of `method` did not decode: counted, logged (once a minute for each method), and answered rpc_decode; a
  /// client that is known to be ours is told `why`.
  void fail_undecodable(std::string_view method, std::string_view why);

  bool answered() const { return answered_; }
  /// Until when the caller waits, by this server's clock; max: it has not said.
  base::TimePoint deadline() const;
  /// When the caller has given up for certain, whatever its clock says: a little after `deadline`.
  base::TimePoint stop_at() const;
  /// Nobody waits for the answer any more: the caller said so, it has given up, or the connection is gone.
  bool cancelled() const;
  /// `listener` is told when that is so, but not of time: that passes by itself (`stop_at`).
  void listen(CancelListener& listener) const;
  /// The connection is to end: what works for it for ever should come to an end.
  bool draining() const;
  /// What the caller says beside the message (CallOptions::metadata, ::trace); until it is answered.
  std::span<const wire::MetadataItem> metadata() const;
  const wire::TraceContext* trace() const;
  /// For calls that are made on behalf of this one.
  Caller caller() const;
  /// False when nobody waits for the answer any more.
  bool peer_is_there() const;
  const runtime::Address& peer() const;
  runtime::Runtime& runtime() const;
  /// The request's format, in which the answer and errors that are values are written; null: msgpack.
  const wire::WireFormat* format() const { return format_; }

  /// Coroutines that work for this server: `handlers().run_inline("open", task)`. They are destroyed with it.
  runtime::TaskScope& handlers() const;

  /// For those who encode an answer in place, as api/dispatch does: `begin`, encode into the sink, then one `end`.
  wire::ByteSink& begin();
  void end_success(base::Blob&& blob = {});
  /// What was encoded is the handler's error.
  void end_error_bytes();
  /// What was encoded is dropped; `errc` is answered.
  void end_failed(base::Errc errc) { end_failed(Failure(errc)); }
  void end_failed(const Failure& failure);

 private:
  bool take_turn();

  base::Ref<ResponseOutlet> outlet_;
  wire::Seq seq_;
  const wire::WireFormat* format_;
  bool answered_ = false;
};

// ---------------------------------------------------------------------------------------------------------------------

template <class Message>
void Responder::reply(const Message& message, base::Blob blob) {
  try {
    wire::encode_in(format_, begin(), [&](wire::Encoder& to) { wire::encode(to, message); });
  } catch (...) {
    end_failed(wire::encode_failure().errc());
    return;
  }
  end_success(std::move(blob));
}

}  // namespace razor::stream

namespace razor {
using stream::Responder;
}  // namespace razor
