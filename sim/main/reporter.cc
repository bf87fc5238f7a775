#include "sim/main/reporter.h"

#include <unistd.h>

#include <cstdio>

#include "sim/main/real_time.h"

namespace razor::sim {
namespace {

constexpr base::Duration kProgressOnTerminal = std::chrono::milliseconds(200);
constexpr base::Duration kProgressElsewhere = std::chrono::seconds(10);
// Failed runs that are shown in full; the others by the lines that repeat them.
constexpr std::size_t kShownInFull = 20;

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
  if (count < 10'000'000) return fmt::format("{:.1f} k", count / 1e3);
  return fmt::format("{:.1f} M", count / 1e6);
}

// As a shell reads it back.
std::string quoted(std::string_view word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./=:,@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == word.npos) return std::string(word);
  std::string text = "'";
  for (const char letter : word) text += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return text + "'";
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

std::string indented(std::string_view text) {
  std::string out = "  ";
  for (const char letter : text) {
    out += letter;
    if (letter == '\n') out += "  ";
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
      by_scenario_(options.plan.scenarios.size()) {}

void Reporter::Sum::add(const RunDone& done, bool failed) {
  ++seeds;
  seeds_failed += failed ? 1 : 0;
  events += done.events;
  elapsed += done.elapsed;
}

void Reporter::on_failed(const RunFailed& failed) { open_[failed.number].push_back(failed.failure); }

void Reporter::on_done(const RunDone& done) {
  const Job job = options_.plan.job(done.number);
  const bool failed = done.failure_count > 0;
  total_.add(done, failed);
  by_scenario_[job.scenario].add(done, failed);
  if (options_.digests) runs_.emplace(done.number, done);
  if (failed) {
    FailedRun& run = failed_runs_.emplace_back(FailedRun{job, std::move(open_[done.number])});
    if (done.failure_count > run.failures.size() && !run.failures.empty()) {
      run.failures.back().message += fmt::format("\n(and {} failures more)", done.failure_count - run.failures.size());
    }
    clear_progress();
    print_failed_run(run);
    if (failed_runs_.size() > kShownInFull) run.failures.resize(std::min<std::size_t>(run.failures.size(), 1));
  }
  open_.erase(done.number);
}

bool Reporter::go_on() {
  const base::Duration now = real_time();
  if (now - progress_at_ >= (on_terminal_ ? kProgressOnTerminal : kProgressElsewhere)) print_progress(now);
  return !(options_.until_failure && has_failed());
}

void Reporter::print_failed_run(const FailedRun& run) const {
  if (failed_runs_.size() > kShownInFull) {
    fmt::print(out_, "FAILED  {}\n", replay_line(run));
  } else {
    fmt::print(out_, "FAILED  {}, seed {}\n", name_of(run.job), run.job.seed);
    for (const ScenarioFailure& failure : run.failures) fmt::print(out_, "{}\n", indented(failure.text()));
    fmt::print(out_, "  again: {}\n", replay_line(run));
  }
  std::fflush(out_);
}

void Reporter::print_progress(base::Duration now) {
  progress_at_ = now;
  const double real = std::max(seconds(now - started_at_), 1e-9);
  const auto jobs = options_.plan.job_count();
  std::string line = jobs ? fmt::format("{} of {} seeds", total_.seeds, *jobs) : fmt::format("{} seeds", total_.seeds);
  line += fmt::format(", {} failed, {} events/s, {} virtual in {}", total_.seeds_failed,
                      in_words(static_cast<double>(total_.events) / real), in_words(total_.elapsed),
                      in_words(now - started_at_));
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
    const Job job = options_.plan.job(number);
    fmt::print("{} {} {:016x}\n", name_of(job), job.seed, run.digest);
  }
  std::fflush(stdout);
  std::size_t width = 0;
  for (const Scenario* scenario : options_.plan.scenarios) width = std::max(width, scenario->name.size());
  for (std::size_t i = 0; i < by_scenario_.size(); ++i) {
    const Sum& sum = by_scenario_[i];
    fmt::print(out_, "{}  {:<{}}  {} seeds, {} failed, {} events, {} virtual\n", sum.seeds_failed > 0 ? "FAILED" : "ok    ",
               options_.plan.scenarios[i]->name, width, sum.seeds, sum.seeds_failed, sum.events, in_words(sum.elapsed));
  }
  const base::Duration real = real_elapsed();
  fmt::print(out_, "{}{} seeds, {} failed, in {}: {:.0f} seeds/s, {} events/s, {} virtual\n", interrupted ? "interrupted: " : "",
             total_.seeds, total_.seeds_failed, in_words(real), static_cast<double>(total_.seeds) / seconds(real),
             in_words(static_cast<double>(total_.events) / seconds(real)), in_words(total_.elapsed));
  std::fflush(out_);
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
        "{}\n    {{\"name\": {}, \"seeds\": {}, \"failed\": {}, \"events\": {}, \"virtual_seconds\": {:.9f}}}", comma,
        in_json(options_.plan.scenarios[i]->name), sum.seeds, sum.seeds_failed, sum.events, seconds(sum.elapsed));
  }
  text += "\n  ],\n  \"failures\": [";
  comma = "";
  for (const FailedRun& run : failed_runs_) {
    for (const ScenarioFailure& failure : run.failures) {
      text += fmt::format(
          "{}\n    {{\"scenario\": {}, \"seed\": {}, \"kind\": {}, \"place\": {}, \"virtual_seconds\": {:.9f}, "
          "\"message\": {}, \"again\": {}}}",
          std::exchange(comma, ","), in_json(name_of(run.job)), run.job.seed, in_json(sim::name_of(failure.kind)),
          in_json(failure.place), seconds(failure.at), in_json(failure.message), in_json(replay_line(run)));
    }
  }
  text += "\n  ]";
  if (options_.digests) {
    text += ",\n  \"digests\": [";
    comma = "";
    for (const auto& [number, run] : runs_) {
      const Job job = options_.plan.job(number);
      text += fmt::format("{}\n    {{\"scenario\": {}, \"seed\": {}, \"digest\": \"{:016x}\"}}", std::exchange(comma, ","),
                          in_json(name_of(job)), job.seed, run.digest);
    }
    text += "\n  ]";
  }
  return text + "\n}\n";
}

std::string Reporter::name_of(const Job& job) const { return std::string(options_.plan.scenarios[job.scenario]->name); }

std::string Reporter::replay_line(const FailedRun& run) const {
  std::string line = fmt::format("{} --scenario {} --seed {}", quoted(options_.program), name_of(run.job), run.job.seed);
  for (const ScenarioFailure& failure : run.failures) {
    if (failure.kind == ScenarioFailure::Kind::divergence) return line + " --replay";
    if (failure.kind == ScenarioFailure::Kind::time_limit) {
      return line + fmt::format(" --time-limit {:g}", seconds(options_.time_limit));
    }
  }
  return line;
}

base::Duration Reporter::real_elapsed() const { return real_time() - started_at_; }

}  // namespace razor::sim
