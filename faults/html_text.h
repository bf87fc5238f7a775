#pragma once
// Text as pages have it: escaped, shortened, and durations for people.

#include <cstddef>
#include <string>
#include <string_view>

#include "razor/base/time.h"

namespace razor::faults {

/// Escaped for text between tags and in attributes. Bytes that HTML does not allow become U+FFFD.
std::string in_html(std::string_view text);
/// The first letters, and "…" where some are left out. It may be not longer than `bytes_max`, without the dots.
std::string shortened(std::string_view text, std::size_t bytes_max);
/// "58.2 s", "130 µs".
std::string in_words(base::Duration span);

}  // namespace razor::faults
