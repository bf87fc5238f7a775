// handler_throw: requests end with an exception in place of their handlers.

#include "faults/kinds/handler_fault.h"
#include "faults/kinds/kinds.h"

namespace razor::faults {
namespace {

class ThrowingHandlers final : public HandlerFault {
 public:
  using HandlerFault::HandlerFault;

 private:
  bool change(runtime::HandlerFault& trouble) override { return !std::exchange(trouble.throws, true); }
};

class HandlerThrow final : public FaultKind {
 public:
  std::string_view name() const override { return "handler_throw"; }
  std::string_view help() const override {
    return "handler_throw HOST for TIME [one_in=N]: "
           "one in N requests (1) ends there with an exception in place of its handler";
  }
  std::string_view lacks(const Roles& roles) const override { return lacks_own_servers(roles); }
  bool draw(Fault& fault, Draw& draw) const override { return HandlerFault::draw(fault, draw); }
  std::string check(const Fault& fault) const override {
    Check check(fault);
    return HandlerFault::check(check).wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<ThrowingHandlers>(fault, context);
  }
};

}  // namespace

const FaultKind& handler_throw_kind() {
  static const HandlerThrow kind;
  return kind;
}

}  // namespace razor::faults
