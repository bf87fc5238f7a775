#pragma once
// CutFault: links that are cut for a while, and what is lost on them.

#include <vector>

#include "faults/conditions.h"
#include "faults/kinds/rule_fault.h"

namespace razor::faults {

class CutFault : public RuleFault {
 public:
  explicit CutFault(const FaultContext& context)
      : RuleFault(context.world), world_(context.world), conditions_(context.conditions) {}

  void cut(const sim::Host& from, const sim::Host& to);
  void cut_both_ways(const sim::Host& one, const sim::Host& other) {
    cut(one, other);
    cut(other, one);
  }
  void heal(const sim::Host& from, const sim::Host& to);
  void heal_both_ways(const sim::Host& one, const sim::Host& other) {
    heal(one, other);
    heal(other, one);
  }
  void end() override;

 private:
  struct CutLink {
    const sim::Host* from;
    const sim::Host* to;
    base::TimePoint since;  // what left before is lost without us
    Conditions::Hold held;
  };

  void on_lost(const sim::Loss& loss) override;
  void heal(CutLink& link);

  sim::World& world_;
  Conditions& conditions_;
  std::vector<CutLink> links_;
};

}  // namespace razor::faults
