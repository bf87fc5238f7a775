#include "faults/run_in_child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include "faults/exploration.h"
#include "sim/guard.h"

namespace razor::faults {

// Written by the child's signal handlers.
struct Child::Position {
  std::atomic<bool> is_known = false;
  std::atomic<std::int64_t> virtual_ns = 0;
  std::atomic<std::uint64_t> events = 0;
};

namespace {

using Kind = sim::ScenarioFailure::Kind;

// The report of a sanitizer fits.
constexpr std::size_t kOutputShownMax = 16 * 1024;
constexpr std::size_t kReadAtOnce = 64 * 1024;
// For a run that is to say where it stands before it is ended.
constexpr int kLastWordMilliseconds = 100;
// Shown where memory ran out: the child exits with it.
constexpr int kOutOfMemory = 77;

// What messages begin with: this, and how many bytes follow.
enum Tag : char { kFailure = 'F', kText = 'T', kTold = 'O', kDone = 'D' };
constexpr std::size_t kHeadSize = 1 + sizeof(std::uint32_t);

// This machine's, not the world's.
base::Duration real_time() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

[[noreturn]] void failed_to(const char* what) { throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno))); }

// --- Messages: both ends are the same program, so numbers travel as they lie in memory ----------------------------------

template <class Number>
  requires(std::is_arithmetic_v<Number> || std::is_enum_v<Number>)
void put(std::string& bytes, Number number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof(number));
}
void put(std::string& bytes, std::string_view text) {
  put(bytes, static_cast<std::uint32_t>(text.size()));
  bytes += text;
}

// Reads what `put` wrote.
class Parts {
 public:
  explicit Parts(std::string_view bytes) : bytes_(bytes) {}

  template <class Number>
  Number number() {
    Number number{};
    std::memcpy(&number, bytes_.data(), std::min(sizeof(number), bytes_.size()));
    bytes_.remove_prefix(std::min(sizeof(number), bytes_.size()));
    return number;
  }
  std::string text() {
    const std::size_t size = std::min<std::size_t>(number<std::uint32_t>(), bytes_.size());
    std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return text;
  }

 private:
  std::string_view bytes_;
};

std::string message_of(Tag tag, std::string_view bytes) {
  std::string message(1, tag);
  put(message, bytes);
  return message;
}

std::string encoded(const sim::ScenarioFailure& failure) {
  std::string bytes;
  put(bytes, failure.kind);
  put(bytes, failure.at.count());
  put(bytes, failure.place);
  put(bytes, failure.message);
  return bytes;
}

std::string encoded(const sim::ScenarioResult& result) {
  std::string bytes;
  for (const std::uint64_t number : {result.failure_count, result.events, result.digest}) put(bytes, number);
  put(bytes, result.elapsed.count());
  put(bytes, static_cast<std::uint32_t>(result.counts.size()));
  for (const auto& [name, count] : result.counts) {
    put(bytes, name);
    put(bytes, count);
  }
  return bytes;
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) ::_exit(1);  // nobody listens any more
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

// --- In the child -------------------------------------------------------------------------------------------------------

// For the signal handlers, which are given nothing.
sim::World* volatile world_at_work = nullptr;
std::atomic<bool>* position_is_known = nullptr;
std::atomic<std::int64_t>* position_virtual_ns = nullptr;
std::atomic<std::uint64_t>* position_events = nullptr;

// A world that is just then changing may show any number, and never more than that goes wrong.
void note_position(int) {
  sim::World* world = world_at_work;
  if (world == nullptr || position_is_known == nullptr) return;
  *position_virtual_ns = world->elapsed().count();
  *position_events = world->events();
  *position_is_known = true;
}
void note_position_and_die(int number) {
  note_position(number);
  ::signal(number, SIG_DFL);
  ::raise(number);
}

