#pragma once
// StubTarget: what the methods of one stub call.

#include <memory>

#include "razor/stream/caller.h"
#include "razor/stream/channel.h"

namespace razor::api::detail {

/// What the methods of one stub call: a channel, or an implementation in this process.
struct StubTarget {
  stream::Channel* channel = nullptr;
  std::shared_ptr<void> implementation_owner;
  void* implementation = nullptr;
  stream::CallOptions options;
  std::shared_ptr<const wire::OwnedExtension> extension;  // that the options refer to
  std::shared_ptr<const stream::Caller> caller;  // likewise
};

/// `target` copies the metadata and the trace that its options borrow, and owns the copies.
inline void keep_borrowed(StubTarget& target) { target.extension = stream::keep_extension(target.options); }

}  // namespace razor::api::detail
