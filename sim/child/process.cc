#include "sim/child/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>

namespace razor::sim {
namespace {

// The report of a sanitizer fits.
constexpr std::size_t kOutputShownMax = 16 * 1024;
constexpr std::size_t kReadAtOnce = 64 * 1024;
constexpr int kLastWordMilliseconds = 100;

[[noreturn]] void failed_to(const char* what, int error) {
  throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(error)));
}

void close_if_open(int& fd) {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

}  // namespace

ChildProcess::ChildProcess(Output output, const std::function<void(int pipe)>& live) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) failed_to("pipe", errno);
  pipe_ = ends[0];
  ::fcntl(pipe_, F_SETFL, O_NONBLOCK);
  if (output == Output::kept) output_ = ::memfd_create("output", MFD_CLOEXEC);
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    if (output_ >= 0) {
      ::dup2(output_, STDOUT_FILENO);
      ::dup2(output_, STDERR_FILENO);
    }
    live(ends[1]);
    ::_exit(1);
  }
  const int fork_error = errno;
  ::close(ends[1]);
  if (pid_ > 0) return;
  close_if_open(pipe_);
  close_if_open(output_);
  failed_to("fork", fork_error);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pipe_(std::exchange(other.pipe_, -1)),
      output_(std::exchange(other.output_, -1)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pipe_, other.pipe_);
  std::swap(output_, other.output_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (is_running()) {
    kill();
    reap();
  }
  close_if_open(output_);
}

std::optional<std::string> ChildProcess::read() {
  std::array<char, kReadAtOnce> buffer;
  while (pipe_ >= 0) {
    const ssize_t count = ::read(pipe_, buffer.data(), buffer.size());
    if (count > 0) return std::string(buffer.data(), static_cast<std::size_t>(count));
    if (count == 0) return std::nullopt;
    if (errno == EAGAIN) return std::string();
    if (errno != EINTR) return std::nullopt;
  }
  return std::nullopt;
}

void ChildProcess::kill() {
  if (is_running()) ::kill(pid_, SIGKILL);
}

int ChildProcess::reap() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  close_if_open(pipe_);
  return status;
}

std::string ChildProcess::last_output() const {
  if (output_ < 0) return {};
  const off_t size = ::lseek(output_, 0, SEEK_END);
  const off_t shown = std::min<off_t>(size, kOutputShownMax);
  std::string text(static_cast<std::size_t>(std::max<off_t>(shown, 0)), '\0');
  const ssize_t count = ::pread(output_, text.data(), text.size(), size - shown);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.empty() ? text : '\n' + text;
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return fmt::format("crashed: {}", ::strsignal(WTERMSIG(status)));
  return fmt::format("ended the process with status {}", WEXITSTATUS(status));
}

void end_with_last_word(pid_t pid, const std::function<bool()>& has_answered) {
  ::kill(pid, SIGUSR1);
  const timespec a_millisecond{0, 1'000'000};
  for (int i = 0; i < kLastWordMilliseconds && !has_answered(); ++i) ::nanosleep(&a_millisecond, nullptr);
  ::kill(pid, SIGKILL);
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) ::_exit(1);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace razor::sim
