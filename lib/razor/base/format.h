#pragma once
// Texts from a format string and values, as fmt has them; without fmt, whose version is the user's own affair.
//
//   base::format("{} calls wait already (limit {})", waiting, limit)
//
// A format string is checked when it is compiled: the number of its `{}`, and the form of each. A form is
// `{:[#][0][width][.precision][type]}`, with the types `x` (integers) and `e`, `f`, `g` (floating point).
// The headers only collect the values; format.cc makes the text.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace razor::base {

/// A value that can say what it is, as an Address can.
template <class T>
concept HasToString = requires(const T& value) {
  { value.to_string() } -> std::convertible_to<std::string>;
};

/// One value of a text. Borrows texts and objects: for the call that it is made for.
class TextArg {
 public:
  enum class Kind : std::uint8_t { boolean, character, signed_integer, unsigned_integer, floating, text, object };

  template <class T>
  static consteval Kind kind_of() {
    if constexpr (std::is_same_v<T, bool>) {
      return Kind::boolean;
    } else if constexpr (std::is_same_v<T, char>) {
      return Kind::character;
    } else if constexpr (std::is_integral_v<T>) {
      return std::is_signed_v<T> ? Kind::signed_integer : Kind::unsigned_integer;
    } else if constexpr (std::is_floating_point_v<T>) {
      return Kind::floating;
    } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      return Kind::text;
    } else {
      static_assert(HasToString<T>, "a text is made of numbers, strings, and what has to_string()");
      return Kind::object;
    }
  }

  template <class T>
  explicit TextArg(const T& value) : kind_(kind_of<T>()) {
    if constexpr (kind_of<T>() == Kind::floating) {
      floating_ = static_cast<double>(value);
    } else if constexpr (kind_of<T>() == Kind::text) {
      const std::string_view text = value;
      text_ = {text.data(), text.size()};
    } else if constexpr (kind_of<T>() == Kind::object) {
      object_ = {&value, [](const void* object) { return std::string(static_cast<const T*>(object)->to_string()); }};
    } else {
      integer_ = static_cast<std::uint64_t>(value);  // a negative one keeps its bits
    }
  }

  Kind kind() const { return kind_; }
  std::uint64_t integer() const { return integer_; }
  double floating() const { return floating_; }
  std::string_view text() const { return {text_.data, text_.size}; }
  std::string object() const { return object_.to_string(object_.object); }

 private:
  struct Text {
    const char* data;
    std::size_t size;
  };
  struct Object {
    const void* object;
    std::string (*to_string)(const void* object);
  };

  Kind kind_;
  union {
    std::uint64_t integer_;
    double floating_;
    Text text_;
    Object object_;
  };
};

namespace detail {

/// What stands behind the colon of a `{:...}`.
struct TextForm {
  bool alternative = false;  // `#`: 0x before hexadecimal digits
  bool zeros = false;        // fills up to the width with zeros, not blanks
  int width = 0;
  int precision = -1;
  char type = '\0';
};

/// The largest width and precision.
inline constexpr int kFormNumberMax = 1000;

// Called where a format string is wrong; not constexpr, so that the compiler stops there and names it.
[[noreturn]] void wrong_format(const char* why);

constexpr int digits(std::string_view& format) {
  int number = 0;
  while (!format.empty() && format.front() >= '0' && format.front() <= '9') {
    number = number * 10 + (format.front() - '0');
    if (number > kFormNumberMax) wrong_format("a width or precision above 1000");
    format.remove_prefix(1);
  }
  return number;
}

/// Reads a form up to behind its `}`; `format` begins behind its `{`.
constexpr TextForm read_form(std::string_view& format) {
  TextForm form;
  const auto take = [&format](char wanted) {
    if (format.empty() || format.front() != wanted) return false;
    format.remove_prefix(1);
    return true;
  };
  if (take(':')) {
    form.alternative = take('#');
    form.zeros = take('0');
    form.width = digits(format);
    if (take('.')) form.precision = digits(format);
    for (const char type : {'x', 'e', 'f', 'g'}) {
      if (take(type)) form.type = type;
    }
  }
  if (!take('}')) wrong_format("a {} that is not closed, or has an unknown form");
  return form;
}

constexpr void check_form(const TextForm& form, TextArg::Kind kind) {
  const bool is_integer = kind == TextArg::Kind::signed_integer || kind == TextArg::Kind::unsigned_integer;
  const bool is_floating = kind == TextArg::Kind::floating;
  if (form.type == 'x' && !is_integer) wrong_format("{:x} of what is no integer");
  if ((form.type == 'e' || form.type == 'f' || form.type == 'g') && !is_floating) {
    wrong_format("{:e}, {:f} or {:g} of what is no floating-point number");
  }
  if (form.alternative && form.type != 'x') wrong_format("{:#} is for hexadecimal numbers");
  if (form.precision >= 0 && form.type == '\0') wrong_format("a precision without {:e}, {:f} or {:g}");
  if ((form.zeros || form.width > 0) && !is_integer && !is_floating) wrong_format("a width of what is no number");
}

/// Where the next `{}` or doubled brace begins; npos: nowhere.
constexpr std::size_t next_brace(std::string_view format) { return format.find_first_of("{}"); }

/// Whether `format` begins with a doubled brace, which stands for a single one.
constexpr bool begins_with_doubled(std::string_view format) { return format.size() >= 2 && format[0] == format[1]; }

}  // namespace detail

/// A format string for values of these types: a literal, checked when it is compiled.
template <class... Args>
class TextFormat {
 public:
  template <class Literal>
    requires std::is_convertible_v<const Literal&, std::string_view>
  consteval TextFormat(const Literal& literal) : text_(literal) {
    constexpr TextArg::Kind kinds[] = {TextArg::kind_of<Args>()..., TextArg::Kind::boolean};
    std::string_view rest = text_;
    std::size_t used = 0;
    for (std::size_t brace; (brace = detail::next_brace(rest)) != rest.npos;) {
      rest.remove_prefix(brace);
      if (detail::begins_with_doubled(rest)) {
        rest.remove_prefix(2);
        continue;
      }
      if (rest.front() == '}') detail::wrong_format("a } without its {");
      rest.remove_prefix(1);
      const detail::TextForm form = detail::read_form(rest);
      if (used == sizeof...(Args)) detail::wrong_format("more {} than values");
      detail::check_form(form, kinds[used++]);
    }
    if (used != sizeof...(Args)) detail::wrong_format("fewer {} than values");
  }

  std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

/// The text of a checked format string and its `count` values.
std::string format_args(std::string_view format, const TextArg* args, std::size_t count);

/// Errors: std::bad_alloc.
template <class... Args>
std::string format(TextFormat<std::type_identity_t<Args>...> format, const Args&... args) {
  if constexpr (sizeof...(Args) == 0) {
    return format_args(format.text(), nullptr, 0);
  } else {
    const TextArg values[] = {TextArg(args)...};
    return format_args(format.text(), values, sizeof...(Args));
  }
}

}  // namespace razor::base
