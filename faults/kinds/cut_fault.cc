#include "faults/kinds/cut_fault.h"

#include <algorithm>

namespace razor::faults {

void CutFault::cut(const sim::Host& from, const sim::Host& to) {
  const base::TimePoint since = fabric().link(from, to).healed_at();
  links_.push_back({&from, &to, since, conditions_.cut(from, to)});
}

void CutFault::on_lost(const sim::Loss& loss) {
  if (loss.cause != sim::LossCause::cut) return;
  const bool is_ours = std::ranges::any_of(links_, [&loss](const CutLink& link) {
    return link.from == &loss.from && link.to == &loss.to && loss.sent_at >= link.since;
  });
  if (is_ours) act();
}

void CutFault::heal(CutLink& link) {
  if (!fabric().link(*link.from, *link.to).is_cut()) return;  // somebody else has healed all: nothing is lost by us any more
  link.held.end();
  // What is still under way will be lost when it comes, because of us, unless the link stays cut because of others.
  if (fabric().link(*link.from, *link.to).is_cut()) return;
  act(fabric().under_way(*link.from, *link.to, link.since, world_.now()));
}

void CutFault::heal(const sim::Host& from, const sim::Host& to) {
  const auto link = std::ranges::find_if(links_, [&](const CutLink& one) { return one.from == &from && one.to == &to; });
  if (link == links_.end()) return;
  heal(*link);
  links_.erase(link);
}

void CutFault::end() {
  for (CutLink& link : links_) heal(link);
  links_.clear();
}

}  // namespace razor::faults
