#pragma once
// All kinds of faults, one function a kind: catalogue.cc lists them.

#include "faults/fault_kind.h"

namespace razor::faults {

// Links between hosts
const FaultKind& cut_kind();
const FaultKind& partition_kind();
const FaultKind& swizzle_kind();
const FaultKind& slow_link_kind();
const FaultKind& jitter_kind();
const FaultKind& bandwidth_kind();
const FaultKind& segmentation_kind();
const FaultKind& loss_kind();
// Connections
const FaultKind& reset_kind();
const FaultKind& sever_kind();
const FaultKind& corrupt_kind();
const FaultKind& small_buffers_kind();
// Connecting
const FaultKind& refuse_connects_kind();
const FaultKind& hang_connects_kind();
const FaultKind& accept_errors_kind();
const FaultKind& slow_accept_kind();
// Hosts
const FaultKind& crash_kind();
const FaultKind& kill_kind();
const FaultKind& pause_kind();
const FaultKind& clock_drift_kind();
const FaultKind& clock_step_kind();
// The user's own code
const FaultKind& handler_delay_kind();
const FaultKind& handler_throw_kind();
const FaultKind& handler_drop_kind();
const FaultKind& allocation_failure_kind();

}  // namespace razor::faults
