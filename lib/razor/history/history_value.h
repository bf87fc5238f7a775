#pragma once
// HistoryValue: an argument or a result of a call, as a history of calls writes it: null, a bool, a whole number, a floating
// point number, a text, or a list of such values.
//
//   recorder->invoke({.op = "write", .key = "x", .args = {1}});
//   recorder->ok(id, HistoryValue::List{"a", 2, nullptr});
//
// Write and read results of one type in one way: checkers compare them as JSON values.

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace razor::history {

class HistoryValue {
 public:
  using List = std::vector<HistoryValue>;
  using Held = std::variant<std::monostate, bool, std::int64_t, double, std::string, List>;

  /// Null.
  HistoryValue() = default;
  HistoryValue(std::nullptr_t) {}
  template <std::same_as<bool> Bool>
  HistoryValue(Bool value) : held_(value) {}
  /// Integers that an int64_t holds: one of 64 bits without a sign is converted by its owner, who knows how large it can be.
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool> && (std::is_signed_v<Integer> || sizeof(Integer) < sizeof(std::int64_t)))
  HistoryValue(Integer value) : held_(static_cast<std::int64_t>(value)) {}
  HistoryValue(double value) : held_(value) {}
  HistoryValue(std::string value) : held_(std::move(value)) {}
  HistoryValue(std::string_view value) : held_(std::string(value)) {}
  HistoryValue(const char* value) : held_(std::string(value)) {}
  HistoryValue(List values) : held_(std::move(values)) {}
  template <class T>
  HistoryValue(const std::optional<T>& value) {
    if (value) *this = HistoryValue(*value);
  }

  const Held& held() const { return held_; }
  bool operator==(const HistoryValue&) const = default;

 private:
  Held held_;
};

/// Lists within lists, above which a value has no line.
inline constexpr int kListDepthMax = 64;

/// Appends the JSON of `value`.
///
/// A floating point number is written so that it is read back as the same number. Bytes of a text that are no UTF-8 become the
/// halves of surrogates that Python's `surrogateescape` reads them as: two texts that differ are different in JSON too.
/// Errors: false for what JSON cannot hold: infinities, what is no number, lists in more than kListDepthMax lists. `to` is then
///         unfinished.
bool append_json(std::string& to, const HistoryValue& value);

/// Appends the JSON of a text, in quotes.
void append_json_text(std::string& to, std::string_view text);

/// How many bytes at the front of `text` are one character in UTF-8 (RFC 3629); 0: they are none, or `text` is empty.
std::size_t utf8_character_bytes(std::string_view text);

}  // namespace razor::history
