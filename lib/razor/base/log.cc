#include "razor/base/log.h"

#include <cstdio>

namespace razor::base {

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
  }
  return "?";
}

void StderrLog::write(LogLevel level, std::string_view line) { fmt::print(stderr, "razor {}: {}\n", name_of(level), line); }

}  // namespace razor::base
