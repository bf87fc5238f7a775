#pragma once
// Builds frames inside a ByteSink: the head's place is kept, name and message are put behind it, and the head is
// written when their sizes are known.

#include "razor/base/check.h"
#include "razor/wire/byte_sink.h"
#include "razor/wire/frame.h"

namespace razor::wire {

/// Keeps room for the head and puts the extension block (extension.h) and the action's name; the message follows.
inline void begin_request(ByteSink& sink, const Action& action, base::ByteView extension = {}) {
  const std::string_view name = action.name();
  const std::size_t name_at = kRequestHeadBytes + extension.size();
  std::byte* to = sink.reserve(name_at + name.size());
  if (!extension.empty()) std::memcpy(to + kRequestHeadBytes, extension.data(), extension.size());
  if (!name.empty()) std::memcpy(to + name_at, name.data(), name.size());
  sink.advance(name_at + name.size());
}

/// What `RequestHead::action` is for an action.
inline std::uint32_t action_field(const Action& action) {
  return action.is_name() ? Action::kNameBit | static_cast<std::uint32_t>(action.name().size()) : action.number();
}

/// Keeps room for the head; the message follows.
inline void begin_response(ByteSink& sink) {
  sink.reserve(kResponseHeadBytes);
  sink.advance(kResponseHeadBytes);
}

}  // namespace razor::wire
