#pragma once
// ConnectFault: what connects to a host meet instead of it. The first host is asked; the others ask it, or anybody does.

#include <vector>

#include "faults/kinds/check.h"
#include "faults/kinds/rule_fault.h"

namespace razor::faults {

class ConnectFault final : public RuleFault {
 public:
  ConnectFault(const Fault& fault, const FaultContext& context, sim::ConnectVerdict verdict);

  static bool draw(Fault& fault, Draw& draw);
  static std::string check(const Fault& fault);

 private:
  sim::ConnectVerdict on_connect(const sim::Connecting& connecting) override;

  const sim::ConnectVerdict verdict_;
  std::vector<const sim::Host*> hosts_;
  const std::uint64_t one_in_;
  base::RandomStream random_;
};

}  // namespace razor::faults
