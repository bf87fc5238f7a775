#include "faults/exploration.h"

#include <fmt/format.h>

#include <algorithm>

#include "faults/swarm.h"
#include "faults/values.h"
#include "sim/scenario.h"

namespace razor::faults {
namespace {

std::optional<Plan>& given() {
  static std::optional<Plan> plan;
  return plan;
}

constexpr std::string_view kYes = "yes";
constexpr std::string_view kNo = "no";

base::Duration in_steps(base::Duration span) {
  for (const base::Duration step :
       {base::Duration(std::chrono::milliseconds(1)), base::Duration(std::chrono::microseconds(1))}) {
    if (span >= 10 * step) return span / step * step;
  }
  return span;
}

}  // namespace

void set_given_plan(std::optional<Plan> plan) { given() = std::move(plan); }
const std::optional<Plan>& given_plan() { return given(); }

Exploration::Exploration(sim::World& world) : world_(world) {
  if (given()) plan_ = *given();
  plan_.seed = world.seed();
}

Exploration::~Exploration() {
  if (injector_ == nullptr) return;
  std::uint64_t faults_with_effects = 0;
  std::string lines;
  for (const FaultReport& report : injector_->reports()) {
    lines += fmt::format("#{} acted {}\n", report.fault.number, report.effects);
    if (!report.begun) continue;
    sim::report_count("faults begun");
    sim::report_count(fmt::format("acted/{}", report.fault.what), report.effects > 0 ? 1 : 0);
    if (report.effects == 0) sim::report_count(fmt::format("idle/{}", report.fault.what));
    faults_with_effects += report.effects > 0 ? 1 : 0;
  }
  sim::report_count("faults that acted", faults_with_effects);
  if (faults_with_effects == 0) sim::report_count("runs without a fault that acted");
  sim::report_text("faults", std::move(lines));
  sim::report_text("plan", plan_.to_string());
}

std::string_view Exploration::setting(std::string_view name, std::string drawn, std::string simplest) {
  const auto [found, is_new] = plan_.settings.try_emplace(std::string(name), std::move(drawn));
  knobs_.push_back({std::string(name), found->second, std::move(simplest)});
  return found->second;
}

std::int64_t Exploration::number(std::string_view name, std::int64_t least, std::int64_t most) {
  base::RandomStream random = world_.engine().seed().of("setting").stream(name);
  const std::int64_t drawn = least + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most - least) + 1));
  const std::string_view value = setting(name, fmt::format("{}", drawn), fmt::format("{}", least));
  const auto number = parse_number(value);
  RAZOR_REQUIRE(number && *number >= least && *number <= most, "set {} {}: want a number from {} to {}", name, value, least,
                most);
  return *number;
}

base::Duration Exploration::duration(std::string_view name, base::Duration least, base::Duration most) {
  base::RandomStream random = world_.engine().seed().of("setting").stream(name);
  const base::Duration drawn = std::max(in_steps(random.between(least, most)), least);
  const std::string_view value = setting(name, to_text(drawn), to_text(least));
  const auto span = parse_duration(value);
  RAZOR_REQUIRE(span && *span >= least && *span <= most, "set {} {}: want a time from {} to {}", name, value, to_text(least),
                to_text(most));
  return *span;
}

bool Exploration::one_in(std::string_view name, std::uint64_t count) {
  base::RandomStream random = world_.engine().seed().of("setting").stream(name);
  const bool drawn = random.one_in(count);
  const std::string_view value = setting(name, std::string(drawn ? kYes : kNo), std::string(kNo));
  RAZOR_REQUIRE(value == kYes || value == kNo, "set {} {}: want yes or no", name, value);
  return value == kYes;
}

void Exploration::add_action(std::string name, std::vector<std::string> where,
                             std::function<void(const Fault&, base::RandomStream&)> action) {
  RAZOR_REQUIRE(find_kind(name) == nullptr, "a kind of fault is called {}", name);
  actions_.insert_or_assign(std::move(name), Action{std::move(where), std::move(action)});
}

void Exploration::start(base::Duration span) {
  RAZOR_REQUIRE(injector_ == nullptr, "the faults of a run were started twice");
  if (!given()) {
    Swarm swarm{roles_, actions_, {}, span};
    for (const FaultKind* kind : catalogue()) {
      if (!left_out_.contains(kind->name())) swarm.kinds.push_back(kind);
    }
    plan_.faults = draw_faults(world_.engine().seed(), swarm);
  }
  sim::report_text("plan", plan_.to_string());
  std::string lines;
  for (const Knob& knob : knobs_) lines += fmt::format("{} {} {}\n", knob.name, knob.value, knob.simplest);
  sim::report_text("knobs", std::move(lines));
  injector_ = std::make_unique<Injector>(world_, plan_, actions_);
}

void Exploration::play(base::Duration span) {
  start(span);
  world_.run_for(span);
}

void Exploration::heal() {
  if (injector_ != nullptr) injector_->heal();
}

}  // namespace razor::faults
