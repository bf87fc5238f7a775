#include "razor/api/reply.h"

#include "razor/base/check.h"

namespace razor::api::detail {
namespace {

std::string_view kind(std::size_t index) {
  switch (index) {
    case 0: return "a result";
    case 1: return "an error of the handler";
    case 2: return "a call error";
    default: return "nothing: it was moved from";
  }
}

}  // namespace

void refuse_access(std::size_t wanted, std::size_t held, const base::CallError* error) {
  RAZOR_CHECK(false, "asked a Reply for {}, but it holds {}{}", kind(wanted), kind(held),
              error != nullptr ? ": " + error->message() : std::string());
}

}  // namespace razor::api::detail
