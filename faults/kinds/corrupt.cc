// corrupt: bytes of untrusted peers' connections change on their way. Only the hosts of Roles::untrusted_peers are drawn:
// nothing is promised to these, and all others must bear what comes from them.

#include <algorithm>

#include "faults/kinds/kinds.h"
#include "faults/kinds/links.h"
#include "faults/kinds/rule_fault.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class CorruptingLinks final : public RuleFault {
 public:
  CorruptingLinks(const Fault& fault, const FaultContext& context)
      : RuleFault(context.world),
        links_(fault, context.world),
        one_in_(static_cast<std::uint64_t>(fault.number_of("one_in", 1))),
        bytes_(static_cast<std::uint64_t>(fault.number_of("bytes", 1))),
        flips_(fault.word_of("how", "flip") == "flip"),
        random_(context.random) {}

 private:
  void on_segment(sim::Segment& segment) override {
    if (!links_.covers(segment.from, segment.to) || !random_.one_in(one_in_)) return;
    const base::Bytes before(segment.bytes.begin(), segment.bytes.end());
    if (flips_) {
      flip(segment.bytes);
    } else {
      overwrite(segment.bytes);
    }
    if (!std::ranges::equal(before, segment.bytes)) act();
  }
  // A bit in each of so many bytes, anywhere.
  void flip(base::MutableBytes bytes) {
    for (std::uint64_t i = 0; i < bytes_; ++i) {
      const std::size_t index = random_.below(bytes.size());
      bytes[index] ^= std::byte{1} << random_.below(8);
    }
  }
  // So many bytes, side by side.
  void overwrite(base::MutableBytes bytes) {
    const std::size_t count = std::min<std::size_t>(bytes_, bytes.size());
    const std::size_t first = random_.below(bytes.size() - count + 1);
    for (std::byte& byte : bytes.subspan(first, count)) byte = static_cast<std::byte>(random_.below(256));
  }

  const Links links_;
  const std::uint64_t one_in_;
  const std::uint64_t bytes_;
  const bool flips_;
  base::RandomStream random_;
};

class Corrupt final : public FaultKind {
 public:
  std::string_view name() const override { return "corrupt"; }
  std::string_view help() const override {
    return "corrupt PEER [HOST] for TIME [one_in=N] [bytes=N] [how=flip|overwrite] [way=both|there|back]: in one in N "
           "segments, a bit of each of so many bytes flips, or they are overwritten";
  }
  std::string_view lacks(const Roles& roles) const override { return lacks_untrusted_peers(roles); }
  bool draw(Fault& fault, Draw& draw) const override {
    if (draw.roles.untrusted_peers.empty()) return false;
    fault.where = {draw.one_of(draw.roles.untrusted_peers)};
    if (!draw.roles.servers.empty() && draw.random.one_in(2)) fault.where.push_back(draw.server());
    fault.lasts = draw.duration(2s, 60s);
    fault.set("one_in", std::int64_t{16} >> draw.number(0, 4));
    fault.set("bytes", draw.number(1, 64));
    fault.set("how", draw.random.one_in(2) ? "flip" : "overwrite");
    return true;
  }
  std::string check(const Fault& fault) const override {
    Check check(fault);
    return Links::check(check)
        .lasts()
        .number("one_in", 1, 1'000'000'000)
        .number("bytes", 1, 65'536)
        .word("how", {"flip", "overwrite"})
        .wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<CorruptingLinks>(fault, context);
  }
};

}  // namespace

const FaultKind& corrupt_kind() {
  static const Corrupt kind;
  return kind;
}

}  // namespace razor::faults
