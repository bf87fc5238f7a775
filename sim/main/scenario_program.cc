// options.h reads what the user wants; sweep.h says which seeds that is; crew.h shares them between worker processes
// (worker.h), so that a crash or a hang costs one seed; reporter.h shows what came of it.

#include "sim/main/scenario_program.h"

#include <fmt/format.h>
#include <signal.h>
#include <sysexits.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "sim/guard.h"
#include "sim/main/fixed_addresses.h"
#include "sim/main/reporter.h"
#include "sim/real_time.h"

namespace razor::sim {
namespace {

constexpr int kInterrupted = 128 + SIGINT;  // as shells have it

volatile sig_atomic_t interrupted = 0;

class Listener final : public CrewListener {
 public:
  explicit Listener(Reporter& reporter) : reporter_(reporter) {}
  void on_failed(const RunFailed& failed) override { reporter_.on_failed(failed); }
  void on_text(const RunText& text) override { reporter_.on_text(text); }
  void on_done(const RunDone& done) override { reporter_.on_done(done); }
  bool go_on() override { return interrupted == 0 && reporter_.go_on(); }

 private:
  Reporter& reporter_;
};

void run_here(const MainOptions& options, CrewListener& listener) {
  const auto tell = [&listener](const Message& message) { listener.on(message); };
  const auto time_is_up = [&options] { return options.ends_at && real_time() >= *options.ends_at; };
  for (std::uint64_t number = 0; options.sweep.has(number) && listener.go_on() && !time_is_up(); ++number) {
    if (options.sweep.is_ours(number)) run_job(options, number, tell);
  }
}

// False, with a message, when the file cannot be written: known before hours are spent.
bool can_write(const std::string& path) {
  if (path.empty() || std::ofstream(path, std::ios::app)) return true;
  fmt::print(stderr, "{}: {}\n", path, std::strerror(errno));
  return false;
}

int run(const MainOptions& options) {
  if (!can_write(options.json) || !can_write(options.trace)) return EX_CANTCREAT;
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // a second one ends it at once
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  Reporter reporter(options);
  Listener listener(reporter);
  if (options.in_process) {
    run_here(options, listener);
  } else {
    Crew(options, listener).run();
  }
  reporter.print_summary(interrupted != 0);
  if (!options.json.empty()) std::ofstream(options.json) << reporter.json(interrupted != 0);
  if (reporter.has_failed()) return kScenarioFailed;
  if (interrupted != 0) return kInterrupted;
  return options.require_sometimes && !reporter.never_reached().empty() ? kScenarioFailed : 0;
}

}  // namespace

int scenario_program(int argc, char** argv, const ProgramExtras& extras) {
  fix_addresses();
  MainOptions options;
  options.extras = extras;
  if (const auto status = read_options(argc, argv, options)) return *status;
  if (options.list) {
    for (const Scenario* scenario : options.sweep.scenarios) fmt::print("{}\n", scenario->name);
    return 0;
  }
  set_strict_clocks(options.strict_clocks);
  try {
    return run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", options.program, error.what());
    return EX_OSERR;
  }
}

}  // namespace razor::sim
