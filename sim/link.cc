#include "sim/link.h"

#include "sim/host.h"

namespace razor::sim {

Link::Link(Engine& engine, const Host& from, const Host& to, const LinkConfig& config, RandomStream random,
           const std::vector<Rule*>& rules)
    : engine_(engine),
      from_(from),
      to_(to),
      rules_(rules),
      number_(from.number() << 32 | to.number()),
      config_(config),
      random_(random) {}

void Link::cut() {
  if (is_cut_) return;
  is_cut_ = true;
  engine_.occurred(EventKind::cut, number_, 0);
}

void Link::heal() {
  if (!is_cut_) return;
  is_cut_ = false;
  healed_at_ = engine_.now();
  engine_.occurred(EventKind::healed, number_, 0);
}

}  // namespace razor::sim
