#pragma once
// Dispatch: what a user of the stream interface writes to serve requests; api/dispatch is one, for services.
//
//   struct FileServer final : razor::Dispatch {
//     void dispatch(const razor::Request& request, razor::Responder respond) override {
//       if (request.action == razor::Action(kOpen)) return respond.reply(open(request));
//       respond.fail(razor::Errc::decode);
//     }
//   };

#include <exception>
#include <string_view>

#include "razor/base/error.h"
#include "razor/base/ref.h"
#include "razor/runtime/task_scope.h"
#include "razor/wire/codec.h"
#include "razor/wire/frame.h"
#include "razor/wire/wire_error.h"

namespace razor::stream {

/// A failure of the framework that is answered, and what is said of it to a peer that understands more than its code.
struct Failure {
  explicit Failure(base::Errc failure_errc) : errc(failure_errc) {}
  Failure(base::Errc failure_errc, base::Ran failure_ran, std::string_view failure_detail)
      : errc(failure_errc), ran(failure_ran), detail(failure_detail) {}

  base::Errc errc;
  base::Ran ran = base::Ran::maybe;
  std::string_view detail;  ///< borrowed; empty: nothing, and `ran` is not said either
};

/// The connection that a Responder answers over. Only servers are made of it; users see Responders.
class ServerConnection : public base::RefCounted {
 public:
  virtual ~ServerConnection() = default;

  /// Begins an answer: it is encoded into the sink. One that does not count goes nowhere. Where memory is refused, the end
  /// of the answer is `overloaded`; where there is none for that either, the connection ends.
  virtual wire::ByteSink& begin_answer(bool counts) = 0;
  virtual void abandon_answer() = 0;
  /// What was encoded is the answer. Each of these three ends the duty of the Responder.
  virtual void end_answer(wire::Seq seq, wire::ResponseFlag flag, base::Blob&& blob) = 0;
  virtual void end_answer_failed(wire::Seq seq, const Failure& failure) = 0;
  virtual void answer_number(wire::Seq seq, std::uint32_t number) = 0;

  virtual void note_exception(std::string_view handler, const std::exception_ptr& exception) = 0;
  virtual void note_undecodable(std::string_view method, std::string_view why) = 0;
  virtual void note_repeated_answer() = 0;
  virtual bool is_open() const = 0;
  virtual const runtime::Address& peer() const = 0;
  virtual runtime::Runtime& runtime() const = 0;
  virtual runtime::TaskScope& handlers() const = 0;
};

/// A request that has arrived whole. The views live until `dispatch` returns: decode, or copy what is to be kept.
struct Request {
  wire::Action action;
  base::ByteView msg;
  base::ByteView blob;
  wire::Seq seq;
  /// Lives as long as the Responder.
  const runtime::Address& peer;
  /// The format that `msg` is written in; null: msgpack.
  const wire::WireFormat* format = nullptr;
  wire::BlobSource* source = nullptr;

  /// Decodes the message. False when it does not decode; then `why` says more.
  template <class T>
  bool decode(T& value, std::string* why = nullptr) const {
    return wire::decode_whole(msg, value, why, format);
  }
  /// The blob, to be kept: a large one is not copied.
  /// Errors: throws std::bad_alloc.
  base::Blob take_blob() const { return wire::take_blob(blob, source); }
};

/// The duty to answer one request. Move-only. Of `reply` and `fail` the first counts, and the others are counted and
/// dropped; a Responder that is destroyed without answers rpc_internal_err. It may be kept and answered later, on the
/// server's thread; when the peer or the server is gone by then, the answer is dropped and counted.
class Responder {
 public:
  /// Answers in `format`, which outlives it; null: msgpack.
  Responder(base::Ref<ServerConnection> connection, wire::Seq seq, const wire::WireFormat* format = nullptr)
      : connection_(std::move(connection)), seq_(seq), format_(format) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&& other) noexcept {
    std::swap(connection_, other.connection_);
    std::swap(seq_, other.seq_);
    std::swap(answered_, other.answered_);
    std::swap(format_, other.format_);
    return *this;
  }
  ~Responder() {
    if (connection_ && !answered_) fail(base::Errc::internal);
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
  void fail(base::Errc errc);

  /// The handler of `method` threw: logged, counted, and answered rpc_internal_err.
  void fail_thrown(std::string_view method, const std::exception_ptr& exception);
  /// The arguments of `method` did not decode: counted, logged (once a minute for each method), and answered rpc_decode; a
  /// client that is known to be ours is told `why`.
  void fail_undecodable(std::string_view method, std::string_view why);

  bool answered() const { return answered_; }
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

  base::Ref<ServerConnection> connection_;
  wire::Seq seq_;
  const wire::WireFormat* format_;
  bool answered_ = false;
};

/// Receives every request of a server, of all its connections, pings excepted.
///
/// Order:   per connection, in the order of the frames.
/// Errors:  an exception that escapes is logged; the request is answered rpc_internal_err.
/// Threads: the server's runtime's.
class Dispatch {
 public:
  virtual ~Dispatch() = default;
  virtual void dispatch(const Request& request, Responder respond) = 0;
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
using stream::Dispatch;
using stream::Request;
using stream::Responder;
}  // namespace razor
