#include "faults/minimise.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "faults/fault_kind.h"
#include "faults/values.h"

namespace razor::faults {
namespace {

// Numbers this near to the simplest are approached one by one.
constexpr std::int64_t kSingleSteps = 16;

// A fault that lasts for less is no simpler to read.
constexpr base::Duration kLastsMin = std::chrono::milliseconds(1);

std::int64_t power_of_ten_below(std::int64_t value) {
  std::int64_t power = 1;
  while (value / 10 >= power) power *= 10;
  return power;
}

void add_if_between(std::vector<std::int64_t>& values, std::int64_t simplest, std::int64_t value, std::int64_t candidate) {
  const bool is_nearer = simplest <= candidate ? candidate < value : candidate > value;
  const bool is_not_beyond = simplest < value ? candidate >= simplest : candidate <= simplest;
  if (is_nearer && is_not_beyond && std::ranges::find(values, candidate) == values.end()) values.push_back(candidate);
}

// From `value` towards `simplest`, the furthest first. None when it is there.
std::vector<std::int64_t> steps_to(std::int64_t simplest, std::int64_t value) {
  std::vector<std::int64_t> steps;
  std::int64_t distance = 0;
  if (value == simplest || __builtin_sub_overflow(value, simplest, &distance)) return steps;
  add_if_between(steps, simplest, value, simplest);
  add_if_between(steps, simplest, value, simplest + distance / 10);
  add_if_between(steps, simplest, value, simplest + distance / 2);
  if (distance <= kSingleSteps && distance >= -kSingleSteps) {
    add_if_between(steps, simplest, value, value - (distance > 0 ? 1 : -1));
  }
  return steps;
}

// Likewise; what comes out reads well: of few digits.
std::vector<base::Duration> steps_to(base::Duration simplest, base::Duration span) {
  std::vector<std::int64_t> steps;
  const std::int64_t from = span.count();
  for (const std::int64_t step : steps_to(simplest.count(), from)) {
    const std::int64_t grain = std::max<std::int64_t>(1, power_of_ten_below(step) / 10);
    add_if_between(steps, simplest.count(), from, std::max(step / grain * grain, simplest.count()));
  }
  if (from > 0) {
    const std::int64_t grain = power_of_ten_below(from);
    add_if_between(steps, simplest.count(), from, from / grain * grain);
    if (grain >= 10) add_if_between(steps, simplest.count(), from, from / (grain / 10) * (grain / 10));
  }
  std::vector<base::Duration> spans;
  for (const std::int64_t step : steps) spans.emplace_back(step);
  return spans;
}

// Values as text: durations, numbers, or words, which go to the simplest in one step.
std::vector<std::string> steps_to(const std::string& simplest, const std::string& value) {
  std::vector<std::string> steps;
  const auto from_number = parse_number(value);
  const auto to_number = parse_number(simplest);
  const auto from_span = parse_duration(value);
  const auto to_span = parse_duration(simplest);
  if (from_number && to_number) {
    for (const std::int64_t step : steps_to(*to_number, *from_number)) steps.push_back(fmt::format("{}", step));
  } else if (from_span && to_span) {
    for (const base::Duration step : steps_to(*to_span, *from_span)) steps.push_back(to_text(step));
  } else if (value != simplest) {
    steps.push_back(simplest);
  }
  return steps;
}

// One that a kind would refuse is no candidate. What the scenario's own actions take, only they know.
bool can_be_played(const Fault& fault) {
  const FaultKind* kind = find_kind(fault.what);
  return kind == nullptr || kind->check(fault).empty();
}

// --- Candidates: each is simpler than `plan` by one step ----------------------------------------------------------------

using Candidates = std::vector<Plan>;

void add_changed(Candidates& candidates, const Plan& plan, std::size_t index, const Fault& changed) {
  if (!can_be_played(changed)) return;
  Plan& candidate = candidates.emplace_back(plan);
  candidate.faults[index] = changed;
  candidate.sort();
}

// Without `count` of the faults.
Plan without(const Plan& plan, std::size_t begin, std::size_t count) {
  Plan smaller = plan;
  const auto first = smaller.faults.begin() + static_cast<std::ptrdiff_t>(begin);
  const auto last =
      begin + count < smaller.faults.size() ? first + static_cast<std::ptrdiff_t>(count) : smaller.faults.end();
  smaller.faults.erase(first, last);
  return smaller;
}

Candidates shorter(const Plan& plan, std::size_t index) {
  Candidates candidates;
  const Fault& fault = plan.faults[index];
  for (const base::Duration lasts : steps_to(base::Duration::zero(), fault.lasts)) {
    if (lasts > base::Duration::zero() && lasts < kLastsMin) continue;
    Fault changed = fault;
    changed.lasts = lasts;
    add_changed(candidates, plan, index, changed);
  }
  return candidates;
}

// Of few parameters more is less.
std::vector<std::string> weaker_values(std::string_view parameter, const std::string& value) {
  const auto number = parse_number(value);
  if (parameter != "bytes_per_second") return steps_to(number ? "0" : "0s", value);
  std::vector<std::string> values;
  for (const std::int64_t times : {10, 2}) {
    std::int64_t more = 0;
    if (number && !__builtin_mul_overflow(*number, times, &more)) values.push_back(fmt::format("{}", more));
  }
  return values;
}

// As the kind has it, where nothing is said, is the simplest.
Candidates weaker(const Plan& plan, std::size_t index) {
  Candidates candidates;
  const Fault& fault = plan.faults[index];
  for (const auto& [name, value] : fault.parameters) {
    Fault changed = fault;
    changed.parameters.erase(name);
    add_changed(candidates, plan, index, changed);
    if (!parse_number(value) && !parse_duration(value)) continue;
    for (std::string& weaker_value : weaker_values(name, value)) {
      changed.parameters.insert_or_assign(name, std::move(weaker_value));
      add_changed(candidates, plan, index, changed);
    }
  }
  return candidates;
}

Candidates on_fewer_hosts(const Plan& plan, std::size_t index) {
  Candidates candidates;
  const Fault& fault = plan.faults[index];
  // An action of the scenario cannot say that it wants one.
  if (fault.where.size() < 2 && find_kind(fault.what) == nullptr) return candidates;
  for (std::size_t host = 0; host < fault.where.size(); ++host) {
    Fault changed = fault;
    changed.where.erase(changed.where.begin() + static_cast<std::ptrdiff_t>(host));
    add_changed(candidates, plan, index, changed);
  }
  return candidates;
}

Candidates earlier(const Plan& plan, std::size_t index) {
  Candidates candidates;
  const Fault& fault = plan.faults[index];
  // It and all behind it, so that what lies between them stays as long as it is.
  const base::Duration before = index == 0 ? base::Duration::zero() : plan.faults[index - 1].at;
  for (const base::Duration gap : steps_to(base::Duration::zero(), fault.at - before)) {
    Plan& candidate = candidates.emplace_back(plan);
    const base::Duration by = fault.at - before - gap;
    for (std::size_t i = index; i < candidate.faults.size(); ++i) candidate.faults[i].at -= by;
    candidate.sort();
  }
  for (const base::Duration at : steps_to(base::Duration::zero(), fault.at)) {
    Fault changed = fault;
    changed.at = at;
    add_changed(candidates, plan, index, changed);
  }
  return candidates;
}

// "server12" is 12 of "server"; empty where there is no number.
struct NumberedName {
  std::string stem;
  std::uint64_t number;
};
std::optional<NumberedName> numbered(const std::string& host) {
  const std::size_t last = host.find_last_not_of("0123456789");
  const std::size_t stem = last == host.npos ? 0 : last + 1;
  const auto number = parse_number(std::string_view(host).substr(stem));
  if (stem == host.size() || host.size() - stem > 4 || !number) return std::nullopt;
  return NumberedName{host.substr(0, stem), static_cast<std::uint64_t>(*number)};
}

// With the first hosts of their name, so that the scenario can do with fewer of them.
Candidates on_first_hosts(const Plan& plan) {
  std::set<std::string> used;
  for (const Fault& fault : plan.faults) used.insert(fault.where.begin(), fault.where.end());
  Candidates candidates;
  for (const std::string& host : used) {
    const auto name = numbered(host);
    if (!name) continue;
    for (std::uint64_t number = 0; number < name->number; ++number) {
      const std::string other = fmt::format("{}{}", name->stem, number);
      if (used.contains(other)) continue;
      Plan& candidate = candidates.emplace_back(plan);
      for (Fault& fault : candidate.faults) std::ranges::replace(fault.where, host, other);
    }
  }
  return candidates;
}

Candidates with_simpler(const Plan& plan, const Knob& knob) {
  Candidates candidates;
  const auto set = plan.settings.find(knob.name);
  const std::string& value = set == plan.settings.end() ? knob.value : set->second;
  for (std::string& step : steps_to(knob.simplest, value)) {
    candidates.emplace_back(plan).settings.insert_or_assign(knob.name, std::move(step));
  }
  return candidates;
}

// --- The search ---------------------------------------------------------------------------------------------------------

class Search {
 public:
  Search(Failing failing, Trials& trials) : best_(std::move(failing)), trials_(trials) { drop_unused_settings(); }

