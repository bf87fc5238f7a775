#include "sim/main/reporter.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "sim/main/cause.h"
#include "sim/main/confirmation.h"
#include "sim/main/text.h"
#include "sim/real_time.h"

namespace razor::sim {
namespace {

constexpr base::Duration kProgressOnTerminal = std::chrono::milliseconds(200);
constexpr base::Duration kProgressElsewhere = std::chrono::seconds(10);
// Failed runs that are shown in full: the first of each cause, and some more. The next ones by the lines that repeat them;
// those behind are counted.
constexpr std::size_t kShownInFull = 20;
constexpr std::size_t kShownInFullOfACause = 5;
constexpr std::size_t kShown = 200;
// So many failed runs a reader sees through without causes.
constexpr std::size_t kRunsWithoutCauses = 3;
constexpr std::size_t kCausesShown = 30;
constexpr std::size_t kPlanLinesShown = 40;
constexpr std::size_t kTextsOfARunMax = 64;
// Of failed runs. Those behind keep theirs only when they are the first of their cause.
constexpr std::size_t kTextBytesKept = 64 * 1024 * 1024;
constexpr std::size_t kLineWidth = 120;
constexpr std::string_view kSometimes = "sometimes/";

double seconds(base::Duration span) { return std::chrono::duration<double>(span).count(); }

// "950 ms", "12.3 s", "5.4 min", "31.2 h".
std::string in_words(base::Duration span) {
  const double in_seconds = seconds(span);
  if (in_seconds < 1) return fmt::format("{:.0f} ms", in_seconds * 1e3);
  if (in_seconds < 120) return fmt::format("{:.1f} s", in_seconds);
  if (in_seconds < 7200) return fmt::format("{:.1f} min", in_seconds / 60);
  return fmt::format("{:.1f} h", in_seconds / 3600);
}

// "950", "12.3 k", "5.4 M".
std::string in_words(double count) {
  if (count < 10'000) return fmt::format("{:.0f}", count);
  if (count < 1e6) return fmt::format("{:.1f} k", count / 1e3);
  if (count < 1e9) return fmt::format("{:.1f} M", count / 1e6);
  return fmt::format("{:.1f} G", count / 1e9);
}

std::string in_json(std::string_view text) {
  std::string out = "\"";
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
      out += '\\';
      out += letter;
    } else if (code < 0x20 || code >= 0x7f) {
      out += fmt::format("\\u{:04x}", code);  // bytes beyond ASCII as Latin-1: whatever a crash printed stays readable
    } else {
      out += letter;
    }
  }
  return out + '"';
}

// "head: one, two", broken into lines where it is too long.
std::string listed(std::string_view head, const std::vector<std::string>& items) {
  std::string out(head);
  std::size_t width = head.size();
  const char* before = ": ";
  for (const std::string& item : items) {
    const bool breaks = width + item.size() + 3 > kLineWidth;
    out += breaks && before[0] == ',' ? ",\n  " : before;
    width = breaks ? 2 + item.size() : width + 2 + item.size();
    out += item;
    before = ", ";
  }
  return out;
}

}  // namespace

Reporter::Reporter(const MainOptions& options)
    : options_(options),
      out_(options.digests ? stderr : stdout),
      on_terminal_(::isatty(STDERR_FILENO) != 0),
      started_at_(real_time()),
      progress_at_(started_at_),
      by_scenario_(options.sweep.scenarios.size()) {}

void Reporter::Sum::add(const RunDone& done, bool failed) {
  ++seeds;
  seeds_failed += failed ? 1 : 0;
  events += done.events;
  elapsed += done.elapsed;
  if (!done.counts) return;
  ++seeds_counted;
  for (const auto& [name, count] : *done.counts) {
    Reported& reported = counts[name];
    reported.sum += count;
    reported.least = std::min(reported.least, count);
    reported.runs += count > 0 ? 1 : 0;
  }
}

void Reporter::on_failed(const RunFailed& failed) { open_[failed.number].failures.push_back(failed.failure); }

