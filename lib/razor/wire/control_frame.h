#pragma once
// Control frames: requests that the library itself asks and answers, beside those of users. Today there is one: the ping.
// What asks something new of the other end is a ControlKind here, with its parse and its build.
// Source: protocol.md, "Ping".

#include <optional>

#include "razor/wire/frame.h"

namespace razor::wire {

enum class ControlKind : std::uint8_t {
  ping,         ///< its pong comes behind the responses of the requests before it
  prompt_ping,  ///< its pong may overtake them; only clients of ours send it
};

/// The control frame that has this head; nothing when it is a user's request. A blob makes no difference: it is dropped.
inline std::optional<ControlKind> control_kind(const RequestHead& head) {
  if (head.action != 0 || head.msg_bytes != 0) [[likely]]
    return std::nullopt;
  return head.format == kPromptPingFormat ? ControlKind::prompt_ping : ControlKind::ping;
}

/// The head of a ping that this end sends.
inline RequestHead prompt_ping_head(std::uint64_t client_id, Seq seq) {
  RequestHead head;
  head.format = kPromptPingFormat;
  head.client_id = client_id;
  head.seq = seq;
  return head;
}

/// The pong of the ping `seq`: an empty success.
inline ResponseHead pong_head(Seq seq) {
  ResponseHead head;
  head.seq = seq;
  return head;
}

}  // namespace razor::wire
