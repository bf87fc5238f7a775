#pragma once
// Connections live long, and a fault that acts on new ones (or on what becomes of connects and accepts) meets none in most of
// its time. Its partner resets those that are there, so that callers have to connect again while it is at work.

#include "faults/fault_kind.h"

namespace razor::faults {

/// `fault` acts on connections that are made to its first host, by its second where it has one. Draws a reset of those that a
/// caller has there, early in the time of `fault`. False: nobody is there to connect.
bool draw_reset_within(const Fault& fault, Fault& partner, Draw& draw);

}  // namespace razor::faults