  Failing run() {
    bool got_smaller = true;
    while (got_smaller && trials_.go_on()) {
      got_smaller = remove_faults();
      got_smaller |= simplify_all_settings();
      got_smaller |= simplify_faults();
      got_smaller |= simplify_settings();
    }
    return std::move(best_);
  }

 private:
  // The first of `candidates` that fails is the best from here on. A plan is tried once, whichever way leads to it.
  bool accept_one(Candidates candidates) {
    std::erase_if(candidates, [this](const Plan& plan) { return !tried_.insert(plan.to_string()).second; });
    if (candidates.empty() || !trials_.go_on()) return false;
    std::optional<Failing> smaller = trials_.first_failing(candidates);
    if (!smaller) return false;
    best_ = std::move(*smaller);
    drop_unused_settings();
    trials_.on_smaller(best_);
    return true;
  }
  // As long as one of what `candidates` makes of the best fails.
  template <class MakeCandidates>
  bool accept_all(const MakeCandidates& candidates) {
    bool got_smaller = false;
    while (accept_one(candidates())) got_smaller = true;
    return got_smaller;
  }

  void drop_unused_settings() {
    std::erase_if(best_.plan.settings, [this](const auto& setting) {
      return std::ranges::find(best_.knobs, setting.first, &Knob::name) == best_.knobs.end();
    });
  }

