#include "sim/main/worker.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "sim/child/process.h"
#include "sim/main/trace_file.h"
#include "sim/replay.h"
#include "sim/running.h"

namespace razor::sim {
namespace {

// For the signal handler, which is given nothing.
Board::Place* place_at_work = nullptr;

void note_turner(const Host* host) {
  Board::Place& place = *place_at_work;
  const std::string_view name = host != nullptr ? std::string_view(host->name()) : std::string_view();
  const std::size_t size = std::min(name.size(), place.host.size() - 1);
  std::memcpy(place.host.data(), name.data(), size);
  place.host[size] = '\0';
  place.stack = Stack::here();
}

// Notes whose program runs and its call stack: here and now, and better as soon as a program's own code asks for another turn.
// The signal may have come between two tasks of a host, where the stack says nothing of either; a program that only computes
// asks for no turn, and the first note stands.
void note_turner_when_asked(World& world) {
  note_turner(running_host());
  if (world.engine().last_to_turn() == nullptr) {
    place_at_work->turner_is_known = true;
    return;
  }
  world.engine().ask([](const Host& host) {
    note_turner(&host);
    place_at_work->turner_is_known = true;
  });
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
  place.position.is_known = false;
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
[[noreturn]] void run_and_exit(const MainOptions& options, Board& board, Board::Place& place, int pipe,
                               std::uint64_t number) {
  const auto tell = [pipe](const Message& message) { write_all(pipe, encode(message)); };
  const auto done = [&place] {
    std::fflush(nullptr);
    place.job = kNoJob;
  };
  for (std::uint64_t left = options.seeds_per_process; left > 0; --left) {
    if (options.sweep.job_count() != 1) forget_output();
    // What a scenario leaves behind when it is stopped in the middle is gone with the process.
    run_job(
        options, number, tell,
        [&done] {
          done();
          ::_exit(0);
        },
        world_at_work());
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
  Stack::prepare();
  note_position_on_signals(place.position, note_turner_when_asked);
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
