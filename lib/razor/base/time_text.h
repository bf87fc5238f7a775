#pragma once
// Texts for spans of time, as error messages and states show them.

#include <chrono>
#include <string>

#include "razor/base/format.h"
#include "razor/base/time.h"

namespace razor::base {

/// "1.5 s", "20 ms", "35 us": three digits, in the largest of these units of which there is at least one.
inline std::string span_text(Duration span) {
  const double seconds = std::chrono::duration<double>(span).count();
  if (seconds >= 1) return format("{:.3g} s", seconds);
  if (seconds >= 1e-3) return format("{:.3g} ms", seconds * 1e3);
  return format("{:.3g} us", seconds * 1e6);
}

/// "0.02 s": for limits that are set in seconds.
inline std::string seconds_text(Duration span) { return format("{:g} s", std::chrono::duration<double>(span).count()); }

}  // namespace razor::base
