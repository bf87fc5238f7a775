#include "razor/base/user_code.h"

namespace razor::base {

void log_thrown(LogSink* log, std::string_view what, const std::exception_ptr& exception) noexcept {
  StderrLog to_stderr;
  LogSink& to = log != nullptr ? *log : to_stderr;
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    to.log(LogLevel::error, "{} threw: {}", what, error.what());
  } catch (...) {
    to.log(LogLevel::error, "{} threw", what);
  }
}

}  // namespace razor::base
