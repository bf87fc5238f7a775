#pragma once
// Addresses that are the same whenever the program is started: code that takes one as data or as an order does the same then,
// and a seed that failed fails again.

namespace razor::sim {

/// Starts this program anew without the system's randomisation of addresses, unless that is so already. For the begin of
/// main(): what was done before is done again. Where a system does not allow it (some containers) it goes on as it is.
///
/// Returns whether addresses are fixed.
/// Threads: none may run yet.
bool fix_addresses();

}  // namespace razor::sim
