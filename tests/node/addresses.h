#pragma once
// Addresses from the command line, and what is wrong with them in words for people.

#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "razor/runtime/address.h"
#include "sim/fmt_address.h"

namespace razor::node {

/// Says on stderr what is wrong with the first that is none.
inline std::optional<std::vector<Address>> parse_addresses(const std::vector<std::string>& texts) {
  std::vector<Address> addresses;
  for (const std::string& text : texts) {
    auto address = Address::parse(text);
    if (!address) {
      fmt::print(stderr, "razor_node: {}\n", address.message());
      return std::nullopt;
    }
    addresses.push_back(*std::move(address));
  }
  return addresses;
}

}  // namespace razor::node
