#include "faults/kinds/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "faults/fault_kind.h"
#include "faults/values.h"

namespace razor::faults {
namespace {

// While a kind tells what it wants.
thread_local Wanted* wanted_now = nullptr;

// What a whole number counts, by the names of parameters, which mean the same in all kinds.
std::string_view unit_of(std::string_view parameter) {
  struct Unit {
    std::string_view parameter;
    std::string_view text;
  };
  constexpr Unit kUnits[] = {
      {"one_in", "one in so many is hit"},
      {"bytes", "bytes"},
      {"byte", "bytes from now on"},
      {"bytes_per_second", "bytes per second"},
      {"ppm", "millionths of the time"},
      {"nth", "the first allocation that is refused, counted from 1"},
      {"count", "allocations"},
      {"first", "hosts"},
  };
  for (const Unit& unit : kUnits) {
    if (unit.parameter == parameter) return unit.text;
  }
  return {};
}

std::string host_counts(std::size_t least, std::size_t most) {
  if (most == least) return fmt::format("{}", least);
  if (most == std::numeric_limits<std::size_t>::max()) return fmt::format("{} or more", least);
  return fmt::format("{} .. {}", least, most);
}

}  // namespace

Wanted Check::wanted_by(const FaultKind& kind) {
  Wanted wanted;
  wanted_now = &wanted;
  (void)kind.check(Fault{});
  wanted_now = nullptr;
  return wanted;
}

void Check::want(std::string_view name, std::string values) {
  if (wanted_now == nullptr) return;
  for (Wanted::Parameter& parameter : wanted_now->parameters) {
    if (parameter.name == name) {
      parameter.values = std::move(values);
      return;
    }
  }
  wanted_now->parameters.push_back({std::string(name), std::move(values), false});
}

void Check::fail(std::string what) {
  if (wrong_.empty()) wrong_ = std::move(what);
}

const std::string* Check::value(std::string_view name) {
  known_.insert(name);
  const auto found = fault_.parameters.find(name);
  return found == fault_.parameters.end() ? nullptr : &found->second;
}

Check& Check::hosts(std::size_t least, std::size_t most) {
  const std::size_t count = fault_.where.size();
  if (wanted_now != nullptr) wanted_now->hosts = host_counts(least, most);
  if (count < least || count > most) fail(fmt::format("want hosts: {}, not {}", host_counts(least, most), count));
  for (auto host = fault_.where.begin(); host != fault_.where.end(); ++host) {
    if (std::find(fault_.where.begin(), host, *host) != host) fail(fmt::format("host {} is named twice", *host));
  }
  return *this;
}

Check& Check::lasts() {
  if (wanted_now != nullptr) wanted_now->lasts = true;
  if (fault_.lasts <= base::Duration::zero()) fail("want how long it lasts: for TIME");
  return *this;
}

Check& Check::over_at_once() {
  if (fault_.lasts > base::Duration::zero()) fail("is over at once: want no `for`");
  return *this;
}

Check& Check::number(std::string_view name, std::int64_t least, std::int64_t most) {
  const std::string_view unit = unit_of(name);
  want(name, fmt::format("a whole number, {} .. {}{}{}", least, most, unit.empty() ? "" : ": ", unit));
  const std::string* text = value(name);
  if (text == nullptr) return *this;
  const auto number = parse_number(*text);
  if (!number || *number < least || *number > most) {
    fail(fmt::format("{}={}: want a whole number, {} .. {}", name, *text, least, most));
  }
  return *this;
}

Check& Check::duration(std::string_view name, base::Duration least, base::Duration most) {
  want(name, fmt::format("a time, {} .. {}", to_text(least), to_text(most)));
  const std::string* text = value(name);
  if (text == nullptr) return *this;
  const auto span = parse_duration(*text);
  if (!span || *span < least || *span > most) {
    fail(fmt::format("{}={}: want a time, {} .. {}", name, *text, to_text(least), to_text(most)));
  }
  return *this;
}

Check& Check::word(std::string_view name, std::initializer_list<std::string_view> words) {
  want(name, fmt::format("one of {}", fmt::join(words, ", ")));
  const std::string* text = value(name);
  if (text == nullptr || std::ranges::find(words, *text) != words.end()) return *this;
  fail(fmt::format("{}={}: want one of {}", name, *text, fmt::join(words, ", ")));
  return *this;
}

Check& Check::required(std::string_view name) {
  if (wanted_now != nullptr) {
    want(name, {});
    std::ranges::find(wanted_now->parameters, name, &Wanted::Parameter::name)->is_required = true;
  }
  if (value(name) == nullptr) fail(fmt::format("want {}=...", name));
  return *this;
}

std::string Check::wrong() const {
  if (!wrong_.empty()) return wrong_;
  for (const auto& [name, text] : fault_.parameters) {
    if (!known_.contains(name)) return fmt::format("{} has no parameter {}", fault_.what, name);
  }
  return {};
}

}  // namespace razor::faults
