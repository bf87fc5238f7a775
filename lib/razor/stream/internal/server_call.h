#pragma once
// ServerCall: a request whose handler runs, on a connection that began with a hello: until when its caller waits, and who wants
// to know that it waits no more.

#include "razor/base/time.h"
#include "razor/runtime/frame_pool.h"
#include "razor/stream/cancel_listener.h"
#include "razor/wire/frame.h"
#include "razor/wire/owned_extension.h"

namespace razor::stream {

struct ServerCall {
  static void* operator new(std::size_t bytes) { return runtime::FramePool::allocate(bytes); }
  static void operator delete(void* call, std::size_t bytes) noexcept { runtime::FramePool::deallocate(call, bytes); }

  base::TimePoint deadline = base::TimePoint::max();
  /// Its handler is asked to stop: so much later that the caller, whose clock may be the slower one, has given up before.
  base::TimePoint stop_at = base::TimePoint::max();
  std::unique_ptr<const wire::OwnedExtension> extension;  ///< null: it came without
  bool is_cancelled = false;  ///< by its caller
  CancelListeners listeners;
};

/// `left` of its time when it arrived.
inline base::TimePoint stop_time(base::TimePoint deadline, base::Duration left) {
  return base::saturating_add(deadline, left / 64 + std::chrono::milliseconds(50));
}

}  // namespace razor::stream