void handle_signals() {
  // Of its own, since the usual one may be what ran out.
  static std::array<std::byte, 64 * 1024> stack;
  stack_t alternative{};
  alternative.ss_sp = stack.data();
  alternative.ss_size = stack.size();
  ::sigaltstack(&alternative, nullptr);
  struct sigaction action {};
  action.sa_flags = SA_ONSTACK | SA_RESTART;
  action.sa_handler = note_position;
  ::sigaction(SIGUSR1, &action, nullptr);
  action.sa_handler = note_position_and_die;
  for (const int number : {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP}) {
    struct sigaction before {};
    ::sigaction(number, nullptr, &before);
    // A sanitizer that handles it says more.
    if (before.sa_handler == SIG_DFL) ::sigaction(number, &action, nullptr);
  }
  // Ctrl-C goes to all of a terminal's processes; the one that started us decides.
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGTERM, SIG_DFL);
}

void limit_resources(const ChildLimits& limits) {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  if (!sim::guard_is_active()) return;
  const rlimit memory{limits.memory_bytes, limits.memory_bytes};
  ::setrlimit(RLIMIT_AS, &memory);
  std::set_new_handler([] {
    // No memory for more words than these.
    constexpr std::string_view kText = "out of memory\n";
    if (::write(STDERR_FILENO, kText.data(), kText.size()) < 0) ::_exit(1);
    ::_exit(kOutOfMemory);
  });
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return fmt::format("crashed: {}", ::strsignal(WTERMSIG(status)));
  if (WEXITSTATUS(status) == kOutOfMemory) return "crashed: it needs more memory than it may have";
  return fmt::format("ended the process with status {}", WEXITSTATUS(status));
}

}  // namespace

Child::Child(ChildRun run) : run_(std::move(run)), started_at_(real_time()) {
  void* memory = ::mmap(nullptr, sizeof(Position), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) failed_to("mmap");
  position_ = new (memory) Position;
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) {
    ::munmap(position_, sizeof(Position));
    failed_to("pipe");
  }
  pipe_ = pipe[0];
  ::fcntl(pipe_, F_SETFL, O_NONBLOCK);
  output_ = ::memfd_create("output", MFD_CLOEXEC);
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    live(pipe[1]);
  }
  const int fork_error = errno;
  ::close(pipe[1]);
  if (pid_ > 0) return;
  ::close(pipe_);
  if (output_ >= 0) ::close(output_);
  ::munmap(position_, sizeof(Position));
  errno = fork_error;
  failed_to("fork");
}

Child::~Child() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    reap();
  }
  ::close(pipe_);
  if (output_ >= 0) ::close(output_);
  ::munmap(position_, sizeof(Position));
}

void Child::live(int pipe) {
  if (output_ >= 0) {
    ::dup2(output_, STDOUT_FILENO);
    ::dup2(output_, STDERR_FILENO);
  }
  position_is_known = &position_->is_known;
  position_virtual_ns = &position_->virtual_ns;
  position_events = &position_->events;
  handle_signals();
  limit_resources(run_.limits);
  set_given_plan(run_.plan);
  const auto tell = [pipe](Tag tag, std::string_view bytes) { write_all(pipe, message_of(tag, bytes)); };
  const auto done = [&tell](const sim::ScenarioResult& result) {
    tell(kDone, encoded(result));
    std::fflush(nullptr);
    // Without the destructors of what the parent has, too.
    ::_exit(0);
  };
  sim::ScenarioOptions options;
  options.world = &world_at_work;
  options.on_failure = [&tell](const sim::ScenarioFailure& failure) { tell(kFailure, encoded(failure)); };
  options.on_text = [&tell](std::string_view name, std::string_view text) {
    std::string bytes;
    put(bytes, name);
    put(bytes, text);
    tell(kText, bytes);
  };
  options.on_stop = done;
  if (run_.observe) {
    options.observe = [this, &tell](sim::World& world) {
      return run_.observe(world, [&tell](std::string_view told) { tell(kTold, told); });
    };
  }
  done(sim::run_scenario(run_.scenario->body, run_.seed, options));
  ::_exit(1);
}

bool Child::look() {
  if (pid_ < 0) return true;
  while (read_some()) {
  }
  if (pid_ > 0 && real_time() - started_at_ >= run_.limits.real_time) end_by_time_limit();
  return pid_ < 0;
}

// False when there is nothing to read now.
bool Child::read_some() {
  if (pid_ < 0) return false;
  std::array<char, kReadAtOnce> buffer;
  const ssize_t count = ::read(pipe_, buffer.data(), buffer.size());
  if (count < 0) return errno == EINTR;
  if (count == 0) {
    gone();
    return false;
  }
  bytes_.append(buffer.data(), static_cast<std::size_t>(count));
  take_messages();
  return true;
}

