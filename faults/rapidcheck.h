#pragma once
// Plans for property tests with rapidcheck, which razor does not need: whoever includes this brings it.
//
//   rc::check("no money is lost", [] {
//     const faults::Plan plan = *faults::gen_plan({.servers = {"bank"}, .callers = {"shop"}}, 10s);
//     faults::set_given_plan(plan);
//     RC_ASSERT(sim::run_scenario("bank", 1).text() == "");
//   });
//
// What fails is shrunk as the minimiser does it: fewer faults first, then shorter, weaker and earlier ones.

#include <rapidcheck.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "faults/fault_kind.h"
#include "faults/minimise.h"

namespace razor::faults {

/// As in a file.
inline void showValue(const Plan& plan, std::ostream& out) { out << '\n' << plan.to_string(); }

namespace detail {

inline Plan draw_plan(const Roles& roles, base::Duration span, std::uint64_t faults_max, base::RandomStream random) {
  using std::chrono::milliseconds;
  Plan plan;
  const std::uint64_t count = random.below(faults_max + 1);
  const int hardness = 1 + static_cast<int>(random.below(100));
  // Few kinds at a time, so that one does not hide what another would show.
  const std::vector<const FaultKind*>& kinds = catalogue();
  std::vector<const FaultKind*> chosen;
  for (std::uint64_t left = 1 + random.below(4); left > 0; --left) chosen.push_back(kinds[random.below(kinds.size())]);
  for (std::uint64_t i = 0; i < count; ++i) {
    Fault fault;
    const FaultKind& kind = *chosen[random.below(chosen.size())];
    fault.what = kind.name();
    Draw draw{roles, random, hardness, span};
    if (!kind.lacks(draw.roles).empty() || !kind.draw(fault, draw)) continue;
    fault.lasts = std::min(fault.lasts, span);
    fault.at = random.between(base::Duration::zero(), span - fault.lasts) / milliseconds(1) * milliseconds(1);
    fault.number = static_cast<std::uint32_t>(plan.faults.size() + 1);
    plan.faults.push_back(std::move(fault));
  }
  plan.sort();
  return plan;
}

}  // namespace detail

/// Plans of faults that begin and end within `span`, drawn as kinds draw them: more of them as sizes grow, `faults_max` at the
/// nominal size. Roles without hosts give plans without faults.
inline rc::Gen<Plan> gen_plan(Roles roles, base::Duration span, std::uint64_t faults_max = 16) {
  return rc::Gen<Plan>([roles = std::move(roles), span, faults_max](const rc::Random& random, int size) {
    rc::Random draws = random;
    const auto most = 1 + faults_max * static_cast<std::uint64_t>(std::max(size, 0)) / rc::kNominalSize;
    return rc::shrinkable::shrinkRecur(
        detail::draw_plan(roles, span, std::min(most, faults_max), base::RandomStream(draws.next())),
        [](const Plan& plan) { return rc::seq::fromContainer(simpler_plans(plan)); });
  });
}

}  // namespace razor::faults
