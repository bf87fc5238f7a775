#include <algorithm>

#include "faults/fault_kind.h"
#include "faults/kinds/kinds.h"

namespace razor::faults {

const std::vector<const FaultKind*>& catalogue() {
  static const std::vector<const FaultKind*> kinds = {
      &cut_kind(),
      &partition_kind(),
      &swizzle_kind(),
      &slow_link_kind(),
      &jitter_kind(),
      &bandwidth_kind(),
      &segmentation_kind(),
      &loss_kind(),
      &reset_kind(),
      &sever_kind(),
      &corrupt_kind(),
      &small_buffers_kind(),
      &refuse_connects_kind(),
      &hang_connects_kind(),
      &accept_errors_kind(),
      &slow_accept_kind(),
      &crash_kind(),
      &kill_kind(),
      &pause_kind(),
      &clock_drift_kind(),
      &clock_step_kind(),
      &handler_delay_kind(),
      &handler_throw_kind(),
      &handler_drop_kind(),
      &allocation_failure_kind(),
  };
  return kinds;
}

const FaultKind* find_kind(std::string_view name) {
  const auto found = std::ranges::find(catalogue(), name, &FaultKind::name);
  return found == catalogue().end() ? nullptr : *found;
}

}  // namespace razor::faults
