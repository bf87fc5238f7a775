#include "sim/main/fixed_addresses.h"

#include <sys/personality.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace razor::sim {
namespace {

// Set for the second start, which thereby is the last: a system may forget what it was asked for.
constexpr const char* kStartedAnew = "RAZOR_SIM_STARTED_ANEW";
constexpr unsigned long kAsk = 0xffffffff;

bool are_fixed() {
  const int now = ::personality(kAsk);
  return now >= 0 && (static_cast<unsigned>(now) & ADDR_NO_RANDOMIZE) != 0;
}

}  // namespace

bool fix_addresses() {
  const bool is_second_start = std::getenv(kStartedAnew) != nullptr;
  ::unsetenv(kStartedAnew);
  if (are_fixed()) return true;
  const int now = ::personality(kAsk);
  if (is_second_start || now < 0 || ::personality(static_cast<unsigned>(now) | ADDR_NO_RANDOMIZE) < 0) return false;
  // As the system has them: main() may have taken some away.
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < all.size(); begin += words.back().size() + 1) words.emplace_back(all.c_str() + begin);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::fflush(nullptr);
  if (words.empty() || ::setenv(kStartedAnew, "1", 1) != 0) return false;
  ::execv("/proc/self/exe", argv.data());
  ::unsetenv(kStartedAnew);
  return false;
}

}  // namespace razor::sim
