#include "sim/main/confirmation.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "sim/main/scenario_program.h"

extern char** environ;

namespace razor::sim {
namespace {

constexpr int kPassed = 0;

// Without what would have it run a shard of a sweep.
std::vector<char*> environment() {
  std::vector<char*> all;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("GTEST_")) all.push_back(*variable);
  }
  all.push_back(nullptr);
  return all;
}

}  // namespace

std::optional<bool> fails_alone(const std::string& program, const std::vector<std::string>& words) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const std::vector<char*> variables = environment();
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  for (const int out : {STDOUT_FILENO, STDERR_FILENO}) {
    ::posix_spawn_file_actions_addopen(&files, out, "/dev/null", O_WRONLY, 0);
  }
  pid_t child = -1;
  const int error = ::posix_spawn(&child, "/proc/self/exe", &files, nullptr, argv.data(), variables.data());
  ::posix_spawn_file_actions_destroy(&files);
  if (error != 0) return std::nullopt;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return std::nullopt;
  }
  if (!WIFEXITED(status)) return std::nullopt;
  if (WEXITSTATUS(status) == kPassed) return false;
  if (WEXITSTATUS(status) == kScenarioFailed) return true;
  return std::nullopt;
}

}  // namespace razor::sim
