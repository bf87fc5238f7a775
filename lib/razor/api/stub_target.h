#pragma once
// StubTarget: what the methods of one stub call.

#include <memory>

#include "razor/stream/channel.h"

namespace razor::api::detail {

/// What the methods of one stub call: a channel, or an implementation in this process.
struct StubTarget {
  stream::Channel* channel = nullptr;
  std::shared_ptr<void> implementation_owner;
  void* implementation = nullptr;
  stream::CallOptions options;
};

}  // namespace razor::api::detail
