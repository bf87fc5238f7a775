#pragma once
// Selection: the part of a run that a diagram shows: the calls that the failure is about and those nearest to it, the faults
// of the plan, what became of hosts meanwhile, and the hosts of all of these, each with a lane.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "faults/page.h"

namespace razor::faults::diagram {

struct DrawnFault {
  const Fault* fault;
  std::size_t index;  ///< in the plan
  base::Duration began;
  std::optional<base::Duration> ended;
  std::vector<std::size_t> hosts;  ///< lanes
  std::size_t slot = 0;  ///< beside other faults on the same hosts at the same time
};

struct DrawnCall {
  Story::Call call;  ///< without what comes long after the failure
  bool is_concerned;  ///< the failure is about it
  bool is_cut_off = false;  ///< it went on after that
  std::size_t client = 0;  ///< lane
  std::size_t server = 0;
};

struct DrawnMoment {
  const Story::Moment* moment;
  std::size_t host;  ///< lane
};

struct Selection {
  std::vector<std::string> hosts;  ///< from the left; a host's lane is its place here
  std::vector<DrawnCall> calls;
  std::vector<DrawnFault> faults;
  std::vector<DrawnMoment> moments;  ///< in order

  /// Empty for a host that is not shown.
  std::optional<std::size_t> lane_of(std::string_view host) const;
};

/// The selection points into `content`.
Selection select(const PageContent& content);

/// The host goes down, stands still, or returns.
bool is_outage(Story::Moment::Kind kind);

}  // namespace razor::faults::diagram
