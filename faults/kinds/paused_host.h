#pragma once
// PausedHost: a host whose programs stand still, and how much that holds back.

#include "faults/conditions.h"

namespace razor::faults {

class PausedHost {
 public:
  PausedHost(sim::Host& host, Conditions& conditions)
      : host_(&host), before_(host.withheld() - host.withholds()), held_(conditions.paused(host)) {}

  const sim::Host& host() const { return *host_; }
  /// It goes on. How often something of it came due meanwhile and had to wait.
  std::uint64_t end() {
    const std::uint64_t withheld = host_->withheld() - before_;
    held_.end();
    return withheld;
  }

 private:
  sim::Host* host_;
  std::uint64_t before_;
  Conditions::Hold held_;
};

}  // namespace razor::faults
