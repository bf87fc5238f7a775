// reset: both ends of connections between two hosts see a reset.

#include "faults/kinds/broken_connections.h"
#include "faults/kinds/kinds.h"

namespace razor::faults {
namespace {

class Reset final : public FaultKind {
 public:
  std::string_view name() const override { return "reset"; }
  std::string_view help() const override {
    return "reset HOST HOST [for TIME byte=N] [connections=all|one]: both ends of their connections see a reset; with "
           "byte=N, when one end's N next bytes have arrived";
  }
  std::string_view lacks(const Roles& roles) const override { return lacks_callers(roles); }
  bool draw(Fault& fault, Draw& draw) const override { return BrokenConnections::draw(fault, draw); }
  std::string check(const Fault& fault) const override { return BrokenConnections::check(fault); }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<BrokenConnections>(fault, context, &sim::Fabric::reset);
  }
};

}  // namespace

const FaultKind& reset_kind() {
  static const Reset kind;
  return kind;
}

}  // namespace razor::faults
