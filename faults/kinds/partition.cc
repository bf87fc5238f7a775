// partition: groups of hosts that do not reach each other.

#include <algorithm>
#include <limits>

#include "faults/kinds/check.h"
#include "faults/kinds/cut_fault.h"
#include "faults/kinds/drawn_hosts.h"
#include "faults/kinds/kinds.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class Partition final : public FaultKind {
 public:
  std::string_view name() const override { return "partition"; }
  std::string_view help() const override {
    return "partition HOST ... for TIME [first=N]: these hosts do not reach the others of the world; with first=N, the "
           "first N of them and the rest of them do not reach each other";
  }
  std::string_view lacks(const Roles& roles) const override { return lacks_two_hosts(roles); }
  bool draw(Fault& fault, Draw& draw) const override {
    const std::vector<std::string> hosts = drawn_hosts(draw);
    if (hosts.size() < 2) return false;
    const std::size_t count = 1 + draw.random.below(hosts.size() - 1);
    fault.where.assign(hosts.begin(), hosts.begin() + static_cast<std::ptrdiff_t>(count));
    fault.lasts = draw.duration(10ms, 60s);
    if (count > 1 && draw.random.one_in(3)) {
      fault.set("first", static_cast<std::int64_t>(1 + draw.random.below(count - 1)));
    }
    return true;
  }
  std::string check(const Fault& fault) const override {
    const auto most = static_cast<std::int64_t>(fault.where.size());
    return Check(fault)
        .hosts(1, std::numeric_limits<std::size_t>::max())
        .lasts()
        .number("first", 1, std::max<std::int64_t>(1, most - 1))
        .wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    const auto first = static_cast<std::size_t>(fault.number_of("first", 0));
    auto cut = std::make_unique<CutFault>(context);
    for (std::size_t i = 0; i < fault.where.size() && (first == 0 || i < first); ++i) {
      const sim::Host& here = context.world.host(fault.where[i]);
      for (const auto& other : context.world.fabric().hosts()) {
        const auto found = std::ranges::find(fault.where, other->name());
        const auto index = static_cast<std::size_t>(found - fault.where.begin());
        const bool is_named = found != fault.where.end();
        if (first == 0 ? !is_named : is_named && index >= first) cut->cut_both_ways(here, *other);
      }
    }
    return cut;
  }
};

}  // namespace

const FaultKind& partition_kind() {
  static const Partition kind;
  return kind;
}

}  // namespace razor::faults
