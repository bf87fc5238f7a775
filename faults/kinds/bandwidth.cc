// bandwidth: only so many bytes a second fit between hosts, each way.

#include <algorithm>
#include <map>

#include "faults/kinds/kinds.h"
#include "faults/kinds/links.h"
#include "faults/kinds/rule_fault.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class NarrowLinks final : public RuleFault {
 public:
  NarrowLinks(const Fault& fault, const FaultContext& context)
      : RuleFault(context.world),
        world_(context.world),
        links_(fault, context.world),
        bytes_per_second_(fault.number_of("bytes_per_second", 1)),
        ends_at_(base::saturating_add(context.world.now(), fault.lasts)) {}

 private:
  // What still waits when the fault ends goes at once.
  base::Duration delay(const sim::Host& from, const sim::Host& to, std::size_t bytes) override {
    if (!links_.covers(from, to)) return {};
    base::TimePoint& free_at = free_at_[{from.number(), to.number()}];
    const auto nanoseconds = static_cast<__int128>(bytes) * 1'000'000'000 / bytes_per_second_;
    const base::Duration most = std::max(ends_at_ - world_.now(), base::Duration::zero());
    const base::Duration takes(static_cast<std::int64_t>(std::min<__int128>(nanoseconds, most.count())));
    free_at = std::min(std::max(free_at, world_.now()) + takes, ends_at_);
    const base::Duration delay = std::max(free_at - world_.now(), base::Duration::zero());
    if (delay > base::Duration::zero()) act();
    return delay;
  }

  sim::World& world_;
  const Links links_;
  const std::int64_t bytes_per_second_;
  const base::TimePoint ends_at_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, base::TimePoint> free_at_;
};

class Bandwidth final : public FaultKind {
 public:
  std::string_view name() const override { return "bandwidth"; }
  std::string_view help() const override {
    return "bandwidth HOST [HOST] for TIME bytes_per_second=N [way=both|there|back]: no more than that fits there";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (!Links::draw(fault, draw)) return false;
    fault.lasts = draw.duration(100ms, 30s);
    fault.set("bytes_per_second", std::int64_t{10'000'000} >> draw.number(0, 13));
    return true;
  }
  std::string check(const Fault& fault) const override {
    Check check(fault);
    return Links::check(check).lasts().required("bytes_per_second").number("bytes_per_second", 1, 1'000'000'000'000).wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<NarrowLinks>(fault, context);
  }
};

}  // namespace

const FaultKind& bandwidth_kind() {
  static const Bandwidth kind;
  return kind;
}

}  // namespace razor::faults
