#pragma once
// The texts that stand for framework failures inside an answer (flag 2).
// Source: protocol.md, "Errors of the framework".

#include <optional>
#include <span>
#include <string_view>

#include "razor/base/error.h"

namespace razor::wire {

/// `unreachable` as "rpc_unreachable". A failure that has no text of its own travels as "rpc_internal_err".
std::string_view text_of(base::Errc errc);

/// The failure that the bytes of an error answer stand for; none when they are not one of the framework's texts.
std::optional<base::Errc> errc_of(std::string_view text);

/// All failures that have a text, in the order of protocol.md: first those that the reference knows, then ours.
std::span<const base::Errc> framework_errors();

}  // namespace razor::wire
