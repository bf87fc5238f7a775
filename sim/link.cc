#include "sim/link.h"

namespace razor::sim {

void Link::cut() {
  if (is_cut_) return;
  is_cut_ = true;
  engine_.occurred(What::cut, number_, 0);
}

void Link::heal() {
  if (!is_cut_) return;
  is_cut_ = false;
  healed_at_ = engine_.now();
  engine_.occurred(What::healed, number_, 0);
}

}  // namespace razor::sim
