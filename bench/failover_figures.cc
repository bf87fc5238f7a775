// How fast a FailoverPool reacts to what happens to its servers, in virtual time, over many seeds.
//
//   failover_figures [SEEDS]        200 by default

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "sim/scenario.h"
#include "tests/scenarios/failover_measures.h"

namespace razor::bench {
namespace {

using namespace std::chrono_literals;
using test::Loss;

struct Figure {
  std::string name;
  std::string aim;
  std::vector<double> values{};
};

double milliseconds(base::Duration span) { return std::chrono::duration<double, std::milli>(span).count(); }

double quantile(const std::vector<double>& sorted, double q) {
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(q * static_cast<double>(sorted.size())))];
}

void print(Figure& figure) {
  std::ranges::sort(figure.values);
  fmt::print("{:<68}{:>10.1f}{:>10.1f}{:>10.1f}   {}\n", figure.name, quantile(figure.values, 0.5),
             quantile(figure.values, 0.99), figure.values.back(), figure.aim);
  std::fflush(stdout);
}

int failures = 0;

// Runs `body` in `seeds` worlds.
void over_seeds(std::uint64_t seeds, const sim::ScenarioBody& body) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const sim::ScenarioResult result = sim::run_scenario(body, seed);
    if (result.ok()) continue;
    ++failures;
    fmt::print(stderr, "seed {}: {}\n", seed, result.text());
  }
}

void show_loss(std::uint64_t seeds, const char* what, Loss loss, base::Duration span) {
  Figure slowest{fmt::format("{}: extra latency of the slowest call, ms", what), "<= 3500"};
  Figure failed{fmt::format("{}: idempotent calls failed", what), "0"};
  Figure avoided{fmt::format("{}: last attempt there after, ms", what), "<= 3500"};
  Figure used{fmt::format("{}: used again after it is back, ms", what), "<= 1500"};
  over_seeds(seeds, [&](sim::World& world) {
    const test::LossMeasure measure = test::lose_one_of_two(world, loss, span);
    slowest.values.push_back(milliseconds(measure.slowest - measure.usual));
    failed.values.push_back(static_cast<double>(measure.failed));
    avoided.values.push_back(milliseconds(measure.avoided_after));
    used.values.push_back(milliseconds(measure.used_again_after));
  });
  for (Figure* figure : {&slowest, &failed, &avoided, &used}) print(*figure);
}

int run(std::uint64_t seeds) {
  fmt::print("{} seeds a line, virtual time\n{:<68}{:>10}{:>10}{:>10}   {}\n", seeds, "", "median", "p99", "worst", "aim");
  show_loss(seeds, "one of two killed for 5 s", Loss::killed, 5s);
  show_loss(seeds, "one of two killed for 60 s", Loss::killed, 60s);
  show_loss(seeds, "one of two crashed for 10 s", Loss::crashed, 10s);
  show_loss(seeds, "one of two paused for 10 s", Loss::paused, 10s);
  show_loss(seeds, "one of two cut off for 10 s", Loss::cut, 10s);

  Figure back{"all killed for 5 s: first success after they are back, ms", "<= 2000"};
  over_seeds(seeds, [&](sim::World& world) { back.values.push_back(milliseconds(test::all_lost_and_back(world, 5s))); });
  print(back);

  Figure ratio{"everything fails for 60 s: attempts above 1.1 a call", "<= burst"};
  Figure burst{"  (burst)", ""};
  over_seeds(seeds, [&](sim::World& world) {
    const test::RetryMeasure measure = test::everything_fails(world);
    ratio.values.push_back(static_cast<double>(measure.attempts) - 1.1 * static_cast<double>(measure.calls));
    burst.values.push_back(static_cast<double>(measure.burst));
  });
  print(ratio);
  print(burst);

  Figure alarms{"false alarms in 60 s of full load", "0"};
  over_seeds(std::max<std::uint64_t>(seeds / 10, 1), [&](sim::World& world) {
    alarms.values.push_back(static_cast<double>(test::false_alarms_under_full_load(world)));
  });
  print(alarms);
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace razor::bench

int main(int argc, char** argv) {
  std::uint64_t seeds = 200;
  if (argc > 2 ||
      (argc == 2 && (std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), seeds).ptr != argv[1] + std::strlen(argv[1]) ||
                     seeds == 0))) {
    fmt::print(stderr, "usage: failover_figures [SEEDS]\n");
    return 64;
  }
  return razor::bench::run(seeds);
}
