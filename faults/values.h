#pragma once
// Values as plans write them: "250ms", "1.25s", "17". What is printed reads back as the same value.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "razor/base/time.h"

namespace razor::faults {

/// In the largest unit that needs no more than three decimals: "1.25s", "250ms", "3min", "1us", "0s"; else in ns.
std::string to_text(base::Duration span);
/// Likewise, cut off to whole milliseconds, or to microseconds below a second: for messages.
std::string to_rounded_text(base::Duration span);
/// Empty unless all of `text` is a number and one of ns, us, ms, s, min, h; at most nine decimals, not below zero.
std::optional<base::Duration> parse_duration(std::string_view text);
/// Empty unless all of `text` is a whole number that fits.
std::optional<std::int64_t> parse_number(std::string_view text);

}  // namespace razor::faults
