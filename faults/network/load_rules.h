#pragma once
// LoadRules: how much a connection carries at a time, and that nothing stays behind on it. Rules 16 (responses are sent) and 20
// (windows and handlers).

#include "faults/network/connection_tracker.h"

namespace razor::faults {

class LoadRules {
 public:
  /// Both outlive it.
  LoadRules(const ConnectionTracker& tracker, const NetworkLimits& limits) : tracker_(tracker), limits_(limits) {}

  void on_dispatched(const ConnectionFacts& connection) const;
  /// Ten times a second, for rules that are broken by what lasts. True: one is.
  bool check_window(const ConnectionFacts& connection) const;
  bool check_responses(const ConnectionFacts& connection) const;

 private:
  const ConnectionTracker& tracker_;
  const NetworkLimits& limits_;
};

}  // namespace razor::faults
