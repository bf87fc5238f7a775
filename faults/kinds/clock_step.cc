// clock_step: a host's time of day is set wrong for a while. Programs that use monotonic time do not notice.

#include "faults/kinds/check.h"
#include "faults/kinds/kinds.h"
#include "sim/world.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class SteppedClock final : public ActiveFault {
 public:
  SteppedClock(const Fault& fault, const FaultContext& context)
      : host_(context.world.host(fault.where.front())),
        by_(fault.word_of("way", "forward") == "back" ? -fault.duration_of("by", {}) : fault.duration_of("by", {})),
        reads_before_(host_.wall_clock_reads()) {
    host_.step_wall_clock(by_);
  }
  ~SteppedClock() override { host_.step_wall_clock(-by_); }

  // Each read of it meanwhile was wrong.
  void end() override { act(host_.wall_clock_reads() - reads_before_); }

 private:
  sim::Host& host_;
  const base::Duration by_;
  const std::uint64_t reads_before_;
};

class ClockStep final : public FaultKind {
 public:
  std::string_view name() const override { return "clock_step"; }
  std::string_view help() const override {
    return "clock_step HOST for TIME by=TIME [way=forward|back]: its time of day is wrong by so much";
  }
  std::string_view lacks(const Roles& roles) const override {
    return roles.servers.empty() || !roles.reads_time_of_day ? "programs that read the time of day" : "";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (draw.roles.servers.empty()) return false;
    fault.where = {draw.host()};
    fault.lasts = draw.duration(1s, 60s);
    fault.set("by", draw.duration(1s, 24h));
    fault.set("way", draw.random.one_in(2) ? "forward" : "back");
    return true;
  }
  std::string check(const Fault& fault) const override {
    return Check(fault)
        .hosts(1)
        .lasts()
        .required("by")
        .duration("by", 1ns, 24h * 10'000)
        .word("way", {"forward", "back"})
        .wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<SteppedClock>(fault, context);
  }
};

}  // namespace

const FaultKind& clock_step_kind() {
  static const ClockStep kind;
  return kind;
}

}  // namespace razor::faults
