#pragma once
// The texts that stand for framework failures inside an answer (flag 2).
// Source: protocol.md, "Errors of the framework".

#include <optional>
#include <span>
#include <string_view>

#include "razor/base/error.h"
#include "razor/wire/frame.h"

namespace razor::wire {

/// `unreachable` as "rpc_unreachable". A failure that has no text of its own travels as "rpc_internal_err".
std::string_view text_of(base::Errc errc);

/// The failure that the bytes of an error answer stand for; none when they are not one of the framework's texts.
std::optional<base::Errc> errc_of(std::string_view text);

/// All failures that have a text, in the order of protocol.md: first those that the reference knows, then ours.
std::span<const base::Errc> framework_errors();

/// Whether the request ran, which was answered with `answer`: yes, unless it says that the framework failed.
base::Ran ran(const ResponseFrame& answer);

/// What the exception that is being handled says of a message that was to be encoded: overloaded, when memory was refused,
/// or encode. Ran: no.
base::CallError encode_failure() noexcept;
/// And of an answer that was to be decoded: overloaded, or decode. Ran: as `ran(answer)`.
base::CallError decode_failure(const ResponseFrame& answer) noexcept;

}  // namespace razor::wire
