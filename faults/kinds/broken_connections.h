#pragma once
// BrokenConnections: connections between two hosts that come to a bad end: at once, or within the bytes that they carry
// next.

#include <map>
#include <utility>

#include "faults/kinds/check.h"
#include "faults/kinds/later.h"
#include "faults/kinds/rule_fault.h"

namespace razor::faults {

class BrokenConnections final : public RuleFault {
 public:
  /// `fabric.reset` or `fabric.sever`.
  using Break = bool (sim::Fabric::*)(std::uint64_t connection);

  BrokenConnections(const Fault& fault, const FaultContext& context, Break how);

  /// A caller and a server. At once, or within a kilobyte.
  static bool draw(Fault& fault, Draw& draw);
  static std::string check(const Fault& fault);

 private:
  struct Progress {
    base::ByteCount breaks_at;
    bool is_broken = false;
  };

  void break_now();
  void break_one(std::uint64_t connection);
  bool covers(const sim::Segment& segment) const;
  Progress& progress(const sim::Segment& segment);
  std::size_t split(const sim::Segment& segment) override;
  void on_arrived(const sim::Segment& segment) override;

  const Break break_;
  const sim::Host& one_;
  const sim::Host& other_;
  const bool all_;
  const base::ByteCount byte_;  // 0: at once
  base::RandomStream random_;
  std::map<std::pair<std::uint64_t, int>, Progress> progress_;  // by connection and end
  bool is_done_ = false;
  Later later_;
};

}  // namespace razor::faults
