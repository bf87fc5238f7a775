// handler_drop: requests are dropped without their handlers.

#include "faults/kinds/handler_fault.h"
#include "faults/kinds/kinds.h"

namespace razor::faults {
namespace {

class DroppingHandlers final : public HandlerFault {
 public:
  using HandlerFault::HandlerFault;

 private:
  bool change(runtime::HandlerFault& trouble) override { return !std::exchange(trouble.drops, true); }
};

class HandlerDrop final : public FaultKind {
 public:
  std::string_view name() const override { return "handler_drop"; }
  std::string_view help() const override {
    return "handler_drop HOST for TIME [one_in=N]: "
           "one in N requests (1) is dropped there without its handler, which a server answers with an internal error";
  }
  std::string_view lacks(const Roles& roles) const override { return lacks_own_servers(roles); }
  bool draw(Fault& fault, Draw& draw) const override { return HandlerFault::draw(fault, draw); }
  std::string check(const Fault& fault) const override {
    Check check(fault);
    return HandlerFault::check(check).wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<DroppingHandlers>(fault, context);
  }
};

}  // namespace

const FaultKind& handler_drop_kind() {
  static const HandlerDrop kind;
  return kind;
}

}  // namespace razor::faults
