// segmentation: what is written arrives in small pieces, down to single bytes.

#include "faults/kinds/kinds.h"
#include "faults/kinds/links.h"
#include "faults/kinds/rule_fault.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class SmallPieces final : public RuleFault {
 public:
  SmallPieces(const Fault& fault, const FaultContext& context)
      : RuleFault(context.world),
        links_(fault, context.world),
        bytes_max_(static_cast<std::uint64_t>(fault.number_of("bytes", 1))),
        random_(context.random) {}

 private:
  std::size_t split(const sim::Segment& segment) override {
    asked_ = 0;
    if (!links_.covers(segment.from, segment.to)) return 0;
    const std::size_t piece = 1 + static_cast<std::size_t>(random_.below(bytes_max_));
    if (piece < segment.bytes.size()) asked_ = piece;
    return asked_;
  }
  // Another rule may have wanted less.
  void on_segment(sim::Segment& segment) override {
    if (asked_ > 0 && segment.bytes.size() == asked_) act();
  }

  const Links links_;
  const std::uint64_t bytes_max_;
  base::RandomStream random_;
  std::size_t asked_ = 0;
};

class Segmentation final : public FaultKind {
 public:
  std::string_view name() const override { return "segmentation"; }
  std::string_view help() const override {
    return "segmentation HOST [HOST] for TIME [bytes=N] [way=both|there|back]: what goes there arrives in pieces of 1 .. N "
           "bytes (1)";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (!Links::draw(fault, draw)) return false;
    fault.lasts = draw.duration(100ms, 10s);
    fault.set("bytes", std::int64_t{4'096} >> draw.number(0, 12));
    return true;
  }
  std::string check(const Fault& fault) const override {
    Check check(fault);
    return Links::check(check).lasts().number("bytes", 1, 65'536).wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<SmallPieces>(fault, context);
  }
};

}  // namespace

const FaultKind& segmentation_kind() {
  static const Segmentation kind;
  return kind;
}

}  // namespace razor::faults
