// kill: the programs of hosts are gone at once, as with SIGKILL; they run again when the fault ends.

#include <limits>

#include "faults/conditions.h"
#include "faults/kinds/check.h"
#include "faults/kinds/kinds.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class KilledHosts final : public ActiveFault {
 public:
  KilledHosts(const Fault& fault, const FaultContext& context) {
    for (const std::string& name : fault.where) {
      sim::Host& host = context.world.host(name);
      if (host.runs()) act();
      killed_.push_back(context.conditions.killed(host));
    }
  }

 private:
  std::vector<Conditions::Hold> killed_;
};

class Kill final : public FaultKind {
 public:
  std::string_view name() const override { return "kill"; }
  std::string_view help() const override {
    return "kill HOST ... for TIME: the programs are gone; the system closes what they had open, and goes on";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (draw.roles.servers.empty()) return false;
    fault.where = {draw.server()};
    fault.lasts = draw.duration(10ms, 60s);
    return true;
  }
  std::string check(const Fault& fault) const override {
    return Check(fault).hosts(1, std::numeric_limits<std::size_t>::max()).lasts().wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<KilledHosts>(fault, context);
  }
};

}  // namespace

const FaultKind& kill_kind() {
  static const Kill kind;
  return kind;
}

}  // namespace razor::faults
