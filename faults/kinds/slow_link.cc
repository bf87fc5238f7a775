// slow_link: what goes between hosts takes longer, by a fixed time.

#include "faults/kinds/kinds.h"
#include "faults/kinds/rule_fault.h"
#include "faults/kinds/ways.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class SlowWays final : public RuleFault {
 public:
  SlowWays(const Fault& fault, const Stage& stage)
      : RuleFault(stage.world), ways_(fault, stage.world), latency_(fault.duration_of("latency", {})) {}

 private:
  base::Duration delay(const sim::Host& from, const sim::Host& to, std::size_t) override {
    if (!ways_.covers(from, to)) return {};
    act();
    return latency_;
  }

  const Ways ways_;
  const base::Duration latency_;
};

class SlowLink final : public FaultKind {
 public:
  std::string_view name() const override { return "slow_link"; }
  std::string_view help() const override {
    return "slow_link HOST [HOST] for TIME latency=TIME [way=both|there|back]: what goes there takes so much longer";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (!Ways::draw(fault, draw)) return false;
    fault.lasts = draw.duration(100ms, 60s);
    fault.set("latency", draw.duration(1ms, 5s));
    return true;
  }
  std::string check(const Fault& fault) const override {
    Check check(fault);
    return Ways::check(check).lasts().required("latency").duration("latency", 1ns, 10min).wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, Stage stage) const override {
    return std::make_unique<SlowWays>(fault, stage);
  }
};

}  // namespace

const FaultKind& slow_link_kind() {
  static const SlowLink kind;
  return kind;
}

}  // namespace razor::faults
