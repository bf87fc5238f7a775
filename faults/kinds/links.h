#pragma once
// Links: those between hosts that a fault names. Two hosts: between these; one: between it and all others. `way=there`: only
// from the first (to the second), `way=back`: only to it.

#include "faults/fault_kind.h"
#include "faults/kinds/check.h"
#include "sim/world.h"

namespace razor::faults {

class Links {
 public:
  /// The hosts are there.
  Links(const Fault& fault, sim::World& world);

  bool covers(const sim::Host& from, const sim::Host& to) const {
    return (forward_ && leads(from, to)) || (reverse_ && leads(to, from));
  }

  /// What such a fault is checked for.
  static Check& check(Check& check) { return check.hosts(1, 2).word("way", {"both", "there", "back"}); }
  /// A caller and a server, a server alone, or the like; one way once in a while. False: nobody is there.
  static bool draw(Fault& fault, Draw& draw);

 private:
  bool leads(const sim::Host& from, const sim::Host& to) const {
    return &from == first_ && &to != first_ && (second_ == nullptr || &to == second_);
  }

  const sim::Host* first_;
  const sim::Host* second_ = nullptr;
  bool forward_;
  bool reverse_;
};

/// Two hosts that talk to each other, most often; false when there are none.
bool draw_pair(Fault& fault, Draw& draw);

}  // namespace razor::faults
