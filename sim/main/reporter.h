#pragma once
// Reporter: what the user sees of the runs: progress on stderr, failures as they come and the summary on stdout, a JSON file.
// What runs report is summed over all; the texts of those that failed are kept.
// Where digests are wanted, stdout has these alone, for a file.

#include <cstdio>
#include <map>

#include "sim/main/crew.h"

namespace razor::sim {

class Reporter final : public CrewListener {
 public:
  explicit Reporter(const MainOptions& options);

  void on_failed(const RunFailed& failed) override;
  void on_text(const RunText& text) override;
  void on_done(const RunDone& done) override;
  bool go_on() override;

  bool has_failed() const { return total_.seeds_failed > 0; }
  /// What had to happen in some run, and did in none.
  std::vector<std::string> never_reached() const;
  /// Behind the last run. `interrupted`: by the user, before all was done.
  void print_summary(bool interrupted);
  std::string json(bool interrupted) const;

 private:
  // What runs reported under one name.
  struct Reported {
    std::uint64_t sum = 0;
    std::uint64_t least = ~std::uint64_t{0};  // of those that reported it
    std::uint64_t runs = 0;  // that had it above 0
  };
  struct Sum {
    std::uint64_t seeds = 0;
    std::uint64_t seeds_failed = 0;
    std::uint64_t seeds_counted = 0;  // those that came to their end
    std::uint64_t events = 0;
    base::Duration elapsed{};
    std::map<std::string, Reported> counts;

    void add(const RunDone& done, bool failed);
  };
  // What is known of a run.
  struct Story {
    std::vector<ScenarioFailure> failures;
    Texts texts;
  };
  struct FailedRun {
    Job job;
    bool is_replayed;
    std::string cause;
    Story story;
    std::uint64_t failures_more;  // that were counted, and not kept
    bool shown_in_full;
    std::optional<bool> fails_alone;  // empty: not tried
  };
  struct Cause {
    std::uint64_t runs = 0;
    std::uint64_t seed = 0;  // the lowest
    std::string replay_line;  // of that
  };

  void on_failed_run(FailedRun run);
  void print_failed_run(const FailedRun& run) const;
  void print_failures(const FailedRun& run) const;
  std::vector<std::string> replay_words(const FailedRun& run) const;
  std::optional<bool> tried_alone(const FailedRun& run) const;
  void print_plan(const FailedRun& run) const;
  void print_counts() const;
  void print_causes() const;
  void print_progress(base::Duration now);
  void clear_progress();
  // The most frequent first.
  std::vector<std::pair<std::string, Cause>> causes_in_order() const;
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
  std::map<std::uint64_t, Story> open_;  // by number; of runs that are not done
  std::vector<FailedRun> failed_runs_;
  std::map<std::string, Cause> causes_;
  std::size_t text_bytes_kept_ = 0;
  std::map<std::uint64_t, RunDone> runs_;  // by number; kept only where they are printed
};

}  // namespace razor::sim
