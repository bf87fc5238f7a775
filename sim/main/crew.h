#pragma once
// Crew: worker processes that share a sweep. When one dies, or takes too long, its seed has failed, and another takes over.

#include <vector>

#include "sim/child/process.h"
#include "sim/main/worker.h"

namespace razor::sim {

/// Told how jobs go.
class CrewListener {
 public:
  virtual ~CrewListener() = default;
  virtual void on_failed(const RunFailed& failed) = 0;
  virtual void on_text(const RunText& text) = 0;
  /// Once for each job that was not broken off, behind its failures.
  virtual void on_done(const RunDone& done) = 0;
  /// Now and then. False: no more.
  virtual bool go_on() = 0;

  /// Calls the one it is for.
  void on(const Message& message);
};

class Crew {
 public:
  Crew(const MainOptions& options, CrewListener& listener);
  Crew(const Crew&) = delete;
  ~Crew();

  /// Until all jobs are done, or the listener says so; then those that run are broken off. When the time of the sweep is up,
  /// those that run go on to their end.
  ///
  /// Errors: a std::runtime_error when no process can be started, or one dies without a job.
  void run();

 private:
  struct Member {
    ChildProcess process;
    MessageReader reader;
    std::uint64_t done = kNoJob;  // the last it told of
    std::uint64_t seen = kNoJob;  // its job when time limits were last checked, and since when
    base::Duration seen_at{};
  };

  void start(std::size_t index);
  void start_if_there_is_work(std::size_t index);
  void read_messages();
  bool read_from(std::size_t index);
  void check_time_limits();
  void end_by_time_limit(std::size_t index);
  void on_gone(std::size_t index);
  void break_off();
  void failed(std::size_t index, std::uint64_t job, ScenarioFailure::Kind kind, std::string message);

  const MainOptions& options_;
  CrewListener& listener_;
  Board board_;
  std::vector<Member> members_;
};

}  // namespace razor::sim
