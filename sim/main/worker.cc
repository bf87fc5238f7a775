#include "sim/main/worker.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "sim/main/trace_file.h"
#include "sim/replay.h"

namespace razor::sim {
namespace {

// For the signal handlers, which are given nothing.
World* volatile world_at_work = nullptr;
Board::Place* place_at_work = nullptr;

// Says where the run is. A world that is just then changing may show any number, and never more than that goes wrong.
void note_position(int) {
  World* world = world_at_work;
  if (world == nullptr || place_at_work == nullptr) return;
  place_at_work->virtual_ns = world->elapsed().count();
  place_at_work->events = world->events();
  place_at_work->is_known = true;
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

void work(const MainOptions& options, Board& board, Board::Place& place, int pipe) {
  place_at_work = &place;
  handle_signals();
  const bool has_output_of_its_own = options.sweep.job_count() != 1;
  const auto tell = [pipe](const Message& message) { write_all(pipe, encode(message)); };
  const auto done = [&place] {
    std::fflush(nullptr);
    place.job = kNoJob;
  };
  while (!board.is_stopped()) {
    const std::uint64_t number = board.take();
    if (!options.sweep.has(number)) break;
    if (!options.sweep.is_ours(number)) continue;
    place.is_known = false;
    place.job = number;
    if (has_output_of_its_own) forget_output();
    // What a scenario leaves behind when it is stopped in the middle is gone with the process.
    run_job(options, number, tell, [&done] {
      done();
      ::_exit(0);
    }, &world_at_work);
    done();
  }
  ::_exit(0);
}

}  // namespace razor::sim
