#pragma once
// HostPauses: when hosts were paused, on their own clocks. What a host promised for a time at which it was paused is due when it
// resumes.

#include <vector>

#include "razor/base/time.h"
#include "sim/host.h"

namespace razor::faults {

class HostPauses {
 public:
  void paused(const sim::Host& host);
  void resumed(const sim::Host& host);
  /// Its clock begins anew.
  void crashed(const sim::Host& host);

  /// The latest time of the host's clock at which something that it does at `limit` is done: `slack` later, or, where the host
  /// is paused then, `slack` after it resumes; max while it is paused still. `from`: when it was promised.
  base::TimePoint when_awake(const sim::Host& host, base::TimePoint from, base::TimePoint limit, base::Duration slack) const;

 private:
  struct Pause {
    base::TimePoint from;
    base::TimePoint to;  // max: it goes on
  };
  using Pauses = std::vector<Pause>;  // in order

  Pauses& of(const sim::Host& host);

  std::vector<Pauses> pauses_;  // by the number of the host
};

}  // namespace razor::faults
