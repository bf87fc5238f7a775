#pragma once
// HandlerFault: trouble that the handlers of a host have: one in N requests.

#include "faults/handler_trouble.h"
#include "faults/kinds/check.h"
#include "faults/fault_kind.h"
#include "sim/world.h"

namespace razor::faults {

class HandlerFault : public ActiveFault, private TroubleMaker {
 public:
  HandlerFault(const Fault& fault, const Stage& stage)
      : fabric_(stage.world.fabric()),
        host_(stage.world.host(fault.where.front())),
        one_in_(static_cast<std::uint64_t>(fault.number_of("one_in", 1))),
        random_(stage.random) {
    fabric_.add_rule(*this);
  }
  ~HandlerFault() override { fabric_.remove_rule(*this); }

  /// A server, a while, and one_in.
  static bool draw(Fault& fault, Draw& draw) {
    using namespace std::chrono_literals;
    if (draw.cast.servers.empty()) return false;
    fault.where = {draw.server()};
    fault.lasts = draw.duration(100ms, 60s);
    fault.set("one_in", std::int64_t{64} >> draw.number(0, 6));
    return true;
  }
  static Check& check(Check& check) { return check.hosts(1).lasts().number("one_in", 1, 1'000'000'000); }

 protected:
  /// What the kind does to one request. False: it changed nothing.
  virtual bool change(HandlerTrouble& trouble) = 0;

 private:
  void add_to(HandlerTrouble& trouble, const sim::Host& host) final {
    if (&host == &host_ && random_.one_in(one_in_) && change(trouble)) act();
  }

  sim::Fabric& fabric_;
  const sim::Host& host_;
  const std::uint64_t one_in_;
  base::RandomStream random_;
};

}  // namespace razor::faults
