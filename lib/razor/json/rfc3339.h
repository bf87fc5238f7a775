#pragma once
// Points in time as texts: "2026-11-30T12:00:00.000000001Z". Source: RFC 3339, section 5.6; years 0000 to 9999, UTC.

#include <optional>
#include <string>
#include <string_view>

#include "razor/wire/time_codec.h"

namespace razor::json {

/// Nothing: of another year.
std::optional<std::string> text_of(wire::Timestamp time);
/// Nothing: `text` is not such a time. A fraction has 1 to 9 digits, or is absent.
std::optional<wire::Timestamp> timestamp_of(std::string_view text);

}  // namespace razor::json
