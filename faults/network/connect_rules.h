#pragma once
// ConnectRules: how many connections a pool makes, and how often it tries. Rules 21 and 30.

#include "faults/network/connection_tracker.h"

namespace razor::faults {

class ConnectRules {
 public:
  /// Both outlive it.
  ConnectRules(const ConnectionTracker& tracker, const NetworkLimits& limits) : tracker_(tracker), limits_(limits) {}

  void on_call_assigned(const ConnectionFacts& connection) const;
  void on_connect(const ConnectFacts& address) const;
  void on_connect_after_refusal(ConnectFacts& address, base::Duration gap) const;
  void on_connect_alive(const ConnectFacts& address, bool is_last) const;

 private:
  const ConnectionTracker& tracker_;
  const NetworkLimits& limits_;
};

}  // namespace razor::faults
