#include "razor/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace razor::base {

void check_failed(const char* file, int line, const char* condition, std::string_view what) {
  fmt::print(stderr, "{}:{}: check failed: {}: {}\n", file, line, condition, what);
  std::fflush(stderr);
  std::abort();
}

}  // namespace razor::base
