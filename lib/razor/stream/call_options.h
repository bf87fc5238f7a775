#pragma once
// What a caller may say about one call.

#include <optional>
#include <type_traits>

#include "razor/base/time.h"
#include "razor/wire/call_word.h"

namespace razor::wire {
class WireFormat;
}

namespace razor::stream {

struct CallOptions {
  /// From submission on; none: the `call_timeout` of the stream or the pool. Zero or less, as what is left of a spent budget
  /// may be, is no time at all: the call fails, deadline_exceeded, and is not sent.
  std::optional<base::Duration> timeout = std::nullopt;
  /// On the Runtime's clock; the earlier of both counts. One that has passed leaves no time either.
  base::TimePoint deadline = base::TimePoint::max();
  /// The call may run more than once: a pool sends it again when it may or may not have run. Methods that are listed in
  /// RAZOR_IDEMPOTENT are so anyway. A single stream never sends anything twice.
  bool idempotent = false;
  /// A pool asks another address too when an idempotent call has no answer after this time; none: as the pool is set;
  /// zero or less: never.
  std::optional<base::Duration> hedge_after = std::nullopt;
  /// How much the call matters to a server that has to refuse some.
  wire::Criticality criticality = wire::Criticality::normal;
  /// Earlier attempts of the call that may have run, and whether this one is a hedge: pools say so.
  std::uint8_t attempt = 0;
  bool is_hedge = false;
  /// The format of the call's message and of its answer; null: the client's, or msgpack. The format outlives the call.
  const wire::WireFormat* format = nullptr;
};
static_assert(std::is_trivially_copyable_v<CallOptions>);

}  // namespace razor::stream

namespace razor {
using stream::CallOptions;
}  // namespace razor
