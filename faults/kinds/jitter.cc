// jitter: what goes between hosts takes longer, each time by another time.

#include "faults/kinds/kinds.h"
#include "faults/kinds/links.h"
#include "faults/kinds/rule_fault.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

sim::Latency latency_of(const Fault& fault) {
  using Shape = sim::Latency::Shape;
  const std::string_view shape = fault.word_of("shape", "uniform");
  const base::Duration spread = fault.duration_of("spread", {});
  if (shape == "exponential") return {{}, spread, Shape::exponential};
  if (shape == "long_tail") return {{}, spread, Shape::long_tail};
  return {{}, spread, Shape::uniform};
}

class JitteryLinks final : public RuleFault {
 public:
  JitteryLinks(const Fault& fault, const FaultContext& context)
      : RuleFault(context.world), links_(fault, context.world), latency_(latency_of(fault)), random_(context.random) {}

 private:
  base::Duration delay(const sim::Host& from, const sim::Host& to, std::size_t) override {
    if (!links_.covers(from, to)) return {};
    const base::Duration drawn = latency_.draw(random_);
    if (drawn > base::Duration::zero()) act();
    return drawn;
  }

  const Links links_;
  const sim::Latency latency_;
  base::RandomStream random_;
};

class Jitter final : public FaultKind {
 public:
  std::string_view name() const override { return "jitter"; }
  std::string_view help() const override {
    return "jitter HOST [HOST] for TIME spread=TIME [shape=uniform|exponential|long_tail] [way=both|there|back]: what goes "
           "there takes longer, by times that are drawn";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (!Links::draw(fault, draw)) return false;
    fault.lasts = draw.duration(100ms, 60s);
    fault.set("spread", draw.duration(1ms, 1s));
    constexpr std::string_view kShapes[] = {"uniform", "exponential", "long_tail"};
    fault.set("shape", kShapes[draw.random.below(3)]);
    return true;
  }
  std::string check(const Fault& fault) const override {
    Check check(fault);
    return Links::check(check)
        .lasts()
        .required("spread")
        .duration("spread", 1ns, 1min)
        .word("shape", {"uniform", "exponential", "long_tail"})
        .wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<JitteryLinks>(fault, context);
  }
};

}  // namespace

const FaultKind& jitter_kind() {
  static const Jitter kind;
  return kind;
}

}  // namespace razor::faults
