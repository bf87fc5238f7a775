#pragma once
// RAZOR_CHECK: bugs in the program end it, in release builds too, with a message that names what was true.
// Bytes from a peer are never CHECKed: they become errors (base/error.h).

#include <string_view>

#include "razor/base/format.h"

namespace razor::base {

/// Prints `what` and where to stderr, then aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition, std::string_view what);

}  // namespace razor::base

/// Aborts unless `condition` holds: `RAZOR_CHECK(seq > last, "seq={} last={}", seq, last)`.
#define RAZOR_CHECK(condition, ...)                                                                    \
  do {                                                                                                 \
    if (!(condition)) [[unlikely]] {                                                                   \
      ::razor::base::check_failed(__FILE__, __LINE__, #condition, ::razor::base::format(__VA_ARGS__)); \
    }                                                                                                  \
  } while (false)
