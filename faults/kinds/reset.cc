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
  std::string_view lacks(const Cast& cast) const override { return lacks_callers(cast); }
  bool draw(Fault& fault, Draw& draw) const override { return BrokenConnections::draw(fault, draw); }
  std::string check(const Fault& fault) const override { return BrokenConnections::check(fault); }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, Stage stage) const override {
    return std::make_unique<BrokenConnections>(fault, stage, &sim::Fabric::reset);
  }
};

}  // namespace

const FaultKind& reset_kind() {
  static const Reset kind;
  return kind;
}

}  // namespace razor::faults
