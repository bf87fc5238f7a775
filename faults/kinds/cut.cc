// cut: nothing gets through between two hosts, or only one way.

#include "faults/kinds/cut_fault.h"
#include "faults/kinds/kinds.h"
#include "faults/kinds/links.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class Cut final : public FaultKind {
 public:
  std::string_view name() const override { return "cut"; }
  std::string_view help() const override {
    return "cut HOST [HOST] for TIME [way=both|there|back]: nothing gets through between two hosts, or one and all others";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (!Links::draw(fault, draw)) return false;
    fault.lasts = draw.duration(10ms, 60s);
    return true;
  }
  std::string check(const Fault& fault) const override {
    Check check(fault);
    return Links::check(check).lasts().wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    const Links links(fault, context.world);
    auto cut = std::make_unique<CutFault>(context);
    for (const auto& from : context.world.fabric().hosts()) {
      for (const auto& to : context.world.fabric().hosts()) {
        if (links.covers(*from, *to)) cut->cut(*from, *to);
      }
    }
    return cut;
  }
};

}  // namespace

const FaultKind& cut_kind() {
  static const Cut kind;
  return kind;
}

}  // namespace razor::faults
