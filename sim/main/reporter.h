#pragma once
// Reporter: what the user sees of the runs: progress on stderr, failures as they come and the summary on stdout, a JSON file.
// Where digests are wanted, stdout has these alone, for a file.

#include <cstdio>
#include <map>

#include "sim/main/crew.h"

namespace razor::sim {

class Reporter final : public CrewListener {
 public:
  explicit Reporter(const MainOptions& options);

  void on_failed(const RunFailed& failed) override;
  void on_done(const RunDone& done) override;
  bool go_on() override;

  bool has_failed() const { return total_.seeds_failed > 0; }
  /// Behind the last run. `interrupted`: by the user, before all was done.
  void print_summary(bool interrupted);
  std::string json(bool interrupted) const;

 private:
  struct Sum {
    std::uint64_t seeds = 0;
    std::uint64_t seeds_failed = 0;
    std::uint64_t events = 0;
    base::Duration elapsed{};

    void add(const RunDone& done, bool failed);
  };
  struct FailedRun {
    Job job;
    std::vector<ScenarioFailure> failures;
  };

  void print_failed_run(const FailedRun& run) const;
  void print_progress(base::Duration now);
  void clear_progress();
  std::string name_of(const Job& job) const;
  std::string replay_line(const FailedRun& run) const;
  base::Duration real_elapsed() const;

  const MainOptions& options_;
  std::FILE* const out_;
  const bool on_terminal_;
  const base::Duration started_at_;
  base::Duration progress_at_;
  bool progress_is_shown_ = false;
  Sum total_;
  std::vector<Sum> by_scenario_;
  std::map<std::uint64_t, std::vector<ScenarioFailure>> open_;  // of runs that are not done
  std::vector<FailedRun> failed_runs_;
  std::map<std::uint64_t, RunDone> runs_;  // by number; kept only where they are printed
};

}  // namespace razor::sim
