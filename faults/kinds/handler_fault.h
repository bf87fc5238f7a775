#pragma once
// HandlerFault: what goes wrong with one in N requests of a host, in place of its handlers or before them. Servers of the
// library ask for it by themselves (runtime/handler_fault.h).

#include "faults/kinds/check.h"
#include "faults/kinds/rule_fault.h"

namespace razor::faults {

class HandlerFault : public RuleFault {
 public:
  HandlerFault(const Fault& fault, const FaultContext& context)
      : RuleFault(context.world),
        host_(context.world.host(fault.where.front())),
        one_in_(static_cast<std::uint64_t>(fault.number_of("one_in", 1))),
        random_(context.random) {}

  /// A server, a while, and one_in.
  static bool draw(Fault& fault, Draw& draw) {
    using namespace std::chrono_literals;
    if (!lacks_own_servers(draw.roles).empty()) return false;
    fault.where = {draw.own_server()};
    // Long and often enough to meet some of what a few callers ask.
    fault.lasts = draw.duration(2s, 60s);
    fault.set("one_in", std::int64_t{8} >> draw.number(0, 3));
    return true;
  }
  static Check& check(Check& check) { return check.hosts(1).lasts().number("one_in", 1, 1'000'000'000); }

 protected:
  /// What the kind does to one request. False: it changed nothing.
  virtual bool change(runtime::HandlerFault& trouble) = 0;

 private:
  void on_request(const sim::Host& host, runtime::HandlerFault& trouble) final {
    if (&host == &host_ && random_.one_in(one_in_) && change(trouble)) act();
  }

  const sim::Host& host_;
  const std::uint64_t one_in_;
  base::RandomStream random_;
};

}  // namespace razor::faults
