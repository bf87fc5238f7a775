#include "razor/api/call.h"

#include "razor/base/format.h"
#include "razor/base/out_of_memory.h"

namespace razor::api::detail {

base::CallError error_of_thrown(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    return {base::Errc::internal, base::Ran::yes,
            base::text_or_empty([&] { return base::format("the handler threw: {}", error.what()); })};
  } catch (...) {
    return {base::Errc::internal, base::Ran::yes, "the handler threw"};
  }
}

}  // namespace razor::api::detail
