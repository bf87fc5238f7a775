// sever: connections between two hosts are lost in silence: nothing arrives on them any more, and nobody is told.
// Others go on. It does not heal: the ends have to find out.

#include "faults/kinds/broken_connections.h"
#include "faults/kinds/kinds.h"

namespace razor::faults {
namespace {

class Sever final : public FaultKind {
 public:
  std::string_view name() const override { return "sever"; }
  std::string_view help() const override {
    return "sever HOST HOST [for TIME byte=N] [connections=all|one]: their connections are lost in silence, for good; "
           "with byte=N, when one end's N next bytes have arrived";
  }
  std::string_view lacks(const Roles& roles) const override { return lacks_callers(roles); }
  bool draw(Fault& fault, Draw& draw) const override { return BrokenConnections::draw(fault, draw); }
  std::string check(const Fault& fault) const override { return BrokenConnections::check(fault); }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<BrokenConnections>(fault, context, &sim::Fabric::sever);
  }
};

}  // namespace

const FaultKind& sever_kind() {
  static const Sever kind;
  return kind;
}

}  // namespace razor::faults
