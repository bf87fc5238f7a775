#pragma once
// What a caller may say about one call.

#include <type_traits>

#include "razor/base/time.h"

namespace razor::stream {

struct CallOptions {
  /// From submission on; zero: the `call_timeout` of the stream or the pool.
  base::Duration timeout = base::Duration::zero();
  /// On the Runtime's clock; the earlier of both counts.
  base::TimePoint deadline = base::TimePoint::max();
  /// The call may run more than once: a pool sends it again when it may or may not have run. Methods that are listed in
  /// RAZOR_IDEMPOTENT are so anyway. A single stream never sends anything twice.
  bool idempotent = false;
  /// A pool asks another address too when an idempotent call has no answer after this time; zero: never.
  base::Duration hedge_after = base::Duration::zero();
};
static_assert(std::is_trivially_copyable_v<CallOptions>);

}  // namespace razor::stream

namespace razor {
using stream::CallOptions;
}  // namespace razor
