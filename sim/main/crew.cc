#include "sim/main/crew.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include <stdexcept>

#include "sim/real_time.h"

namespace razor::sim {
namespace {

constexpr int kPollMilliseconds = 20;
// Several messages are read at a time, so that telling costs the workers little.
constexpr base::Duration kPauseBetweenReads = std::chrono::milliseconds(1);

void pause_for(base::Duration span) {
  const timespec time{0, span.count()};
  ::nanosleep(&time, nullptr);
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
      if (member.process.is_running()) return true;
    }
    return false;
  };
  while (some_work() && listener_.go_on()) {
    if (options_.ends_at && real_time() >= *options_.ends_at) board_.stop();
    read_messages();
    check_time_limits();
  }
  break_off();
}

void Crew::start(std::size_t index) {
  Board::Place& place = board_.place(index);
  place.job = kNoJob;
  place.position.is_known = false;
  members_[index] = Member{};
  // A single run prints where its user sees it at once.
  const auto output = options_.sweep.job_count() == 1 ? ChildProcess::Output::shared : ChildProcess::Output::kept;
  members_[index].process = ChildProcess(output, [&](int pipe) { work(options_, board_, place, pipe); });
}

void Crew::read_messages() {
  std::vector<pollfd> waiting;
  for (const Member& member : members_) waiting.push_back({member.process.pipe(), POLLIN, 0});
  if (::poll(waiting.data(), waiting.size(), kPollMilliseconds) <= 0) return;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (waiting[i].revents != 0 && !read_from(i)) on_gone(i);
  }
  pause_for(kPauseBetweenReads);
}

// False when the worker has closed its end.
bool Crew::read_from(std::size_t index) {
  Member& member = members_[index];
  const std::optional<std::string> bytes = member.process.read();
  if (!bytes) return false;
  member.reader.add(*bytes);
  while (const auto message = member.reader.next()) {
    if (const RunDone* done = std::get_if<RunDone>(&*message)) member.done = done->number;
    listener_.on(*message);
  }
  return true;
}

void Crew::check_time_limits() {
  if (options_.time_limit <= base::Duration::zero()) return;
  const base::Duration now = real_time();
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& member = members_[i];
    const std::uint64_t job = board_.place(i).job;
    if (!member.process.is_running() || job == kNoJob || job != member.seen) {
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
  // Checked once more while the worker is stopped: it may have gone on to another job, which must not be lost. And while it is
  // stopped, nobody reaps the process that runs the job, so that its id is no other's.
  const pid_t worker = member.process.pid();
  ::kill(worker, SIGSTOP);
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(worker), &info, WSTOPPED | WEXITED | WNOWAIT);
  if (info.si_code != CLD_STOPPED) return;  // it is gone; its pipe will tell
  const std::uint64_t job = place.job;
  if (job != member.seen) {
    ::kill(worker, SIGCONT);
    return;
  }
  if (const pid_t runner = place.runner; runner > 0) {
    end_with_last_word(runner, [&place] { return place.position.is_known && place.turner_is_known; });
  }
  member.process.kill();
  while (read_from(index)) pause_for(std::chrono::milliseconds(1));
  member.process.reap();
  if (job != member.done) {
    const double seconds = std::chrono::duration<double>(options_.time_limit).count();
    failed(index, job, ScenarioFailure::Kind::time_limit, fmt::format("still running after {:g} s of real time", seconds));
  }
  start_if_there_is_work(index);
}

void Crew::on_gone(std::size_t index) {
  Member& member = members_[index];
  const int status = member.process.reap();
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

void Crew::break_off() {
  board_.stop();
  for (Member& member : members_) member.process.kill();
  for (Member& member : members_) member.process = {};
}

void Crew::failed(std::size_t index, std::uint64_t job, ScenarioFailure::Kind kind, std::string message) {
  const Board::Place& place = board_.place(index);
  const base::Duration at = place.position.is_known ? base::Duration(place.position.virtual_ns) : base::Duration::zero();
  const std::uint64_t events = place.position.is_known ? place.position.events.load() : 0;
  if (place.position.is_known) message += fmt::format(", at event {}", events);
  if (place.stack.depth > 0) {
    const std::string doing = stack_text(place.stack.all());
    const std::string who =
        place.host[0] != '\0' ? fmt::format("the host '{}' turns", place.host.data()) : "the scenario itself runs";
    message += fmt::format("; {}{}{}", who, doing.empty() ? "" : ", in", doing);
  }
  message += members_[index].process.last_output();
  listener_.on_failed({job, {kind, {}, at, std::move(message)}});
  listener_.on_done({job, 1, events, at, 0, std::nullopt});
}

}  // namespace razor::sim
