#pragma once
// HandlerFault: what a test lets go wrong with single requests, so that a server takes part in it without knowing of
// tests. A Runtime has nobody who decides that unless its maker gives it one (the simulator does): in production a request
// costs a look at a null pointer.

#include "razor/base/time.h"

namespace razor::runtime {

/// What becomes of one request that a server is about to hand to its handler. By default: nothing unusual.
struct HandlerFault {
  base::Duration delay{};  ///< the handler starts so much later; requests behind it on the connection overtake it
  bool throws = false;     ///< an exception is thrown in place of the handler
  bool drops = false;      ///< the request is dropped without an answer of the handler's

  bool any() const { return delay > base::Duration::zero() || throws || drops; }
};

/// Threads: those of the Runtimes it is given to.
class HandlerFaultRule {
 public:
  virtual ~HandlerFaultRule() = default;
  /// Asked once for each request.
  virtual HandlerFault next_request() = 0;
};

}  // namespace razor::runtime
