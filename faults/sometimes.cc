#include "faults/sometimes.h"

#include <algorithm>

namespace razor::faults {
namespace {

std::vector<std::string>& registered() {
  static std::vector<std::string> names;  // made when the first registers: before main, in no order
  return names;
}

}  // namespace

const std::vector<std::string>& sometimes_names() { return registered(); }

namespace detail {

SometimesRegistration::SometimesRegistration(const char* name) {
  std::vector<std::string>& names = registered();
  const auto behind = std::lower_bound(names.begin(), names.end(), name);
  if (behind == names.end() || *behind != name) names.emplace(behind, name);
}

}  // namespace detail
}  // namespace razor::faults
