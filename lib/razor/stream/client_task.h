#pragma once
// ClientTask: one call of the stream interface, handed over to a ClientStream as a whole: an action, a message, an
// optional blob, and what to do with the answer. Move-only; completes exactly once, also when it is dropped unsent.
//
//   stream.submit(razor::ClientTask(kRead, ReadRequest{inode, offset, length}, [](const razor::Response& answer) {
//     if (answer.ok()) use(answer.blob());
//   }));

#include <memory>
#include <string>

#include "razor/base/result.h"
#include "razor/base/unique_function.h"
#include "razor/stream/call_options.h"
#include "razor/stream/exchange.h"
#include "razor/wire/codec.h"
#include "razor/wire/wire_error.h"

namespace razor::stream {

/// How a stream call ended: the peer's answer, or why there is none. Views live as long as who hands it out says.
class Response {
 public:
  enum class Kind {
    success,       ///< `msg`, `blob`
    error_number,  ///< the handler's error: `number`
    error_bytes,   ///< the handler's error: `blob`
    failed,        ///< the framework's: `error`
  };

  explicit Response(const wire::ResponseFrame& frame);
  /// `kept` holds the frame's blob.
  Response(const wire::ResponseFrame& frame, base::Blob kept) : Response(frame) { kept_ = std::move(kept); }
  explicit Response(base::CallError error) : kind_(Kind::failed), error_(std::move(error)) {}

  Kind kind() const { return kind_; }
  bool ok() const { return kind_ == Kind::success; }

  /// Empty unless `ok()`.
  base::ByteView msg() const { return msg_; }
  /// The blob, or the bytes of the handler's error.
  base::ByteView blob() const { return blob_; }
  /// The blob, to be kept: a large one is not copied.
  /// Errors: throws std::bad_alloc.
  base::Blob take_blob() const { return kept_.empty() ? wire::take_blob(blob_, source_) : kept_; }
  /// The handler's error number; as a signed number by two's complement.
  std::uint32_t number() const { return number_; }
  /// Only when `kind()` is `failed`.
  const base::CallError& error() const { return *error_; }

  /// Decodes the message. False when there is none or it does not decode; then `why` says more.
  template <class T>
  bool decode(T& value, std::string* why = nullptr) const {
    if (!ok()) {
      if (why != nullptr) *why = message();
      return false;
    }
    return wire::decode_whole(msg_, value, why, format_);
  }

  /// One line for a person.
  std::string message() const;

 private:
  Kind kind_ = Kind::success;
  std::uint32_t number_ = 0;
  base::ByteView msg_;
  base::ByteView blob_;
  base::Blob kept_;
  wire::BlobSource* source_ = nullptr;
  const wire::WireFormat* format_ = nullptr;
  std::optional<base::CallError> error_;
};

/// Called once, on the channel's thread, and never inside `submit`. The Response lives until it returns. It may submit,
/// close and destroy. An exception that escapes it is logged.
using Completion = base::UniqueFunction<void(const Response&)>;

class ClientTask {
 public:
  /// Encodes `message` now. Where its options name a format, it is written in that when it is submitted.
  /// Errors: what cannot be encoded fails alone, when the task is submitted: encode, ran: no. Where there is no memory for
  ///         the task itself, std::bad_alloc is thrown, and there is nothing to complete.
  template <class Message>
  ClientTask(const wire::Action& action, const Message& message, Completion completion)
      : ClientTask(action, std::move(completion)) {
    wire::Encoder to(message_sink());
    try {
      wire::encode(to, message);
    } catch (...) {
      refuse(wire::encode_failure());
    }
  }
  /// Without a message.
  ClientTask(const wire::Action& action, Completion completion);
  /// With a message that is encoded already, in the format of its options.
  static ClientTask with_encoded(const wire::Action& action, base::ByteView message, Completion completion);

  ClientTask(ClientTask&&) noexcept = default;
  ClientTask& operator=(ClientTask&&) noexcept = default;
  /// Completes with `cancelled`, ran: no, unless it was submitted.
  ~ClientTask() = default;

  /// Sent behind the message, untouched by the codec; a large one is not copied, also where a pool sends it again.
  ClientTask&& with_blob(base::Blob blob) &&;
  ClientTask&& with_options(const CallOptions& options) &&;
  /// What errors of the handler ask of a pool; without it, nothing. `rule` is called with answers of the kinds `error_number`
  /// and `error_bytes`, on the pool's thread: `ClientTask(…).with_failover<leader_of>()`.
  template <Failover (*rule)(const Response&)>
  ClientTask&& with_failover() && {
    set_failover_rule([](const wire::ResponseFrame& frame) {
      const Response answer(frame);
      if (answer.kind() == Response::Kind::failed) return Failover::stop();
      try {
        return rule(answer);
      } catch (...) {
        return Failover::stop();
      }
    });
    return std::move(*this);
  }

 private:
  friend void submit(Channel& channel, ClientTask task);
  class Call;

  // Completes it.
  struct DropCall {
    void operator()(Call* call) const;
  };
  // Does not.
  struct Discard {
    void operator()(Call* call) const;
  };

  wire::ByteSink& message_sink();
  /// Submitted, it will fail with `why`.
  void refuse(base::CallError why);
  void set_failover_rule(FailoverRule rule);

  std::unique_ptr<Call, DropCall> call_;
};

/// Hands a task over to whatever carries calls.
/// Errors:  std::bad_alloc is thrown where there is no memory to note the call: then it was not handed over, and does not
///          complete (base/out_of_memory.h).
/// Threads: the channel's.
void submit(Channel& channel, ClientTask task);

}  // namespace razor::stream

namespace razor {
using stream::ClientTask;
using stream::Response;
using wire::Action;
}  // namespace razor
