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

void StderrLog::write(LogLevel level, std::string_view line) {
  std::fprintf(stderr, "razor %s: %.*s\n", name_of(level).data(), static_cast<int>(line.size()), line.data());
}

}  // namespace razor::base
