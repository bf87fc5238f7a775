#include "faults/kinds/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "faults/values.h"

namespace razor::faults {

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
  if (count < least || count > most) {
    const std::string wanted = most == least                                    ? fmt::format("{}", least)
                               : most == std::numeric_limits<std::size_t>::max() ? fmt::format("{} or more", least)
                                                                                 : fmt::format("{} .. {}", least, most);
    fail(fmt::format("want hosts: {}, not {}", wanted, count));
  }
  for (auto host = fault_.where.begin(); host != fault_.where.end(); ++host) {
    if (std::find(fault_.where.begin(), host, *host) != host) fail(fmt::format("host {} is named twice", *host));
  }
  return *this;
}

Check& Check::lasts() {
  if (fault_.lasts <= base::Duration::zero()) fail("want how long it lasts: for TIME");
  return *this;
}

Check& Check::over_at_once() {
  if (fault_.lasts > base::Duration::zero()) fail("is over at once: want no `for`");
  return *this;
}

Check& Check::number(std::string_view name, std::int64_t least, std::int64_t most) {
  const std::string* text = value(name);
  if (text == nullptr) return *this;
  const auto number = parse_number(*text);
  if (!number || *number < least || *number > most) {
    fail(fmt::format("{}={}: want a whole number, {} .. {}", name, *text, least, most));
  }
  return *this;
}

Check& Check::duration(std::string_view name, base::Duration least, base::Duration most) {
  const std::string* text = value(name);
  if (text == nullptr) return *this;
  const auto span = parse_duration(*text);
  if (!span || *span < least || *span > most) {
    fail(fmt::format("{}={}: want a time, {} .. {}", name, *text, to_text(least), to_text(most)));
  }
  return *this;
}

Check& Check::word(std::string_view name, std::initializer_list<std::string_view> words) {
  const std::string* text = value(name);
  if (text == nullptr || std::ranges::find(words, *text) != words.end()) return *this;
  fail(fmt::format("{}={}: want one of {}", name, *text, fmt::join(words, ", ")));
  return *this;
}

Check& Check::required(std::string_view name) {
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
