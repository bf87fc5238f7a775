#include "razor/runtime/lookup_error.h"

#include <string>

namespace razor::runtime {
namespace {

class LookupCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "razor.lookup"; }
  std::string message(int value) const override {
    switch (static_cast<LookupError>(value)) {
      case LookupError::no_such_name: return "no such name";
      case LookupError::no_address: return "this name has no address";
      case LookupError::no_answer: return "the name server does not answer (temporary failure)";
      case LookupError::lookup_failed: return "the name server answers with a failure";
      case LookupError::no_such_interface: return "no network interface is called as the zone behind the %";
    }
    return "looking the name up failed";
  }
  bool equivalent(int, const std::error_condition& condition) const noexcept override {
    return condition == std::errc::address_not_available;
  }
};

}  // namespace

std::error_code make_error_code(LookupError error) {
  // Never destroyed: threads that look names up may still use it while the program ends.
  static const LookupCategory& category = *new LookupCategory;
  return {static_cast<int>(error), category};
}

}  // namespace razor::runtime
