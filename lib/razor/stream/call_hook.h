#pragma once
// Call hooks: a user's code at the start and the end of every call, at the client's end and at the server's: metrics, logs,
// authorization and rate limits have one home at each end.
//
//   struct FailedCalls final : razor::ClientCallHook {
//     void on_end(const razor::CallInfo& call, const razor::CallOutcome& outcome, const razor::CallTimings& timings) override {
//       if (!outcome.ok()) log(call.method, call.peer, outcome.to_string(), timings.total);
//     }
//   };
//   FailedCalls hook;  razor::ClientStreamConfig config;  config.hook = &hook;
//
// Where no hook is set, a call costs a look at a null pointer.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "razor/base/bytes.h"
#include "razor/base/error.h"
#include "razor/base/time.h"
#include "razor/runtime/address.h"
#include "razor/wire/extension.h"
#include "razor/wire/frame.h"

namespace razor::wire {
class Encoder;
}

namespace razor::stream {

/// A call. All of it lives during the call of the hook only.
struct CallInfo {
  std::string_view method;  ///< "CalculatorService.add", "action 3"; at a server any bytes that a peer has sent
  const runtime::Address& peer;  ///< the server's, or the client's; for a call over a pool the address asked last
  base::ByteCount request_bytes;  ///< of message and blob
  std::uint32_t attempts = 1;  ///< made so far: a pool may make several for a call
  std::span<const wire::MetadataItem> metadata = {};  ///< at a server, when the request has come: what its caller says of it
};

/// How a call ended.
struct CallOutcome {
  enum class Kind : std::uint8_t {
    success,
    error,  ///< the handler's own
    failed,  ///< the framework's: `errc`
    cancelled,  ///< at the client: its caller stopped waiting
  };

  Kind kind = Kind::success;
  std::optional<base::Errc> errc;  ///< of `failed`
  base::Ran ran = base::Ran::yes;  ///< whether the request was dispatched to a handler
  std::string_view detail;  ///< of `failed`: a sentence for a person, or empty
  base::ByteCount response_bytes = 0;  ///< of message and blob
  bool is_peer_there = true;  ///< at the server: false when nobody waits for the response any more

  bool ok() const { return kind == Kind::success; }
  /// "success", "error", "deadline_exceeded (ran: maybe): no response within 20 ms", "cancelled (ran: no)".
  std::string to_string() const;
};

/// Where the time of a call went.
struct CallTimings {
  base::Duration waiting{};  ///< at a client: for a connection, for room in the window, between attempts; at a server: none
  base::Duration running{};  ///< from sending to the response; at a server, from dispatching to the response
  base::Duration total{};  ///< of both
};

/// At the client's end: of a ClientStream (`ClientStreamConfig::hook`) or of a pool (`ClientPoolConfig::hook`). A pool's hook sees
/// each call once, and the hook of its streams (`ClientPoolConfig::stream.hook`) each attempt. Pings are not calls.
///
/// Throws:  nothing: an exception that escapes a hook is logged.
/// Threads: the stream's or pool's.
/// Life:    outlives the stream or pool. A hook must not submit, close or destroy what it is told of.
class ClientCallHook {
 public:
  virtual ~ClientCallHook() = default;
  /// The call was submitted.
  virtual void on_start(const CallInfo& call) { (void)call; }
  /// Its caller is told next. Every call that started ends once.
  virtual void on_end(const CallInfo& call, const CallOutcome& outcome, const CallTimings& timings) = 0;
};

/// Why a server's hook refuses a request: what the caller gets instead of the handler's response. The request did not run.
class Refusal {
 public:
  /// A failure of the framework: `overloaded` for a rate limit. `text` is told to clients that understand more than the code,
  /// printable and cut as in wire_error.h.
  explicit Refusal(base::Errc errc, std::string text = {}) : errc_(errc), text_(std::move(text)) {}
  /// An error as the handler might give it: a number …
  static Refusal with_number(std::uint32_t number);
  /// … or bytes …
  static Refusal with_bytes(base::Bytes error);
  /// … or a value, which `encode` writes in the format of the request (api/refusal.h).
  static Refusal with_value(std::function<void(wire::Encoder&)> encode);

  std::optional<base::Errc> errc() const { return errc_; }
  const std::string& text() const { return text_; }
  std::optional<std::uint32_t> number() const { return number_; }
  const base::Bytes& bytes() const { return bytes_; }
  /// Null: it is no value.
  const std::function<void(wire::Encoder&)>& encode() const { return encode_; }

 private:
  Refusal() = default;

  std::optional<base::Errc> errc_;
  std::string text_;
  std::optional<std::uint32_t> number_;
  base::Bytes bytes_;
  std::function<void(wire::Encoder&)> encode_;
};

/// At the server's end: `ServerConfig::hook`. It sees the requests that the server would dispatch: not those that are refused
/// for limits or because it drains, and no pings.
///
/// Throws:  nothing: an exception that escapes `on_start` refuses the request (internal; ran: no), and is logged.
/// Threads: the server's runtime's.
/// Life:    outlives the server, and the Responders that are kept.
class ServerCallHook {
 public:
  virtual ~ServerCallHook() = default;
  /// A request has come. Anything but nothing refuses it: its handler does not run. `on_end` follows in any case.
  virtual std::optional<Refusal> on_start(const CallInfo& call) {
    (void)call;
    return std::nullopt;
  }
  /// Its response is queued, or nobody waits for it any more.
  virtual void on_end(const CallInfo& call, const CallOutcome& outcome, const CallTimings& timings) = 0;
};

}  // namespace razor::stream

namespace razor {
using stream::CallInfo;
using stream::CallOutcome;
using stream::CallTimings;
using stream::ClientCallHook;
using stream::Refusal;
using stream::ServerCallHook;
}  // namespace razor
