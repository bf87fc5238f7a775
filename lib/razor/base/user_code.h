#pragma once
// run_user_code: how the library enters code of its user that has nobody to throw to, such as the completion of a call.
//
// An exception that escaped such code would end the program, or arrive in a place that knows nothing of it. Handlers and
// codec adaptors have somebody to throw to, the caller who waits for the answer: what they throw becomes an error there.

#include <exception>
#include <string_view>
#include <utility>

#include "razor/base/log.h"

namespace razor::base {

/// Logs "<what> threw: <the exception's text>", as an error. `log` is null where there is no Runtime, as for a call in this
/// process: then the line goes to stderr.
void log_thrown(LogSink* log, std::string_view what, const std::exception_ptr& exception) noexcept;

/// Runs `code`; an exception that escapes it is logged with the text that `what()` gives: "the completion of Store.get".
template <class What, class Code>
void run_user_code(LogSink* log, What&& what, Code&& code) noexcept {
  try {
    std::forward<Code>(code)();
  } catch (...) {
    const std::exception_ptr exception = std::current_exception();
    try {
      log_thrown(log, what(), exception);
    } catch (...) {  // no memory for the text
      log_thrown(log, "a completion", exception);
    }
  }
}

}  // namespace razor::base
