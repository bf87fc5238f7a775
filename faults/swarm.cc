#include "faults/swarm.h"

#include <algorithm>

namespace razor::faults {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

// One kind in so many is on.
constexpr std::uint64_t kOnOneIn = 3;
// Of those that are on, one in so many is extreme.
constexpr std::uint64_t kExtremeOneIn = 6;
// In ten minutes. An extreme kind has up to four times as many.
constexpr std::int64_t kFaultsMax = 20;
// Where faults come in bursts, so many moments they gather around.
constexpr std::uint64_t kBurstsMax = 6;

// When faults happen: anywhere, or around a few moments of the run.
struct Rhythm {
  base::Duration span;
  std::vector<base::Duration> bursts;

  base::Duration draw(base::RandomStream& random) const {
    const base::Duration anywhere = random.between(milliseconds(0), span);
    if (bursts.empty()) return anywhere;
    return bursts[random.below(bursts.size())] + anywhere / 200;
  }
};

Rhythm draw_rhythm(base::RandomStream random, base::Duration span) {
  Rhythm rhythm{span, {}};
  if (!random.one_in(3)) return rhythm;
  const std::uint64_t count = 1 + random.below(kBurstsMax);
  for (std::uint64_t i = 0; i < count; ++i) rhythm.bursts.push_back(random.between(milliseconds(0), span));
  return rhythm;
}

base::Duration in_milliseconds(base::Duration span) { return span / milliseconds(1) * milliseconds(1); }

// How hard a kind is in this run, and how often; 0: not at all.
struct Measure {
  int hardness = 1;
  std::int64_t count = 0;
};

Measure draw_measure(base::RandomStream& random, base::Duration span) {
  if (!random.one_in(kOnOneIn)) return {};
  const bool extreme = random.one_in(kExtremeOneIn);
  Measure measure;
  measure.hardness = extreme ? 100 : 1 + static_cast<int>(random.below(60));
  const std::int64_t most = std::max<std::int64_t>(1, kFaultsMax * span / minutes(10));
  const std::int64_t least = std::max<std::int64_t>(1, most / 2);
  measure.count = least + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most - least + 1)));
  if (extreme && random.one_in(2)) measure.count *= 4;
  return measure;
}

// Within the span, so that what it does is over when the run heals.
void place(Fault& fault, const Rhythm& rhythm, base::RandomStream& random) {
  fault.lasts = std::min(fault.lasts, in_milliseconds(rhythm.span));
  const base::Duration last = rhythm.span - fault.lasts;
  fault.at = in_milliseconds(std::clamp(rhythm.draw(random), base::Duration::zero(), last));
}

// As many as the measure says; `fill` gives each all but its name and its time, and says whether there is one. `fill_partner`
// likewise gives what is drawn together with a fault that has its time.
template <class Fill, class FillPartner>
void draw_some(Plan& plan, std::string_view what, const Rhythm& rhythm, base::RandomStream& random, Fill&& fill,
               FillPartner&& fill_partner) {
  const Measure measure = draw_measure(random, rhythm.span);
  for (std::int64_t i = 0; i < measure.count; ++i) {
    Fault fault;
    fault.what = what;
    if (!fill(fault, measure.hardness)) return;
    place(fault, rhythm, random);
    Fault partner;
    const bool has_partner = fill_partner(fault, partner, measure.hardness);
    plan.faults.push_back(std::move(fault));
    if (has_partner) plan.faults.push_back(std::move(partner));
  }
}

}  // namespace

std::vector<Fault> draw_faults(const sim::Seed& seed, const Swarm& swarm) {
  const sim::Seed swarm_seed = seed.of("swarm");
  const Rhythm rhythm = draw_rhythm(swarm_seed.stream("rhythm"), swarm.span);
  Plan plan;
  for (const FaultKind* kind : swarm.kinds) {
    if (!kind->lacks(swarm.roles).empty()) continue;
    base::RandomStream random = swarm_seed.of("kind").stream(kind->name());
    draw_some(
        plan, kind->name(), rhythm, random,
        [&](Fault& fault, int hardness) {
          Draw draw{swarm.roles, random, hardness, swarm.span};
          return kind->draw(fault, draw);
        },
        [&](const Fault& fault, Fault& partner, int hardness) {
          Draw draw{swarm.roles, random, hardness, swarm.span};
          return kind->draw_partner(fault, partner, draw) &&
                 std::ranges::find(swarm.kinds, partner.what, &FaultKind::name) != swarm.kinds.end();
        });
  }
  for (const auto& [name, action] : swarm.actions) {
    if (action.where.empty()) continue;
    base::RandomStream random = swarm_seed.of("action").stream(name);
    draw_some(
        plan, name, rhythm, random,
        [&](Fault& fault, int) {
          fault.where = {action.where[random.below(action.where.size())]};
          return true;
        },
        [](const Fault&, Fault&, int) { return false; });
  }
  const auto number_all = [&plan] {
    std::uint32_t number = 0;
    for (Fault& fault : plan.faults) fault.number = ++number;
  };
  number_all();
  plan.sort();  // at the same time in the order they were drawn
  number_all();
  return std::move(plan.faults);
}

}  // namespace razor::faults
