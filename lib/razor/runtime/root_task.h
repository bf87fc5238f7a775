#pragma once
// Roots: coroutines that nobody awaits. Each is registered with its Runtime, so that closing or killing the Runtime
// destroys it, and may be in a TaskScope, whose owner can destroy it earlier.

#include "razor/base/intrusive_list.h"

namespace razor::runtime {

class Executor;

struct RuntimeRootsTag {};
struct ScopeRootsTag {};

class RootTask : public base::ListLink<RuntimeRootsTag>, public base::ListLink<ScopeRootsTag> {
 public:
  /// Leaves its lists and destroys its coroutine, which may be itself: `this` may be gone after.
  virtual void cancel() = 0;

  void leave_lists() {
    base::ListLink<RuntimeRootsTag>::unlink();
    base::ListLink<ScopeRootsTag>::unlink();
  }

 protected:
  ~RootTask() = default;
};

using RootList = base::IntrusiveList<RootTask, RuntimeRootsTag>;
using ScopeRootList = base::IntrusiveList<RootTask, ScopeRootsTag>;

/// Cancelling one root may cancel others, or add some: goes on until the list is empty.
template <class List>
void cancel_all(List& roots) {
  while (!roots.empty()) roots.front().cancel();
}

}  // namespace razor::runtime
