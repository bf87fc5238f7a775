#include "sim/main/worker.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "sim/main/trace_file.h"
#include "sim/replay.h"
#include "sim/running.h"
#include "sim/stack.h"

namespace razor::sim {
namespace {

// For the signal handlers, which are given nothing.
World* volatile world_at_work = nullptr;
Board::Place* place_at_work = nullptr;

void note_turner(const Host* host) {
  Board::Place& place = *place_at_work;
  const std::string_view name = host != nullptr ? std::string_view(host->name()) : std::string_view();
  const std::size_t size = std::min(name.size(), place.host.size() - 1);
  std::memcpy(place.host.data(), name.data(), size);
  place.host[size] = '\0';
  place.stack = Stack::here();
}

// Says where the run is. A world that is just then changing may show any number, and never more than that goes wrong.
void note_position(int) {
  World* world = world_at_work;
  if (world == nullptr || place_at_work == nullptr) return;
  place_at_work->virtual_ns = world->elapsed().count();
  place_at_work->events = world->events();
  place_at_work->is_known = true;
}
// Beside that, who turns and what it does: here and now, and better as soon as a program's own code asks for another turn. The
// signal may have come between two tasks of a host, where the stack says nothing of either; a program that only computes asks
// for nothing, and what was seen here stands.
void note_position_and_turner(int number) {
  note_position(number);
  World* world = world_at_work;
  if (world == nullptr || place_at_work == nullptr) return;
  note_turner(running_host());
  if (world->engine().last_to_turn() == nullptr) {
    place_at_work->turner_is_known = true;
    return;
  }
  world->engine().ask([](const Host& host) {
    note_turner(&host);
    place_at_work->turner_is_known = true;
  });
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
  action.sa_handler = note_position_and_turner;
  Stack::prepare();
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

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) ::_exit(1);  // nobody listens any more
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

// What this run prints replaces what the one before printed, where that goes to a file of the worker's own.
void forget_output() {
  std::fflush(nullptr);
  if (::lseek(STDERR_FILENO, 0, SEEK_CUR) <= 0) return;
  if (::ftruncate(STDERR_FILENO, 0) == 0) ::lseek(STDERR_FILENO, 0, SEEK_SET);
}

}  // namespace

void run_job(const MainOptions& options, std::uint64_t number, const Tell& tell, const std::function<void()>& on_stop,
             World* volatile* world) {
  const Job job = options.sweep.job(number);
  const ScenarioBody& body = options.sweep.scenarios[job.scenario]->body;
  std::uint64_t told = 0;
  const auto tell_done = [&](const ScenarioResult& result) {
    const std::uint64_t failures = std::max(told, result.failure_count);
    tell(RunDone{number, failures, result.events, result.elapsed, result.digest, bounded(result.counts)});
  };
  ScenarioOptions with;
  with.world = world;
  with.on_failure = [&](const ScenarioFailure& failure) {
    ++told;
    tell(RunFailed{number, failure});
  };
  with.on_text = [&](std::string_view name, std::string_view text) { tell(bounded(number, name, text)); };
  if (on_stop) {
    with.on_stop = [&](const ScenarioResult& result) {
      tell_done(result);
      on_stop();
    };
  }
  if (options.replay_one_in > 0 && options.sweep.is_one_in(options.replay_one_in, number)) {
    tell_done(replay_scenario(body, job.seed, with).first);
    return;
  }
  if (!options.trace.empty()) with.observe = [&options](World& watched) { return open_trace(options.trace, watched); };
  tell_done(run_scenario(body, job.seed, with));
}

namespace {

void begin(Board::Place& place, std::uint64_t number) {
  place.is_known = false;
  place.turner_is_known = false;
  place.stack.depth = 0;
  place.job = number;
}

// The next job that is ours; empty when there is none.
std::optional<std::uint64_t> take(const MainOptions& options, Board& board) {
  while (!board.is_stopped()) {
    const std::uint64_t number = board.take();
    if (!options.sweep.has(number)) break;
    if (options.sweep.is_ours(number)) return number;
  }
  return std::nullopt;
}

// The life of the process that runs jobs, by default one: it has seen none before.
[[noreturn]] void run_and_exit(const MainOptions& options, Board& board, Board::Place& place, int pipe, std::uint64_t number) {
  const auto tell = [pipe](const Message& message) { write_all(pipe, encode(message)); };
  const auto done = [&place] {
    std::fflush(nullptr);
    place.job = kNoJob;
  };
  for (std::uint64_t left = options.seeds_per_process; left > 0; --left) {
    if (options.sweep.job_count() != 1) forget_output();
    // What a scenario leaves behind when it is stopped in the middle is gone with the process.
    run_job(options, number, tell, [&done] {
      done();
      ::_exit(0);
    }, &world_at_work);
    done();
    if (left == 1) break;
    const auto next = take(options, board);
    if (!next) break;
    begin(place, number = *next);
  }
  ::_exit(0);
}

// Ends this process as the one that ran the job has ended: who waits for us sees it.
[[noreturn]] void end_likewise(int status) {
  if (!WIFSIGNALED(status)) ::_exit(WEXITSTATUS(status));
  const rlimit no_second_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_second_core);
  ::signal(WTERMSIG(status), SIG_DFL);
  ::raise(WTERMSIG(status));
  ::_exit(1);
}

}  // namespace

void work(const MainOptions& options, Board& board, Board::Place& place, int pipe) {
  place_at_work = &place;
  handle_signals();
  const pid_t self = ::getpid();
  while (const auto number = take(options, board)) {
    place.runner = 0;
    begin(place, *number);
    const pid_t runner = ::fork();
    if (runner < 0) {
      fmt::print(stderr, "fork: {}\n", std::strerror(errno));
      ::_exit(1);
    }
    if (runner == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != self) ::_exit(1);
      run_and_exit(options, board, place, pipe, *number);
    }
    place.runner = runner;
    int status = 0;
    while (::waitpid(runner, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0 || place.job != kNoJob) end_likewise(status);
  }
  ::_exit(0);
}

}  // namespace razor::sim
