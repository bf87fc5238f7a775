// handler_delay: the user's handlers start later.

#include "faults/kinds/handler_fault.h"
#include "faults/kinds/kinds.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class DelayedHandlers final : public HandlerFault {
 public:
  DelayedHandlers(const Fault& fault, const FaultContext& context)
      : HandlerFault(fault, context), delay_(fault.duration_of("delay", {})) {}

 private:
  bool change(runtime::HandlerFault& trouble) override {
    trouble.delay += delay_;
    return true;
  }

  const base::Duration delay_;
};

class HandlerDelay final : public FaultKind {
 public:
  std::string_view name() const override { return "handler_delay"; }
  std::string_view help() const override {
    return "handler_delay HOST for TIME delay=TIME [one_in=N]: "
           "the handlers of one in N requests (1) start so much later there";
  }
  std::string_view lacks(const Roles& roles) const override { return lacks_own_servers(roles); }
  bool draw(Fault& fault, Draw& draw) const override {
    if (!HandlerFault::draw(fault, draw)) return false;
    fault.set("delay", draw.duration(1ms, 60s));
    return true;
  }
  std::string check(const Fault& fault) const override {
    Check check(fault);
    return HandlerFault::check(check).required("delay").duration("delay", 1ns, 24h).wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<DelayedHandlers>(fault, context);
  }
};

}  // namespace

const FaultKind& handler_delay_kind() {
  static const HandlerDelay kind;
  return kind;
}

}  // namespace razor::faults
