#pragma once
// Addresses in texts that fmt makes: `fmt::format("{}", address)`, and the macros of scenarios and rules. The library itself
// needs no fmt.

#include <fmt/format.h>

#include <string_view>

#include "razor/runtime/address.h"

template <>
struct fmt::formatter<razor::runtime::Address> : fmt::formatter<std::string_view> {
  auto format(const razor::runtime::Address& address, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format(address.to_string(), context);
  }
};
