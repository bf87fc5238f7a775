#pragma once
// Failure: a failure of the framework as a server answers it.

#include <string_view>

#include "razor/base/error.h"
#include "razor/base/time.h"

namespace razor::stream {

/// A failure of the framework that is answered, and what is said of it to a peer that understands more than its code.
struct Failure {
  explicit Failure(base::Errc failure_errc) : errc(failure_errc) {}
  Failure(base::Errc failure_errc, base::Ran failure_ran, std::string_view failure_detail = {})
      : errc(failure_errc), ran(failure_ran), detail(failure_detail) {}

  base::Errc errc;
  base::Ran ran = base::Ran::maybe;
  /// The client is not to ask this server again before; zero: it is not said. Only clients that began with a hello hear of it.
  base::Duration retry_after{};
  std::string_view detail;  ///< borrowed; empty: nothing, and `ran` is not said either
};

}  // namespace razor::stream
