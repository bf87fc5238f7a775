#pragma once
// RuleFault: a fault that is a rule of the network while it is at work.

#include "faults/fault_kind.h"
#include "sim/rule.h"
#include "sim/world.h"

namespace razor::faults {

class RuleFault : public ActiveFault, protected sim::Rule {
 public:
  explicit RuleFault(sim::World& world) : fabric_(world.fabric()) { fabric_.add_rule(*this); }
  ~RuleFault() override { fabric_.remove_rule(*this); }

 protected:
  sim::Fabric& fabric() { return fabric_; }

 private:
  sim::Fabric& fabric_;
};

}  // namespace razor::faults
