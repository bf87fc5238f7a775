#include "sim/main/crew.h"

#include <fmt/format.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "sim/main/real_time.h"

namespace razor::sim {
namespace {

constexpr int kPollMilliseconds = 20;
// Several messages are read at a time, so that telling costs the workers little.
constexpr base::Duration kPauseBetweenReads = std::chrono::milliseconds(1);
// For a worker that is to say where it stands before it is ended.
constexpr int kLastWordMilliseconds = 100;
// The report of a sanitizer fits.
constexpr std::size_t kOutputShownMax = 16 * 1024;
constexpr std::size_t kReadAtOnce = 64 * 1024;

void pause_for(base::Duration span) {
  const timespec time{0, span.count()};
  ::nanosleep(&time, nullptr);
}

[[noreturn]] void failed_to(const char* what) { throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno))); }

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return fmt::format("crashed: {}", ::strsignal(WTERMSIG(status)));
  return fmt::format("ended the process with status {}", WEXITSTATUS(status));
}

}  // namespace

void CrewListener::on(const Message& message) {
  if (const RunFailed* failed = std::get_if<RunFailed>(&message)) on_failed(*failed);
  if (const RunText* text = std::get_if<RunText>(&message)) on_text(*text);
  if (const RunDone* done = std::get_if<RunDone>(&message)) on_done(*done);
}

Crew::Crew(const MainOptions& options, CrewListener& listener)
    : options_(options), listener_(listener), board_(options.jobs), members_(options.jobs) {}

Crew::~Crew() { break_off(); }

void Crew::run() {
  const auto jobs = options_.sweep.job_count();
  for (std::size_t i = 0; i < members_.size() && (!jobs || i < *jobs); ++i) start(i);
  const auto some_work = [this] {
    for (const Member& member : members_) {
      if (member.pid > 0) return true;
    }
    return false;
  };
  while (some_work() && listener_.go_on()) {
    if (options_.ends_at && real_time() >= *options_.ends_at) board_.stop();
    read_messages();
    look_at_time_limits();
  }
  break_off();
}

void Crew::start(std::size_t index) {
  Member& member = members_[index];
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) failed_to("pipe");
  if (member.output >= 0) ::close(member.output);
  member = Member{};
  member.pipe = pipe[0];
  ::fcntl(member.pipe, F_SETFL, O_NONBLOCK);
  // A single run prints where its user sees it at once.
  if (options_.sweep.job_count() != 1) member.output = ::memfd_create("output", MFD_CLOEXEC);
  board_.place(index).job = kNoJob;
  board_.place(index).is_known = false;
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  member.pid = ::fork();
  if (member.pid < 0) failed_to("fork");
  if (member.pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    if (member.output >= 0) {
      ::dup2(member.output, STDOUT_FILENO);
      ::dup2(member.output, STDERR_FILENO);
    }
    work(options_, board_, board_.place(index), pipe[1]);
  }
  ::close(pipe[1]);
}

void Crew::read_messages() {
  std::vector<pollfd> waiting;
  for (const Member& member : members_) waiting.push_back({member.pipe, POLLIN, 0});
  if (::poll(waiting.data(), waiting.size(), kPollMilliseconds) <= 0) return;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (waiting[i].revents != 0 && !read_from(i)) on_gone(i);
  }
  pause_for(kPauseBetweenReads);
}

// False when the worker has closed its end.
bool Crew::read_from(std::size_t index) {
  Member& member = members_[index];
  std::array<char, kReadAtOnce> buffer;
  const ssize_t count = ::read(member.pipe, buffer.data(), buffer.size());
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  member.reader.add({buffer.data(), static_cast<std::size_t>(count)});
  while (const auto message = member.reader.next()) {
    if (const RunDone* done = std::get_if<RunDone>(&*message)) member.done = done->number;
    listener_.on(*message);
  }
  return count > 0;
}

void Crew::look_at_time_limits() {
  if (options_.time_limit <= base::Duration::zero()) return;
  const base::Duration now = real_time();
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& member = members_[i];
    const std::uint64_t job = board_.place(i).job;
    if (member.pid < 0 || job == kNoJob || job != member.seen) {
      member.seen = job;
      member.seen_at = now;
    } else if (now - member.seen_at >= options_.time_limit) {
      end_by_time_limit(i);
    }
  }
}

