#pragma once
// What a caller may say about one call.

#include <type_traits>

#include "razor/base/time.h"

namespace razor::stream {

struct CallOptions {
  /// From submission on; zero: the stream's `call_timeout`.
  base::Duration timeout = base::Duration::zero();
  /// On the Runtime's clock; the earlier of both counts.
  base::TimePoint deadline = base::TimePoint::max();
};
static_assert(std::is_trivially_copyable_v<CallOptions>);

}  // namespace razor::stream

namespace razor {
using stream::CallOptions;
}  // namespace razor
