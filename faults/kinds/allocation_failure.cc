// allocation_failure: memory is refused to the programs of hosts (faults/allocation.h).

#include <memory>

#include "faults/allocation.h"
#include "faults/kinds/check.h"
#include "faults/kinds/kinds.h"
#include "sim/world.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class RefusedAllocations final : public ActiveFault {
 public:
  RefusedAllocations(const Fault& fault, const FaultContext& context)
      : refusal_(context.world.host(fault.where.front()), static_cast<std::size_t>(fault.number_of("bytes", 1'024)),
                 static_cast<std::uint64_t>(fault.number_of("nth", 1)),
                 static_cast<std::uint64_t>(fault.number_of("count", 1))) {}
  void end() override { act(refusal_.refused()); }

 private:
  AllocationRefusal refusal_;
};

class AllocationFailure final : public FaultKind {
 public:
  std::string_view name() const override { return "allocation_failure"; }
  std::string_view help() const override {
    return "allocation_failure HOST for TIME [nth=N] [bytes=N] [count=N]: of the allocations of at least so many bytes "
           "(1024) that its programs make, so many (1) from the nth (1) on are refused";
  }
  std::string_view lacks(const Roles& roles) const override {
    return allocations_are_watched() ? lacks_own_servers(roles) : "a program that links razor::faults_allocation";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (!lacks_own_servers(draw.roles).empty()) return false;
    fault.where = {draw.own_host()};
    fault.lasts = draw.duration(100ms, 60s);
    fault.set("nth", static_cast<std::int64_t>(1 + draw.random.below(100)));
    fault.set("bytes", std::int64_t{1'024} << draw.random.below(7));
    fault.set("count", draw.number(1, 16));
    return true;
  }
  std::string check(const Fault& fault) const override {
    constexpr std::int64_t kMost = 1'000'000'000'000;
    return Check(fault).hosts(1).lasts().number("nth", 1, kMost).number("bytes", 1, kMost).number("count", 1, kMost).wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<RefusedAllocations>(fault, context);
  }
};

}  // namespace

const FaultKind& allocation_failure_kind() {
  static const AllocationFailure kind;
  return kind;
}

}  // namespace razor::faults
