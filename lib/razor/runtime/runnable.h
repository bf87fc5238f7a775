#pragma once
// Runnable: a piece of work that the Runtime runs in a turn of its own, on its thread, soon.
//
// It is how everything wakes: an Event, a Channel, a finished read put the Runnable of the coroutine that waits into the
// Runtime's ready queue instead of resuming it on the spot, so user code never runs below a library call that is half
// done. An object that is destroyed while it is queued leaves the queue and is never run.

#include "razor/base/intrusive_list.h"

namespace razor::runtime {

struct ReadyQueueTag {};

class Runnable : public base::ListLink<ReadyQueueTag> {
 public:
  using Run = void (*)(Runnable&);

  explicit Runnable(Run function) : run_(function) {}

  /// Called by the Runtime; `this` is in no list by then and may destroy itself.
  void run() { run_(*this); }

 private:
  Run run_;
};

using ReadyQueue = base::IntrusiveList<Runnable, ReadyQueueTag>;

}  // namespace razor::runtime
