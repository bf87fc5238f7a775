#pragma once
// What options that are whole numbers are checked with.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <string>

namespace razor::sim {

/// CLI11's own conversion takes an empty text and a sign.
inline const CLI::Validator kWhole(
    [](std::string& text) -> std::string {
      std::uint64_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error == std::errc{} && end == text.data() + text.size()) return {};
      return fmt::format("must be a whole number below 2^64: '{}'", text);
    },
    "N");

}  // namespace razor::sim
