// loss: some segments between hosts are lost, and sent again by the sender's system.

#include "faults/kinds/kinds.h"
#include "faults/kinds/rule_fault.h"
#include "faults/kinds/ways.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class LossyWays final : public RuleFault {
 public:
  LossyWays(const Fault& fault, const Stage& stage)
      : RuleFault(stage.world),
        ways_(fault, stage.world),
        one_in_(static_cast<std::uint64_t>(fault.number_of("one_in", 1))),
        random_(stage.random) {}

 private:
  void on_segment(sim::Passing& segment) override {
    if (segment.is_lost || !ways_.covers(segment.from, segment.to) || !random_.one_in(one_in_)) return;
    segment.is_lost = true;
    act();
  }

  const Ways ways_;
  const std::uint64_t one_in_;
  base::RandomStream random_;
};

class LossOnWays final : public FaultKind {
 public:
  std::string_view name() const override { return "loss"; }
  std::string_view help() const override {
    return "loss HOST [HOST] for TIME [one_in=N] [way=both|there|back]: one in N segments (all) has to be sent twice";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (!Ways::draw(fault, draw)) return false;
    fault.lasts = draw.duration(100ms, 60s);
    fault.set("one_in", std::int64_t{1'024} >> draw.number(0, 10));
    return true;
  }
  std::string check(const Fault& fault) const override {
    Check check(fault);
    return Ways::check(check).lasts().number("one_in", 1, 1'000'000'000).wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, Stage stage) const override {
    return std::make_unique<LossyWays>(fault, stage);
  }
};

}  // namespace

const FaultKind& loss_kind() {
  static const LossOnWays kind;
  return kind;
}

}  // namespace razor::faults
