#include "faults/values.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

namespace razor::faults {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};
// Longest first.
constexpr std::array<Unit, 6> kUnits{
    {{"h", 3'600'000'000'000}, {"min", 60'000'000'000}, {"s", 1'000'000'000}, {"ms", 1'000'000}, {"us", 1'000}, {"ns", 1}}};
constexpr std::size_t kDecimalsMax = 9;

}  // namespace

std::string to_text(base::Duration span) {
  const std::int64_t count = span.count();
  if (count == 0) return "0s";
  for (const Unit& unit : kUnits) {
    // Minutes and hours only where they are whole: "1.5min" takes longer to read than "90s".
    const bool has_decimals = unit.name != "h" && unit.name != "min" && unit.name != "ns";
    const std::int64_t step = has_decimals ? unit.nanoseconds / 1000 : unit.nanoseconds;
    if (count / unit.nanoseconds == 0 || count % step != 0) continue;
    std::string text = fmt::format("{}", count / unit.nanoseconds);
    if (const std::int64_t rest = count % unit.nanoseconds / step; rest != 0) {
      text += fmt::format(".{:03}", rest);
      while (text.back() == '0') text.pop_back();
    }
    return text + std::string(unit.name);
  }
  return fmt::format("{}ns", count);
}

std::string to_rounded_text(base::Duration span) {
  return to_text(span < std::chrono::seconds(1) ? std::chrono::duration_cast<std::chrono::microseconds>(span)
                                                : std::chrono::duration_cast<std::chrono::milliseconds>(span));
}

std::optional<base::Duration> parse_duration(std::string_view text) {
  std::uint64_t whole = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  std::uint64_t decimals = 0;
  std::size_t decimal_count = 0;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      if (++decimal_count > kDecimalsMax) return std::nullopt;
      decimals = decimals * 10 + static_cast<std::uint64_t>(text.front() - '0');
      text.remove_prefix(1);
    }
    if (decimal_count == 0) return std::nullopt;
  }
  for (const Unit& unit : kUnits) {
    if (unit.name != text) continue;
    unsigned __int128 nanoseconds = static_cast<unsigned __int128>(decimals) * static_cast<std::uint64_t>(unit.nanoseconds);
    for (std::size_t i = 0; i < decimal_count; ++i) nanoseconds /= 10;
    nanoseconds += static_cast<unsigned __int128>(whole) * static_cast<std::uint64_t>(unit.nanoseconds);
    if (nanoseconds > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
    return base::Duration(static_cast<std::int64_t>(nanoseconds));
  }
  return std::nullopt;
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace razor::faults
