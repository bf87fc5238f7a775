#pragma once
// LivenessRules: a dead peer is noticed, a live one is not given up, and an address that was lost gets no calls. Rules 26 and 29.

#include "faults/network/connection_tracker.h"

namespace razor::faults {

class LivenessRules {
 public:
  /// Both outlive it.
  LivenessRules(const ConnectionTracker& tracker, const NetworkLimits& limits) : tracker_(tracker), limits_(limits) {}

  void on_call_assigned(const ConnectionFacts& connection, const ConnectFacts& address) const;
  void on_failed(const ConnectionFacts& connection, const runtime::SpanEnd& end) const;
  /// Ten times a second. True: a rule is broken.
  bool check_silence(const ConnectionFacts& connection) const;

 private:
  const ConnectionTracker& tracker_;
  const NetworkLimits& limits_;
};

}  // namespace razor::faults
