#pragma once
// Addresses from the command line.

#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "razor/runtime/address.h"

namespace razor::node {

/// Says on stderr what is wrong with the first that is none.
inline std::optional<std::vector<Address>> parse_addresses(const std::vector<std::string>& texts) {
  std::vector<Address> addresses;
  for (const std::string& text : texts) {
    auto address = Address::parse(text);
    if (!address) {
      fmt::print(stderr, "razor_node: '{}' is no address: give HOST:PORT, [IPV6]:PORT or unix:PATH\n", text);
      return std::nullopt;
    }
    addresses.push_back(*std::move(address));
  }
  return addresses;
}

}  // namespace razor::node
