#pragma once
// Base64, with padding. Source: RFC 4648, section 4.

#include <optional>
#include <string>
#include <string_view>

#include "razor/base/bytes.h"

namespace razor::json {

std::string base64_of(base::ByteView bytes);
/// Nothing: `text` is not base64, or not the only way to write its bytes.
std::optional<base::Bytes> bytes_of_base64(std::string_view text);

}  // namespace razor::json
