// refuse_connects: connects to a host are refused, as if nobody listened.

#include "faults/kinds/connect_fault.h"
#include "faults/kinds/kinds.h"
#include "faults/kinds/new_connections.h"

namespace razor::faults {
namespace {

class RefuseConnects final : public FaultKind {
 public:
  std::string_view name() const override { return "refuse_connects"; }
  std::string_view help() const override {
    return "refuse_connects HOST [FROM ...] for TIME [one_in=N]: one in N connects there is refused, of those "
           "named behind it or of all";
  }
  bool draw(Fault& fault, Draw& draw) const override { return ConnectFault::draw(fault, draw); }
  bool draw_partner(const Fault& fault, Fault& partner, Draw& draw) const override {
    return draw_reset_within(fault, partner, draw);
  }
  std::string check(const Fault& fault) const override { return ConnectFault::check(fault); }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<ConnectFault>(fault, context, sim::ConnectVerdict::refuse);
  }
};

}  // namespace

const FaultKind& refuse_connects_kind() {
  static const RefuseConnects kind;
  return kind;
}

}  // namespace razor::faults