void Crew::end_by_time_limit(std::size_t index) {
  Member& member = members_[index];
  Board::Place& place = board_.place(index);
  // Looked at once more while it stands still: it may have gone on to another job, which must not be lost. And while it does,
  // nobody waits for the process that runs the job, so that its id is no one else's.
  ::kill(member.pid, SIGSTOP);
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(member.pid), &info, WSTOPPED | WEXITED | WNOWAIT);
  if (info.si_code != CLD_STOPPED) return;  // it is gone; its pipe will tell
  const std::uint64_t job = place.job;
  if (job != member.seen) {
    ::kill(member.pid, SIGCONT);
    return;
  }
  if (const pid_t runner = place.runner; runner > 0) {
    ::kill(runner, SIGUSR1);
    for (int i = 0; i < kLastWordMilliseconds && !(place.is_known && place.turner_is_known); ++i) {
      pause_for(std::chrono::milliseconds(1));
    }
    ::kill(runner, SIGKILL);
  }
  ::kill(member.pid, SIGKILL);
  while (read_from(index)) pause_for(std::chrono::milliseconds(1));
  reap(member);
  if (job != member.done) {
    const double seconds = std::chrono::duration<double>(options_.time_limit).count();
    failed(index, job, ScenarioFailure::Kind::time_limit, fmt::format("still running after {:g} s of real time", seconds));
  }
  start_if_there_is_work(index);
}

void Crew::on_gone(std::size_t index) {
  Member& member = members_[index];
  const int status = reap(member);
  const std::uint64_t job = board_.place(index).job;
  if (job != kNoJob && job != member.done) {
    failed(index, job, ScenarioFailure::Kind::crash, how_it_ended(status));
  } else if (status != 0) {
    throw std::runtime_error(fmt::format("a worker {} between two runs", how_it_ended(status)));
  }
  start_if_there_is_work(index);
}

void Crew::start_if_there_is_work(std::size_t index) {
  if (!board_.is_stopped() && options_.sweep.has(board_.next())) start(index);
}

int Crew::reap(Member& member) {
  int status = 0;
  while (::waitpid(member.pid, &status, 0) < 0 && errno == EINTR) {
  }
  member.pid = -1;
  ::close(std::exchange(member.pipe, -1));
  return status;
}

void Crew::break_off() {
  board_.stop();
  for (Member& member : members_) {
    if (member.pid > 0) ::kill(member.pid, SIGKILL);
  }
  for (Member& member : members_) {
    if (member.pid > 0) reap(member);
    if (member.output >= 0) ::close(std::exchange(member.output, -1));
  }
}

void Crew::failed(std::size_t index, std::uint64_t job, ScenarioFailure::Kind kind, std::string message) {
  Member& member = members_[index];
  const Board::Place& place = board_.place(index);
  const base::Duration at = place.is_known ? base::Duration(place.virtual_ns) : base::Duration::zero();
  const std::uint64_t events = place.is_known ? place.events.load() : 0;
  if (place.is_known) message += fmt::format(", at event {}", events);
  if (place.stack.depth > 0) {
    const std::string doing = stack_text(place.stack.all());
    const std::string who = place.host[0] != '\0' ? fmt::format("the host '{}' turns", place.host.data()) : "the scenario itself runs";
    message += fmt::format("; {}{}{}", who, doing.empty() ? "" : ", in", doing);
  }
  message += output_of(member);
  if (member.output >= 0) ::close(std::exchange(member.output, -1));
  listener_.on_failed({job, {kind, {}, at, std::move(message)}});
  listener_.on_done({job, 1, events, at, 0, std::nullopt});
}

// The last lines it printed, behind a line break.
std::string Crew::output_of(const Member& member) const {
  if (member.output < 0) return {};
  const off_t size = ::lseek(member.output, 0, SEEK_END);
  const off_t shown = std::min<off_t>(size, kOutputShownMax);
  std::string text(static_cast<std::size_t>(std::max<off_t>(shown, 0)), '\0');
  const ssize_t count = ::pread(member.output, text.data(), text.size(), size - shown);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.empty() ? text : '\n' + text;
}

}  // namespace razor::sim
