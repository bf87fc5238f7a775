#pragma once
// The texts that stand for framework failures inside an answer (flag 2).
// Source: protocol.md, "Errors of the framework".

#include <optional>
#include <string_view>

#include "razor/base/error.h"

namespace razor::wire {

/// `unreachable` as "rpc_unreachable". A failure that has no text of its own travels as "rpc_internal_err".
std::string_view text_of(base::Errc errc);

/// The failure that the bytes of an error answer stand for; none when they are not one of the framework's texts.
std::optional<base::Errc> errc_of(std::string_view text);

/// The texts that the reference implementation knows, in its order.
inline constexpr base::Errc kReferenceErrors[] = {
    base::Errc::unreachable,       base::Errc::connection_lost, base::Errc::deadline_exceeded,
    base::Errc::method_not_found,  base::Errc::service_not_found, base::Errc::encode,
    base::Errc::decode,            base::Errc::internal,        base::Errc::invalid_version,
};

}  // namespace razor::wire
