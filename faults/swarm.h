#pragma once
// Swarm: which faults a run has, and how hard they are. Each seed switches most kinds off and makes some of the others
// extreme, so that runs differ in kind, not only in detail: what breaks under one fault alone is not hidden by ten others.
//
// Source: Groce and others, "Swarm Testing" (ISSTA 2012).

#include <string_view>
#include <vector>

#include "faults/fault_kind.h"
#include "faults/injector.h"
#include "sim/seed.h"

namespace razor::faults {

/// What may be drawn.
struct Swarm {
  const Roles& roles;
  const Actions& actions;
  std::vector<const FaultKind*> kinds;
  base::Duration span{};  ///< faults begin and end within it
};

/// The faults of this seed, in order, numbered from 1. Each kind draws from a stream of its own: one kind more or less
/// changes nothing of the others but their numbers. Kinds that cannot act with these roles are left out (FaultKind::lacks), and
/// those that need another fault to have something to act on bring it with them (FaultKind::draw_partner).
std::vector<Fault> draw_faults(const sim::Seed& seed, const Swarm& swarm);

}  // namespace razor::faults
