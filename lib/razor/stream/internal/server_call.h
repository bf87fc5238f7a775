#pragma once
// ServerCall: a request whose handler runs, on a connection that began with a hello: until when its caller waits, and, of the few
// that have it, who wants to know that it waits no more, and what came beside the message.

#include <memory>

#include "razor/base/time.h"
#include "razor/stream/cancel_listener.h"
#include "razor/wire/owned_extension.h"

namespace razor::stream {

struct ServerCall {
  // Most calls have none of this.
  struct More {
    std::unique_ptr<const wire::OwnedExtension> extension;  ///< null: it came without
    CancelListeners listeners;
  };

  /// False: nothing, as a place of a SeqTable that is free.
  explicit operator bool() const { return is_running; }

  /// Errors: throws std::bad_alloc.
  More& with_more() {
    if (more == nullptr) more = std::make_unique<More>();
    return *more;
  }
  /// Its caller, or all of them, wait no more.
  void cancel() {
    is_cancelled = true;
    if (more != nullptr) tell_cancelled(more->listeners);
  }

  base::TimePoint deadline = base::TimePoint::max();
  /// Its handler is asked to stop: so much later that the caller, whose clock may be the slower one, has given up before.
  base::TimePoint stop_at = base::TimePoint::max();
  bool is_running = false;
  bool is_cancelled = false;
  std::unique_ptr<More> more;
};

/// `left` of its time when it arrived.
inline base::TimePoint stop_time(base::TimePoint deadline, base::Duration left) {
  return base::saturating_add(deadline, left / 64 + std::chrono::milliseconds(50));
}

}  // namespace razor::stream
