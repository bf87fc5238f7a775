// slow_accept: a host takes its time to accept connections.

#include "faults/kinds/check.h"
#include "faults/kinds/kinds.h"
#include "faults/kinds/rule_fault.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class SlowAccepts final : public RuleFault {
 public:
  SlowAccepts(const Fault& fault, const FaultContext& context)
      : RuleFault(context.world), host_(context.world.host(fault.where.front())), delay_(fault.duration_of("delay", {})) {}

 private:
  sim::AcceptFault on_accept(const sim::Host& host) override {
    if (&host != &host_) return {};
    act();
    return {.delay = delay_, .error = {}};
  }

  const sim::Host& host_;
  const base::Duration delay_;
};

class SlowAccept final : public FaultKind {
 public:
  std::string_view name() const override { return "slow_accept"; }
  std::string_view help() const override {
    return "slow_accept HOST for TIME delay=TIME: each accept of a waiting connection takes so long";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (draw.roles.servers.empty()) return false;
    fault.where = {draw.server()};
    fault.lasts = draw.duration(100ms, 60s);
    fault.set("delay", draw.duration(1ms, 5s));
    return true;
  }
  std::string check(const Fault& fault) const override {
    return Check(fault).hosts(1).lasts().required("delay").duration("delay", 1ns, 10min).wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<SlowAccepts>(fault, context);
  }
};

}  // namespace

const FaultKind& slow_accept_kind() {
  static const SlowAccept kind;
  return kind;
}

}  // namespace razor::faults
