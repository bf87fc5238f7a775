#pragma once
// Moments for tests of classes that are told the time.

#include "razor/base/time.h"

namespace razor::test {

/// When such a test begins.
inline constexpr base::TimePoint kStart{std::chrono::seconds(1000)};

inline constexpr base::TimePoint at(base::Duration since_zero) { return base::TimePoint(since_zero); }

}  // namespace razor::test