void Reporter::on_text(const RunText& text) {
  Texts& texts = open_[text.number].texts;
  if (texts.size() < kTextsOfARunMax || texts.contains(text.name)) texts.insert_or_assign(text.name, text.text);
}

void Reporter::on_done(const RunDone& done) {
  const Job job = options_.sweep.job(done.number);
  const bool failed = done.failure_count > 0;
  total_.add(done, failed);
  by_scenario_[job.scenario].add(done, failed);
  if (options_.digests) runs_.emplace(done.number, done);
  if (failed) {
    const bool is_replayed = options_.replay_one_in > 0 && options_.sweep.is_one_in(options_.replay_one_in, done.number);
    FailedRun run{job, is_replayed, name_of(job), std::move(open_[done.number]), 0, false, {}};
    std::vector<ScenarioFailure>& failures = run.story.failures;
    if (!failures.empty()) run.cause = cause_of(name_of(job), failures.front());
    run.failures_more = done.failure_count - std::min<std::uint64_t>(done.failure_count, failures.size());
    on_failed_run(std::move(run));
  }
  open_.erase(done.number);
}

void Reporter::on_failed_run(FailedRun run) {
  Cause& cause = causes_[run.cause];
  const bool is_new = ++cause.runs == 1;
  if (is_new || run.job.seed < cause.seed) {
    cause.seed = run.job.seed;
    cause.replay_line = replay_line(run);
  }
  run.shown_in_full = is_new || (failed_runs_.size() < kShownInFull && cause.runs <= kShownInFullOfACause);
  if (run.shown_in_full) run.fails_alone = tried_alone(run);
  clear_progress();
  print_failed_run(run);
  std::vector<ScenarioFailure>& failures = run.story.failures;
  if (!run.shown_in_full && failures.size() > 1) {
    run.failures_more += failures.size() - 1;
    failures.resize(1);
  }
  if (run.failures_more > 0 && !failures.empty()) {
    failures.back().message += fmt::format("\n(and {} failures more)", run.failures_more);
  }
  std::size_t text_bytes = 0;
  for (const auto& [name, text] : run.story.texts) text_bytes += name.size() + text.size();
  if (!is_new && text_bytes_kept_ + text_bytes > kTextBytesKept) {
    run.story.texts.clear();
  } else {
    text_bytes_kept_ += text_bytes;
  }
  failed_runs_.push_back(std::move(run));
}

bool Reporter::go_on() {
  const base::Duration now = real_time();
  if (now - progress_at_ >= (on_terminal_ ? kProgressOnTerminal : kProgressElsewhere)) print_progress(now);
  return !(options_.until_failure && has_failed());
}

void Reporter::print_failed_run(const FailedRun& run) const {
  if (!run.shown_in_full) {
    if (failed_runs_.size() < kShown) fmt::print(out_, "FAILED  {}\n", replay_line(run));
    if (failed_runs_.size() == kShown) fmt::print(out_, "FAILED  ... more: shown where the cause is new, else counted\n");
  } else {
    fmt::print(out_, "FAILED  {}, seed {}\n", name_of(run.job), run.job.seed);
    print_failures(run);
    print_plan(run);
    fmt::print(out_, "  again: {}\n", replay_line(run));
    if (run.fails_alone == false) {
      fmt::print(
          out_,
          "  but that passes: the outcome depends on more than the seed: the command line or the environment, files,\n"
          "  real time, other processes, memory that was never written. --replay names the first event that differs.\n");
      if (options_.seeds_per_process > 1) {
        fmt::print(
            out_,
            "  With --seeds-per-process, also on what the seeds before it left behind in its process (statics, the heap):\n"
            "  without that option each seed runs as if it were alone.\n");
      }
    }
    if (options_.in_process && options_.sweep.job_count() != 1) {
      fmt::print(out_,
                 "  not tried alone: with --in-process a seed finds what those before it left behind (statics, the heap)\n");
    }
  }
  std::fflush(out_);
}

