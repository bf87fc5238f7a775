#include "faults/kinds/cut_fault.h"

#include <algorithm>

namespace razor::faults {

void CutFault::cut(const sim::Host& from, const sim::Host& to) {
  const base::TimePoint since = fabric().link(from, to).healed_at();
  ways_.push_back({&from, &to, since, conditions_.cut(from, to)});
}

void CutFault::on_lost(const sim::Loss& loss) {
  if (loss.cause != sim::LossCause::cut) return;
  const bool is_ours = std::ranges::any_of(ways_, [&loss](const Way& way) {
    return way.from == &loss.from && way.to == &loss.to && loss.sent_at >= way.since;
  });
  if (is_ours) act();
}

void CutFault::heal(Way& way) {
  if (!fabric().link(*way.from, *way.to).is_cut()) return;  // somebody else has healed all: nothing is lost by us any more
  way.held.end();
  // What is still under way will be lost when it comes, because of us, unless the way stays cut because of others.
  if (fabric().link(*way.from, *way.to).is_cut()) return;
  act(fabric().under_way(*way.from, *way.to, way.since, world_.now()));
}

void CutFault::heal(const sim::Host& from, const sim::Host& to) {
  const auto way = std::ranges::find_if(ways_, [&](const Way& one) { return one.from == &from && one.to == &to; });
  if (way == ways_.end()) return;
  heal(*way);
  ways_.erase(way);
}

void CutFault::end() {
  for (Way& way : ways_) heal(way);
  ways_.clear();
}

}  // namespace razor::faults
