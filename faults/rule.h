#pragma once
// What an oracle says when a rule of faults/contract.md, or one of the user's own, is broken. The text begins with the rule, by
// which failures are told apart: "rule 12: call 17 ran twice".
//
//   RAZOR_RULE(12, runs <= 1, "call {} ran {} times", id, runs);
//   RAZOR_RULE("no money is lost", sum == before, "{} of {} are left", sum, before);

#include <array>
#include <charconv>
#include <concepts>
#include <string_view>

#include "razor/base/check.h"
#include "sim/scenario.h"

namespace razor::faults::detail {

/// A rule's number, or its name. A name ends at the colon behind it, where it is read back (summaries, pages): it is one line
/// without a colon, of at most 90 bytes. One that is written in the program and is not is refused by the compiler.
class RuleName {
 public:
  template <std::size_t kSize>
  consteval RuleName(const char (&name)[kSize]) : name_(name, kSize - 1) {
    if (!is_good(name_)) throw "a rule's name: one line, without a colon, of 1 to 90 bytes";
  }
  RuleName(std::string_view name) : name_(name) { RAZOR_CHECK(is_good(name), "a rule's name: '{}'", name); }
  template <std::integral Number>
  RuleName(Number number)
      : number_{},  // clang 19 overlooks an initialiser at the member, in a template
        name_(number_.data(),
              static_cast<std::size_t>(std::to_chars(number_.begin(), number_.end(), number).ptr - number_.begin())) {}
  RuleName(const RuleName&) = delete;

  std::string_view text() const { return name_; }

 private:
  static constexpr bool is_good(std::string_view name) {
    return !name.empty() && name.size() <= 90 && name.find_first_of(":\n") == name.npos && name.front() != ' ' &&
           name.back() != ' ';
  }

  std::array<char, 24> number_{};
  std::string_view name_;
};

}  // namespace razor::faults::detail

/// Records that the rule is broken, and goes on, unless `condition` holds. `rule`: a number, or a name as `detail::RuleName`
/// has it.
#define RAZOR_RULE(rule, condition, ...) \
  RAZOR_EXPECT(condition, "rule {}: {}", ::razor::faults::detail::RuleName(rule).text(), ::fmt::format(__VA_ARGS__))