// What one check says again and again is shown once.
void Reporter::print_failures(const FailedRun& run) const {
  const std::vector<ScenarioFailure>& failures = run.story.failures;
  std::vector<std::string> checks;
  for (const ScenarioFailure& failure : failures) checks.push_back(check_of(failure));
  for (std::size_t i = 0; i < failures.size(); ++i) {
    const auto here = checks.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(checks.begin(), here, checks[i]) != here) continue;
    fmt::print(out_, "{}\n", indented(failures[i].text()));
    const auto equal = std::count(here + 1, checks.end(), checks[i]);
    if (equal > 0) fmt::print(out_, "  and {} more of {}\n", equal, checks[i]);
  }
  if (run.failures_more > 0) fmt::print(out_, "  and {} failures more\n", run.failures_more);
}

void Reporter::print_plan(const FailedRun& run) const {
  const auto found = run.story.texts.find("plan");
  if (found == run.story.texts.end()) return;
  std::string_view plan = found->second;
  while (plan.ends_with('\n')) plan.remove_suffix(1);
  std::size_t shown = 0;
  for (std::size_t line = 0; line < kPlanLinesShown && shown != plan.npos; ++line) {
    shown = plan.find('\n', shown == 0 ? 0 : shown + 1);
  }
  fmt::print(out_, "  plan:\n{}\n", indented(plan.substr(0, shown), "    "));
  if (shown == plan.npos) return;
  const auto more = std::count(plan.begin() + static_cast<std::ptrdiff_t>(shown), plan.end(), '\n');
  fmt::print(out_, "    ... {} lines more: {} has all of them\n", more,
             options_.json.empty() ? "--json FILE" : shell_quoted(options_.json));
}

