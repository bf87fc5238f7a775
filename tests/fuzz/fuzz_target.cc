#include "tests/fuzz/fuzz_target.h"

namespace razor::fuzz {

std::map<std::string_view, Target>& targets() {
  static std::map<std::string_view, Target> all;
  return all;
}

}  // namespace razor::fuzz
