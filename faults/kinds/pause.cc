// pause: the programs of hosts stand still, as with SIGSTOP.

#include <limits>

#include "faults/kinds/check.h"
#include "faults/kinds/kinds.h"
#include "faults/kinds/paused_host.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class PausedHosts final : public ActiveFault {
 public:
  PausedHosts(const Fault& fault, const FaultContext& context) {
    for (const std::string& name : fault.where) paused_.emplace_back(context.world.host(name), context.conditions);
  }
  void end() override {
    for (PausedHost& paused : paused_) act(paused.end());
  }

 private:
  std::vector<PausedHost> paused_;
};

class Pause final : public FaultKind {
 public:
  std::string_view name() const override { return "pause"; }
  std::string_view help() const override {
    return "pause HOST ... for TIME: the programs stand still; the system goes on taking bytes and connections";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (draw.roles.servers.empty()) return false;
    fault.where = {draw.host()};
    fault.lasts = draw.duration(10ms, 60s);
    return true;
  }
  std::string check(const Fault& fault) const override {
    return Check(fault).hosts(1, std::numeric_limits<std::size_t>::max()).lasts().wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<PausedHosts>(fault, context);
  }
};

}  // namespace

const FaultKind& pause_kind() {
  static const Pause kind;
  return kind;
}

}  // namespace razor::faults