void Child::take_messages() {
  std::string_view rest = bytes_;
  while (rest.size() >= kHeadSize) {
    std::uint32_t size = 0;
    std::memcpy(&size, rest.data() + 1, sizeof(size));
    if (rest.size() - kHeadSize < size) break;
    take_message(rest.front(), rest.substr(kHeadSize, size));
    rest.remove_prefix(kHeadSize + size);
  }
  bytes_.erase(0, bytes_.size() - rest.size());
}

void Child::take_message(char tag, std::string_view bytes) {
  Parts parts(bytes);
  sim::ScenarioResult& result = result_.result;
  switch (tag) {
    case kFailure: {
      sim::ScenarioFailure& failure = result.failures.emplace_back();
      failure.kind = parts.number<Kind>();
      failure.at = base::Duration(parts.number<base::Duration::rep>());
      failure.place = parts.text();
      failure.message = parts.text();
      result.failure_count = result.failures.size();
      return;
    }
    case kText: {
      const std::string name = parts.text();
      result.texts.insert_or_assign(name, parts.text());
      return;
    }
    case kTold:
      if (run_.on_told) run_.on_told(bytes);
      return;
    case kDone: {
      done_ = true;
      result.failure_count = parts.number<std::uint64_t>();
      result.events = parts.number<std::uint64_t>();
      result.digest = parts.number<std::uint64_t>();
      result.elapsed = base::Duration(parts.number<base::Duration::rep>());
      for (auto left = parts.number<std::uint32_t>(); left > 0; --left) {
        const std::string name = parts.text();
        result.counts.insert_or_assign(name, parts.number<std::uint64_t>());
      }
      return;
    }
    default: return;
  }
}

void Child::end_by_time_limit() {
  ::kill(pid_, SIGUSR1);
  const timespec a_millisecond{0, 1'000'000};
  for (int i = 0; i < kLastWordMilliseconds && !position_->is_known; ++i) ::nanosleep(&a_millisecond, nullptr);
  ::kill(pid_, SIGKILL);
  reap();
  if (done_) return;
  const double seconds = std::chrono::duration<double>(run_.limits.real_time).count();
  failed(Kind::time_limit, fmt::format("still running after {:g} s of real time", seconds));
}

void Child::gone() {
  const int status = reap();
  if (!done_) failed(Kind::crash, how_it_ended(status));
}

int Child::reap() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  result_.real_time = real_time() - started_at_;
  return status;
}

void Child::failed(Kind kind, std::string message) {
  sim::ScenarioResult& result = result_.result;
  if (position_->is_known) {
    result.elapsed = base::Duration(position_->virtual_ns);
    result.events = position_->events;
    message += fmt::format(", at event {}", result.events);
  }
  message += output();
  ++result.failure_count;
  result.failures.push_back({kind, {}, result.elapsed, std::move(message)});
}

// The last lines it printed, behind a line break.
std::string Child::output() const {
  if (output_ < 0) return {};
  const off_t size = ::lseek(output_, 0, SEEK_END);
  const off_t shown = std::min<off_t>(size, kOutputShownMax);
  std::string text(static_cast<std::size_t>(std::max<off_t>(shown, 0)), '\0');
  const ssize_t count = ::pread(output_, text.data(), text.size(), size - shown);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.empty() ? text : '\n' + text;
}

void wait_for_any(const std::vector<Child*>& children, base::Duration limit) {
  std::vector<pollfd> waiting;
  for (const Child* child : children) {
    if (child->pid_ < 0) return;
    waiting.push_back({child->pipe_, POLLIN, 0});
    limit = std::min(limit, child->started_at_ + child->run_.limits.real_time - real_time());
  }
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(std::max(limit, base::Duration::zero())).count();
  ::poll(waiting.data(), waiting.size(), static_cast<int>(std::min<std::int64_t>(milliseconds, 60'000)));
}

ChildResult run_in_child(ChildRun run) {
  Child child(std::move(run));
  while (!child.look()) wait_for_any({&child}, std::chrono::minutes(1));
  return child.result();
}

}  // namespace razor::faults
