#pragma once
// Control frames: what the two ends of a connection say to each other, beside the requests and responses of users. A client's are
// requests with action 0 and no message, so that a peer of plain version 1 takes them for pings; a server's are responses with
// seq 0, which such a peer skips. All but pings are sent only where the hello of both ends says so.
// Source: protocol.md, "Ping", "Control frames".

#include <algorithm>
#include <array>
#include <optional>

#include "razor/base/time.h"
#include "razor/wire/frame.h"

namespace razor::wire {

// --- Of clients

enum class ControlKind : std::uint8_t {
  ping,  ///< its pong comes behind the responses of the requests before it
  prompt_ping,  ///< its pong may overtake them; only clients of ours send it
  hello,  ///< as the first frame; a ping at any other time
  cancel,  ///< nobody waits any more for the request with this seq
  drained,  ///< no request will follow the one whose seq is in the place of client_id
  unknown,  ///< of a later version: skipped
};

/// `format` of a control frame: this bit and its number. A prompt ping's (frame.h) is one too.
inline constexpr std::uint8_t kControlBit = 0x80;
inline constexpr std::uint8_t kHelloFormat = kControlBit | 0;
inline constexpr std::uint8_t kCancelFormat = kControlBit | 1;
inline constexpr std::uint8_t kDrainedFormat = kControlBit | 4;
static_assert(kPromptPingFormat == (kControlBit | 5));

/// The control frame that has this head; nothing when it is a user's request. A blob makes no difference: it is dropped.
inline std::optional<ControlKind> control_kind(const RequestHead& head) {
  if (head.action != 0 || head.msg_bytes != 0) [[likely]]
    return std::nullopt;
  if ((head.format & kControlBit) == 0) return ControlKind::ping;
  switch (head.format) {
    case kHelloFormat: return ControlKind::hello;
    case kCancelFormat: return ControlKind::cancel;
    case kDrainedFormat: return ControlKind::drained;
    case kPromptPingFormat: return ControlKind::prompt_ping;
    default: return ControlKind::unknown;
  }
}

/// The head of a ping that this end sends: a prompt one, unless `format` is 0.
inline RequestHead ping_head(std::uint64_t client_id, Seq seq, std::uint8_t format = kPromptPingFormat) {
  RequestHead head;
  head.format = format;
  head.client_id = client_id;
  head.seq = seq;
  return head;
}
/// Behind it comes the hello, of `bytes`.
inline RequestHead hello_head(Seq seq, std::size_t bytes) {
  RequestHead head;
  head.format = kHelloFormat;
  head.seq = seq;
  head.blob_bytes = static_cast<std::uint32_t>(bytes);
  return head;
}
inline RequestHead cancel_head(Seq cancelled) {
  RequestHead head;
  head.format = kCancelFormat;
  head.seq = cancelled;
  return head;
}
inline RequestHead drained_head(Seq last) {
  RequestHead head;
  head.format = kDrainedFormat;
  head.client_id = last;
  return head;
}

/// The pong of the ping `seq`: an empty success.
inline ResponseHead pong_head(Seq seq) {
  ResponseHead head;
  head.seq = seq;
  return head;
}

// --- Of servers

struct ServerControl {
  enum class Kind : std::uint8_t {
    drain_soon = 1,  ///< send no new calls, and say `drained`; those under way are answered
    drain_now = 2,  ///< requests behind `seq` are refused
  };
  enum class Reason : std::uint8_t { none = 0, shutdown = 1, max_age = 2, idle = 3, rebalance = 4 };
  static constexpr std::size_t kBytes = 24;

  std::uint8_t kind = 0;  ///< a Kind, or that of a later version: skipped
  std::uint8_t reason = 0;  ///< a Reason, or that of a later version
  std::uint32_t amount = 0;  ///< milliseconds that the client has
  Seq seq = 0;  ///< of the last request that was taken
  std::uint64_t value = 0;

  bool operator==(const ServerControl&) const = default;
};

inline constexpr ServerControl drain_soon(ServerControl::Reason reason, base::Duration notice) {
  ServerControl control;
  control.kind = static_cast<std::uint8_t>(ServerControl::Kind::drain_soon);
  control.reason = static_cast<std::uint8_t>(reason);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(notice).count();
  control.amount = static_cast<std::uint32_t>(std::min<std::int64_t>(milliseconds, 0xffff'ffff));
  return control;
}
/// `last`: of the requests that are taken.
inline constexpr ServerControl drain_now(ServerControl::Reason reason, Seq last) {
  ServerControl control;
  control.kind = static_cast<std::uint8_t>(ServerControl::Kind::drain_now);
  control.reason = static_cast<std::uint8_t>(reason);
  control.seq = last;
  return control;
}

/// The whole frame.
std::array<std::byte, kResponseHeadBytes + ServerControl::kBytes> control_response(const ServerControl& control);

/// What the response says, which has seq 0; nothing: it is no control frame.
std::optional<ServerControl> server_control_of(const ResponseFrame& response);

}  // namespace razor::wire
