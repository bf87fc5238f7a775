#pragma once
// Addresses from the command line, and what is wrong with them in words for people.

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <system_error>
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
      fmt::print(stderr, "razor_node: '{}' is no address: give HOST:PORT, [IPV6]:PORT or unix:PATH\n", text);
      return std::nullopt;
    }
    addresses.push_back(*std::move(address));
  }
  return addresses;
}

/// The system's text for it, "Cannot assign requested address", says nothing to whoever misspelt a name.
inline bool is_name_without_address(const Address& address, std::error_code error) {
  const auto is_numeric = [](char c) { return (c >= '0' && c <= '9') || c == '.'; };
  return error == std::errc::address_not_available && address.family() == Address::Family::tcp &&
         address.host().find(':') == std::string::npos && !std::ranges::all_of(address.host(), is_numeric);
}

inline std::string why_not_connected(const Address& address, std::error_code error) {
  return is_name_without_address(address, error) ? "this name has no address" : error.message();
}

inline std::string why_not_listening(const Address& address, std::error_code error) {
  return is_name_without_address(address, error) ? "listening takes a numeric address, or localhost" : error.message();
}

}  // namespace razor::node
