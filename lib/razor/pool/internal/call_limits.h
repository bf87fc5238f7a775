#pragma once
// CallLimits: why a call is refused when it is submitted, whatever the state of the pool's queue. Pure.

#include <optional>
#include <span>

#include "razor/base/error.h"
#include "razor/wire/extension.h"
#include "razor/wire/frame.h"

namespace razor::pool {

/// An action that has neither a name nor a number that can be sent (encode), or a size above its limit (too_large); ran: no.
std::optional<base::CallError> refusal_of(const wire::Action& action, const wire::FrameSizes& sizes,
                                          const wire::FrameLimits& limits);

/// Metadata that cannot be sent: too_large, or encode; ran: no.
std::optional<base::CallError> refusal_of(std::span<const wire::MetadataItem> metadata);

}  // namespace razor::pool