  bool remove_faults() {
    bool got_smaller = false;
    std::size_t chunk = best_.plan.faults.size();
    while (chunk > 0) {
      const bool removed_one = accept_one(without_chunks(chunk));
      got_smaller |= removed_one;
      if (!removed_one) chunk /= 2;
      chunk = std::min(chunk, best_.plan.faults.size());
    }
    return got_smaller;
  }
  // Later faults first: what happens behind the failure does nothing for it.
  Candidates without_chunks(std::size_t chunk) const {
    Candidates candidates;
    const std::size_t count = best_.plan.faults.size();
    for (std::size_t end = count; end > 0; end -= std::min(chunk, end)) {
      const std::size_t begin = end - std::min(chunk, end);
      candidates.push_back(without(best_.plan, begin, end - begin));
    }
    return candidates;
  }

  bool simplify_all_settings() {
    Plan plan = best_.plan;
    for (const Knob& knob : best_.knobs) plan.settings.insert_or_assign(knob.name, knob.simplest);
    return plan != best_.plan && accept_one({plan});
  }
  bool simplify_settings() {
    bool got_smaller = false;
    for (std::size_t i = 0; i < best_.knobs.size(); ++i) {
      got_smaller |=
          accept_all([this, i] { return i < best_.knobs.size() ? with_simpler(best_.plan, best_.knobs[i]) : Candidates(); });
    }
    return got_smaller;
  }

  bool simplify_faults() {
    bool got_smaller = false;
    for (const auto simpler : {&shorter, &weaker, &on_fewer_hosts, &earlier}) {
      for (std::size_t i = 0; i < best_.plan.faults.size(); ++i) {
        got_smaller |=
            accept_all([this, simpler, i] { return i < best_.plan.faults.size() ? simpler(best_.plan, i) : Candidates(); });
      }
    }
    got_smaller |= accept_all([this] { return on_first_hosts(best_.plan); });
    return got_smaller;
  }

  Failing best_;
  Trials& trials_;
  std::set<std::string> tried_;
};

}  // namespace

std::optional<Failing> TrialsOf::first_failing(const std::vector<Plan>& candidates) {
  for (const Plan& plan : candidates) {
    ++runs_;
    if (!fails_(plan)) continue;
    Failing failing{plan, knobs_};
    for (Knob& knob : failing.knobs) {
      if (const auto set = plan.settings.find(knob.name); set != plan.settings.end()) knob.value = set->second;
    }
    return failing;
  }
  return std::nullopt;
}

Failing minimise(Failing failing, Trials& trials) { return Search(std::move(failing), trials).run(); }

std::vector<Plan> simpler_plans(const Plan& plan) {
  Candidates candidates;
  const std::size_t count = plan.faults.size();
  for (std::size_t chunk = count; chunk > 0; chunk /= 2) {
    for (std::size_t begin = 0; begin < count; begin += chunk) candidates.push_back(without(plan, begin, chunk));
  }
  for (const auto simpler : {&shorter, &weaker, &on_fewer_hosts, &earlier}) {
    for (std::size_t i = 0; i < count; ++i) {
      Candidates more = simpler(plan, i);
      candidates.insert(candidates.end(), std::move_iterator(more.begin()), std::move_iterator(more.end()));
    }
  }
  return candidates;
}

}  // namespace razor::faults
