// slow_link: what goes between hosts takes longer, by a fixed time.

#include "faults/kinds/kinds.h"
#include "faults/kinds/links.h"
#include "faults/kinds/rule_fault.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class SlowLinks final : public RuleFault {
 public:
  SlowLinks(const Fault& fault, const FaultContext& context)
      : RuleFault(context.world), links_(fault, context.world), latency_(fault.duration_of("latency", {})) {}

 private:
  base::Duration delay(const sim::Host& from, const sim::Host& to, std::size_t) override {
    if (!links_.covers(from, to)) return {};
    act();
    return latency_;
  }

  const Links links_;
  const base::Duration latency_;
};

class SlowLink final : public FaultKind {
 public:
  std::string_view name() const override { return "slow_link"; }
  std::string_view help() const override {
    return "slow_link HOST [HOST] for TIME latency=TIME [way=both|there|back]: what goes there takes so much longer";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (!Links::draw(fault, draw)) return false;
    fault.lasts = draw.duration(100ms, 60s);
    fault.set("latency", draw.duration(1ms, 5s));
    return true;
  }
  std::string check(const Fault& fault) const override {
    Check check(fault);
    return Links::check(check).lasts().required("latency").duration("latency", 1ns, 10min).wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<SlowLinks>(fault, context);
  }
};

}  // namespace

const FaultKind& slow_link_kind() {
  static const SlowLink kind;
  return kind;
}

}  // namespace razor::faults
