#include "faults/bounds.h"

#include <fmt/format.h>

#include <utility>

#include "faults/values.h"
#include "sim/running.h"

namespace razor::faults {

using base::Duration;
using base::TimePoint;

namespace {

constexpr Duration kBudgetSpan = std::chrono::seconds(10);

}  // namespace

// --- Bounds ----------------------------------------------------------------------------------------------------------

Bounds::Bounds(sim::World& world, Duration every) : world_(world), every_(every), looked_at_(world.now()) {
  world_.engine().add_observer(*this);
}

Bounds::~Bounds() { world_.engine().remove_observer(*this); }

void Bounds::add(std::string rule, std::string name, std::function<std::string()> wrong) {
  bounds_.push_back({std::move(rule), std::move(name), std::move(wrong)});
}

void Bounds::add(int rule, std::string name, std::function<std::string()> wrong) {
  add(fmt::format("{}", rule), std::move(name), std::move(wrong));
}

// These two are told before anything runs.
void Bounds::on_occurrence(const sim::Occurrence& occurrence) {
  if (occurrence.kind != sim::EventKind::turn && occurrence.kind != sim::EventKind::timer) return;
  if (occurrence.at - looked_at_ >= every_) check_all();
}

void Bounds::check_all() {
  const sim::InSimulator in_simulator;
  looked_at_ = world_.now();
  ++looks_;
  for (Bound& bound : bounds_) {
    const std::string wrong = bound.wrong();
    const bool was_broken = std::exchange(bound.is_broken, !wrong.empty());
    RAZOR_RULE(bound.rule, wrong.empty() || was_broken, "{}: {}", bound.name, wrong);
  }
}

std::string RetryBudget::look(TimePoint now, std::uint64_t retries, std::uint64_t calls) {
  if (!past_.empty() && (retries < past_.back().retries || calls < past_.back().calls)) past_.clear();
  past_.push_back({now, retries, calls});
  while (now - past_.front().at > kBudgetSpan) past_.pop_front();
  const std::uint64_t spent = retries - past_.front().retries;
  const std::uint64_t earned = calls - past_.front().calls;
  // Shares of single calls may add up to one more.
  if (spent <= earned * percent_ / 100 + burst_ + 1) return {};
  return fmt::format("{} retries for {} calls within {}", spent, earned, to_text(kBudgetSpan));
}

// --- Ends of runs ----------------------------------------------------------------------------------------------------

void check_recovery(sim::World& world, Duration limit, std::string_view what, const std::function<bool()>& recovered) {
  const bool has_recovered = world.run_until(recovered, limit);
  RAZOR_RULE(27, has_recovered, "not so {} after the last fault: {}", to_text(limit), what);
}

void check_quiescence(sim::World& world, Duration limit) {
  const bool is_idle = world.run_until_idle(limit);
  RAZOR_RULE(25, is_idle, "all is closed, and after {} something is still to happen", to_text(limit));
  for (const auto& host : world.fabric().hosts()) {
    RAZOR_RULE(25, host->connection_count() == 0, "all is closed, and {} has {} connections", host->name(),
               host->connection_count());
  }
}

}  // namespace razor::faults
