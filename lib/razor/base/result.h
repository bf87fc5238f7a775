#pragma once
// Result<T>: a value, or the std::error_code that says why there is none. For expected failures; see base/check.h for
// bugs. Differs from std::expected in its fixed error type, and in checking every access.

#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include "razor/base/check.h"

namespace razor::base {
namespace detail {

// The text of a failed Result. Results of plain values, such as those of each read and write, have no room for one and
// stay trivial to destroy.
template <class T>
inline constexpr bool kHasFailureText = !std::is_trivially_destructible_v<T>;

struct NoFailureText {};

template <class T>
using FailureText = std::conditional_t<kHasFailureText<T>, std::string, NoFailureText>;

}  // namespace detail

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(std::error_code error) : error_(error) { RAZOR_CHECK(bool(error), "a Result without value needs an error"); }
  template <class Enum>
    requires(std::is_error_code_enum_v<Enum> || std::is_same_v<Enum, std::errc>)
  Result(Enum error) : Result(std::error_code(make_error_code(error))) {}

  /// `text` is for people and names what the error's own message cannot know: which text, which address, which name.
  Result(std::error_code error, std::string text)
    requires(detail::kHasFailureText<T>)
      : Result(error) {
    text_ = std::move(text);
  }

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  /// No error when there is a value.
  std::error_code error() const { return error_; }
  /// What went wrong, for people: the text that came with the error, else the error's own message.
  std::string message() const {
    if constexpr (detail::kHasFailureText<T>) {
      if (!text_.empty()) return text_;
    }
    return error_.message();
  }

  T& value() & { return checked(); }
  const T& value() const& { return const_cast<Result&>(*this).checked(); }
  T&& value() && { return std::move(checked()); }
  T& operator*() & { return checked(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(checked()); }
  T* operator->() { return &checked(); }
  const T* operator->() const { return &value(); }

 private:
  T& checked() {
    RAZOR_CHECK(value_.has_value(), "value() of a failed Result: {}", message());
    return *value_;
  }

  std::optional<T> value_;
  std::error_code error_;
  [[no_unique_address]] detail::FailureText<T> text_;
};

/// Success without a value, or the error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(std::error_code error) : error_(error) { RAZOR_CHECK(bool(error), "a failed Result needs an error"); }
  template <class Enum>
    requires(std::is_error_code_enum_v<Enum> || std::is_same_v<Enum, std::errc>)
  Result(Enum error) : Result(std::error_code(make_error_code(error))) {}

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  std::error_code error() const { return error_; }

 private:
  std::error_code error_;
};

}  // namespace razor::base

namespace razor {
using base::Result;
}  // namespace razor
