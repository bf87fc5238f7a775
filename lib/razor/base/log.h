#pragma once
// Where the library's log lines go. A Runtime holds one sink; whoever makes the Runtime chooses it.

#include <new>
#include <string>
#include <string_view>

#include "razor/base/format.h"

namespace razor::base {

enum class LogLevel { debug, info, warning, error };

std::string_view name_of(LogLevel level);

/// Receives finished lines.
///
/// Threads: called on the thread of the Runtime that holds it; one sink given to several Runtimes must lock.
/// Errors:  must not throw.
class LogSink {
 public:
  virtual ~LogSink() = default;

  virtual bool enabled(LogLevel level) const = 0;
  /// `line` lives until the call returns.
  virtual void write(LogLevel level, std::string_view line) = 0;

  /// Formats only when the level is enabled. A line that there is no memory for says so instead.
  template <class... Args>
  void log(LogLevel level, TextFormat<std::type_identity_t<Args>...> format, const Args&... args) {
    if (!enabled(level)) return;
    std::string line;
    try {
      line = base::format<Args...>(format, args...);
    } catch (const std::bad_alloc&) {
      return write(level, "no memory for this line");
    }
    write(level, line);
  }
};

/// Warnings and errors to stderr, a line each: the sink of a Runtime that was given none.
class StderrLog final : public LogSink {
 public:
  explicit StderrLog(LogLevel least = LogLevel::warning) : least_(least) {}
  bool enabled(LogLevel level) const override { return level >= least_; }
  void write(LogLevel level, std::string_view line) override;

 private:
  LogLevel least_;
};

}  // namespace razor::base

namespace razor {
using base::LogLevel;
using base::LogSink;
}  // namespace razor
