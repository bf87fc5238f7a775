#pragma once
// Codec of std::error_code: an array of its category's name and its number. Categories are objects of a process, so only
// those that every process has travel: "generic", "system", and "razor" (Errc).

#include <system_error>

#include "razor/wire/codec.h"

namespace razor {

template <>
struct Codec<std::error_code> {
  static void encode(wire::Encoder& to, const std::error_code& value);
  static bool decode(wire::Decoder& from, std::error_code& value);
};

}  // namespace razor