void Reporter::print_progress(base::Duration now) {
  progress_at_ = now;
  const double real = std::max(seconds(now - started_at_), 1e-9);
  const auto jobs = options_.sweep.job_count();
  std::string line = jobs ? fmt::format("{} of {} seeds", total_.seeds, *jobs) : fmt::format("{} seeds", total_.seeds);
  line += fmt::format(", {} failed, {} events/s, {} virtual in {}", total_.seeds_failed,
                      in_words(static_cast<double>(total_.events) / real), in_words(total_.elapsed),
                      in_words(now - started_at_));
  if (options_.ends_at) {
    line += now < *options_.ends_at ? fmt::format(", {} left", in_words(*options_.ends_at - now)) : ", the last runs end";
  }
  if (on_terminal_) {
    fmt::print(stderr, "\r\033[K{}", line);
    progress_is_shown_ = true;
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

void Reporter::clear_progress() {
  if (!std::exchange(progress_is_shown_, false)) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
}

void Reporter::print_summary(bool interrupted) {
  clear_progress();
  for (const auto& [number, run] : runs_) {
    const Job job = options_.sweep.job(number);
    fmt::print("{} {} {:016x}\n", name_of(job), job.seed, run.digest);
  }
  std::fflush(stdout);
  std::size_t width = 0;
  for (const Scenario* scenario : options_.sweep.scenarios) width = std::max(width, scenario->name.size());
  for (std::size_t i = 0; i < by_scenario_.size(); ++i) {
    const Sum& sum = by_scenario_[i];
    const char* outcome = sum.seeds_failed > 0 ? "FAILED" : sum.seeds > 0 ? "ok    " : "none  ";
    fmt::print(out_, "{}  {:<{}}  {} seeds, {} failed, {} events, {} virtual\n", outcome, options_.sweep.scenarios[i]->name,
               width, sum.seeds, sum.seeds_failed, sum.events, in_words(sum.elapsed));
  }
  print_counts();
  print_causes();
  const base::Duration real = real_elapsed();
  fmt::print(out_, "{}{} seeds, {} failed, in {}: {:.0f} seeds/s, {} events/s, {} virtual\n",
             interrupted ? "interrupted: " : "", total_.seeds, total_.seeds_failed, in_words(real),
             static_cast<double>(total_.seeds) / seconds(real), in_words(static_cast<double>(total_.events) / seconds(real)),
             in_words(total_.elapsed));
  std::fflush(out_);
}

// A line for those without a group, and one for each group.
void Reporter::print_counts() const {
  std::map<std::string, std::vector<std::string>> groups;
  for (const auto& [name, reported] : total_.counts) {
    const std::size_t slash = name.find('/');
    const std::string group = slash == name.npos ? "" : name.substr(0, slash);
    const std::string own_name = slash == name.npos ? name : name.substr(slash + 1);
    groups[group].push_back(fmt::format("{} {}", own_name, in_words(static_cast<double>(reported.sum))));
  }
  for (const auto& [group, counts] : groups) {
    fmt::print(out_, "{}\n", listed(group.empty() ? "reports" : group, counts));
  }
  // One run reaches little, and nobody wonders.
  if (total_.seeds <= 1 && !options_.require_sometimes) return;
  const std::vector<std::string> missing = never_reached();
  if (!missing.empty()) fmt::print(out_, "{}\n", listed(fmt::format("never reached in {} runs", total_.seeds), missing));
}

void Reporter::print_causes() const {
  if (failed_runs_.size() <= kRunsWithoutCauses) return;
  fmt::print(out_, "{} runs failed, of {} {}:\n", failed_runs_.size(), causes_.size(),
             causes_.size() == 1 ? "cause" : "causes");
  std::size_t shown = 0;
  for (const auto& [name, cause] : causes_in_order()) {
    if (++shown > kCausesShown) break;
    fmt::print(out_, "{:>7}  {}; first seed {}\n         again: {}\n", cause.runs, name, cause.seed, cause.replay_line);
  }
  if (causes_.size() > kCausesShown) fmt::print(out_, "         ... {} causes more\n", causes_.size() - kCausesShown);
}

std::vector<std::pair<std::string, Reporter::Cause>> Reporter::causes_in_order() const {
  std::vector<std::pair<std::string, Cause>> causes(causes_.begin(), causes_.end());
  std::sort(causes.begin(), causes.end(), [](const auto& a, const auto& b) {
    return a.second.runs != b.second.runs ? a.second.runs > b.second.runs : a.first < b.first;
  });
  return causes;
}

std::vector<std::string> Reporter::never_reached() const {
  std::vector<std::string> missing;
  for (const std::string& name : options_.extras.sometimes) {
    const auto found = total_.counts.find(std::string(kSometimes) + name);
    if (found == total_.counts.end() || found->second.sum == 0) missing.push_back(name);
  }
  return missing;
}

std::string Reporter::json(bool interrupted) const {
  std::string text = fmt::format("{{\n  \"seeds\": {}, \"failed\": {}, \"events\": {}, \"virtual_seconds\": {:.9f},\n",
                                 total_.seeds, total_.seeds_failed, total_.events, seconds(total_.elapsed));
  text += fmt::format("  \"real_seconds\": {:.6f}, \"interrupted\": {},\n  \"scenarios\": [", seconds(real_elapsed()),
                      interrupted);
  const char* comma = "";
  for (std::size_t i = 0; i < by_scenario_.size(); ++i, comma = ",") {
    const Sum& sum = by_scenario_[i];
    text += fmt::format(
        "{}\n    {{\"name\": {}, \"seeds\": {}, \"failed\": {}, \"events\": {}, \"virtual_seconds\": {:.9f}, \"counts\": {{",
        comma, in_json(options_.sweep.scenarios[i]->name), sum.seeds, sum.seeds_failed, sum.events, seconds(sum.elapsed));
    const char* between = "";
    for (const auto& [name, reported] : sum.counts) {
      const std::uint64_t runs_without = sum.seeds_counted - reported.runs;
      text += fmt::format("{}\n      {}: {{\"sum\": {}, \"min\": {}, \"runs_without\": {}}}", std::exchange(between, ","),
                          in_json(name), reported.sum, runs_without > 0 ? 0 : reported.least, runs_without);
    }
    text += "}}";
  }
  text += "\n  ],\n  \"counts\": {";
  comma = "";
  for (const auto& [name, reported] : total_.counts) {
    text += fmt::format("{}\n    {}: {}", std::exchange(comma, ","), in_json(name), reported.sum);
  }
  text += "},\n  \"never_reached\": [";
  comma = "";
  for (const std::string& name : never_reached()) text += std::exchange(comma, ", ") + in_json(name);
  text += "],\n  \"causes\": [";
  comma = "";
  for (const auto& [name, cause] : causes_in_order()) {
    text += fmt::format("{}\n    {{\"cause\": {}, \"runs\": {}, \"seed\": {}, \"again\": {}}}", std::exchange(comma, ","),
                        in_json(name), cause.runs, cause.seed, in_json(cause.replay_line));
  }
  text += "\n  ],\n  \"failures\": [";
  comma = "";
  for (const FailedRun& run : failed_runs_) {
    std::string texts;
    for (const auto& [name, value] : run.story.texts) {
      texts += fmt::format("{}{}: {}", texts.empty() ? "" : ", ", in_json(name), in_json(value));
    }
    for (const ScenarioFailure& failure : run.story.failures) {
      text += fmt::format(
          "{}\n    {{\"scenario\": {}, \"seed\": {}, \"kind\": {}, \"place\": {}, \"virtual_seconds\": {:.9f}, "
          "\"message\": {}, \"cause\": {}, \"texts\": {{{}}}, \"again\": {}, \"fails_alone\": {}}}",
          std::exchange(comma, ","), in_json(name_of(run.job)), run.job.seed, in_json(sim::name_of(failure.kind)),
          in_json(failure.place), seconds(failure.at), in_json(failure.message), in_json(run.cause), texts,
          in_json(replay_line(run)), run.fails_alone ? (*run.fails_alone ? "true" : "false") : "null");
    }
  }
  text += "\n  ]";
  if (options_.digests) {
    text += ",\n  \"digests\": [";
    comma = "";
    for (const auto& [number, run] : runs_) {
      const Job job = options_.sweep.job(number);
      text += fmt::format("{}\n    {{\"scenario\": {}, \"seed\": {}, \"digest\": \"{:016x}\"}}", std::exchange(comma, ","),
                          in_json(name_of(job)), job.seed, run.digest);
    }
    text += "\n  ]";
  }
  return text + "\n}\n";
}

std::string Reporter::name_of(const Job& job) const { return std::string(options_.sweep.scenarios[job.scenario]->name); }

std::string Reporter::replay_line(const FailedRun& run) const {
  std::string line = shell_quoted(options_.program);
  for (const std::string& word : replay_words(run)) line += ' ' + shell_quoted(word);
  return line;
}

std::vector<std::string> Reporter::replay_words(const FailedRun& run) const {
  std::vector<std::string> words{"--scenario", name_of(run.job), "--seed", fmt::format("{}", run.job.seed)};
  words.insert(words.end(), options_.extras.replay_words.begin(), options_.extras.replay_words.end());
  if (options_.strict_clocks) words.push_back("--strict-clocks");
  for (const ScenarioFailure& failure : run.story.failures) {
    const bool is_of_the_process =
        failure.kind == ScenarioFailure::Kind::crash || failure.kind == ScenarioFailure::Kind::time_limit;
    // What ends the process of a replay may have done so in the second run.
    if (failure.kind == ScenarioFailure::Kind::divergence || (is_of_the_process && run.is_replayed))
      words.push_back("--replay");
    if (failure.kind == ScenarioFailure::Kind::time_limit) {
      words.insert(words.end(), {"--time-limit", fmt::format("{:g}", seconds(options_.time_limit))});
    }
    if (failure.kind == ScenarioFailure::Kind::divergence || is_of_the_process) break;
  }
  return words;
}

// Alone, nothing else is to be said of it; one that takes too long would do so again.
std::optional<bool> Reporter::tried_alone(const FailedRun& run) const {
  if (options_.in_process || options_.sweep.job_count() == 1) return std::nullopt;
  for (const ScenarioFailure& failure : run.story.failures) {
    if (failure.kind == ScenarioFailure::Kind::time_limit) return std::nullopt;
  }
  std::vector<std::string> words = replay_words(run);
  words.insert(words.end(), {"--time-limit", fmt::format("{:g}", seconds(options_.time_limit))});
  return fails_alone(options_.program, words);
}

base::Duration Reporter::real_elapsed() const { return real_time() - started_at_; }

}  // namespace razor::sim
