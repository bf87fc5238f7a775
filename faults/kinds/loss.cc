// loss: some segments between hosts are lost, and sent again by the sender's system.

#include "faults/kinds/kinds.h"
#include "faults/kinds/links.h"
#include "faults/kinds/rule_fault.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class LossyLinks final : public RuleFault {
 public:
  LossyLinks(const Fault& fault, const FaultContext& context)
      : RuleFault(context.world),
        links_(fault, context.world),
        one_in_(static_cast<std::uint64_t>(fault.number_of("one_in", 1))),
        random_(context.random) {}

 private:
  void on_segment(sim::Segment& segment) override {
    if (segment.is_lost || !links_.covers(segment.from, segment.to) || !random_.one_in(one_in_)) return;
    segment.is_lost = true;
    act();
  }

  const Links links_;
  const std::uint64_t one_in_;
  base::RandomStream random_;
};

class LossOnLinks final : public FaultKind {
 public:
  std::string_view name() const override { return "loss"; }
  std::string_view help() const override {
    return "loss HOST [HOST] for TIME [one_in=N] [way=both|there|back]: one in N segments (all) has to be sent twice";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (!Links::draw(fault, draw)) return false;
    fault.lasts = draw.duration(100ms, 60s);
    fault.set("one_in", std::int64_t{1'024} >> draw.number(0, 10));
    return true;
  }
  std::string check(const Fault& fault) const override {
    Check check(fault);
    return Links::check(check).lasts().number("one_in", 1, 1'000'000'000).wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<LossyLinks>(fault, context);
  }
};

}  // namespace

const FaultKind& loss_kind() {
  static const LossOnLinks kind;
  return kind;
}

}  // namespace razor::faults
