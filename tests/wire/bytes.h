#pragma once
// Bytes in tests of wire/: written as hex, and shown as hex when they differ.

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "razor/base/bytes.h"
#include "razor/base/check.h"

namespace razor::wire::test {

/// "92 01 ff" as three bytes; blanks do not matter.
inline base::Bytes from_hex(std::string_view text) {
  base::Bytes bytes;
  int high = -1;
  for (const char c : text) {
    if (c == ' ') continue;
    const std::size_t digit = std::string_view("0123456789abcdef").find(c);
    RAZOR_CHECK(digit != std::string_view::npos, "not hex: {}", text);
    if (high < 0) {
      high = static_cast<int>(digit);
    } else {
      bytes.push_back(static_cast<std::byte>(high * 16 + static_cast<int>(digit)));
      high = -1;
    }
  }
  RAZOR_CHECK(high < 0, "half a byte: {}", text);
  return bytes;
}

inline std::string to_hex(base::ByteView bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", std::to_integer<int>(byte));
  return text;
}

/// `count` bytes that differ from those of another `seed` and do not repeat soon, so that a shifted copy shows.
inline base::Bytes pattern(std::size_t count, std::uint32_t seed) {
  base::Bytes bytes(count);
  std::uint32_t state = seed * 2654435761u + 1;
  for (std::byte& byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<std::byte>(state >> 24);
  }
  return bytes;
}

inline base::Bytes joined(base::ByteView first, base::ByteView second) {
  base::Bytes both(first.begin(), first.end());
  both.insert(both.end(), second.begin(), second.end());
  return both;
}

}  // namespace razor::wire::test
