// clock_drift: a host's monotonic clock runs fast or slow.

#include "faults/conditions.h"
#include "faults/kinds/check.h"
#include "faults/kinds/kinds.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class DriftingClock final : public ActiveFault {
 public:
  DriftingClock(const Fault& fault, const FaultContext& context)
      : world_(context.world),
        host_(context.world.host(fault.where.front())),
        since_(context.world.now()),
        drift_(context.conditions.drift(host_, static_cast<std::int32_t>(fault.number_of("ppm", 0)))) {}

  // Who reads a clock cannot be counted: once, if something could.
  void end() override {
    if (host_.runs() && world_.now() > since_) act();
    drift_.end();
  }

 private:
  sim::World& world_;
  sim::Host& host_;
  const base::TimePoint since_;
  Conditions::Hold drift_;
};

class ClockDrift final : public FaultKind {
 public:
  std::string_view name() const override { return "clock_drift"; }
  std::string_view help() const override {
    return "clock_drift HOST for TIME ppm=N: its clock gains N millionths of the time, or loses them (N < 0)";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (draw.roles.servers.empty()) return false;
    fault.where = {draw.host()};
    fault.lasts = draw.duration(1s, 60s);
    const std::int64_t ppm = draw.number(10, 400'000);
    fault.set("ppm", draw.random.one_in(2) ? ppm : -ppm);
    return true;
  }
  std::string check(const Fault& fault) const override {
    return Check(fault).hosts(1).lasts().required("ppm").number("ppm", -499'999, 499'999).wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<DriftingClock>(fault, context);
  }
};

}  // namespace

const FaultKind& clock_drift_kind() {
  static const ClockDrift kind;
  return kind;
}

}  // namespace razor::faults
