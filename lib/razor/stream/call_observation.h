#pragma once
// CallObservation: what is kept of a call, at either end, while a hook (call_hook.h) or a trace looks at it. A call that
// nobody looks at has none.

#include <string>

#include "razor/base/bytes.h"
#include "razor/base/time.h"
#include "razor/runtime/trace.h"

namespace razor::stream {

struct CallObservation {
  std::string method;
  base::ByteCount request_bytes = 0;
  base::TimePoint began_at{};    ///< submitted, or arrived
  base::TimePoint started_at{};  ///< sent, or dispatched; as `began_at` while it is not
  bool was_started = false;
  bool is_hooked = false;  ///< its hook was told of its start
  runtime::SpanId span = runtime::kNoSpan;
};

}  // namespace razor::stream
