#pragma once
// CancelListener: is told that nobody waits for the response to a request any more.

#include "razor/base/intrusive_list.h"

namespace razor::stream {

struct CancelTag {};

/// Stops listening when it is destroyed. Told at most once; on the server's thread, below whatever the server was doing: it
/// wakes somebody, and does nothing else.
class CancelListener : public base::ListLink<CancelTag> {
 public:
  virtual void on_cancelled() = 0;

 protected:
  ~CancelListener() = default;
};

using CancelListeners = base::IntrusiveList<CancelListener, CancelTag>;

/// Tells all of `listeners`.
inline void tell_cancelled(CancelListeners& listeners) {
  while (CancelListener* listener = listeners.pop_front()) listener->on_cancelled();
}

}  // namespace razor::stream
