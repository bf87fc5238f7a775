#include "razor/base/format.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace razor::base {
namespace detail {

void wrong_format(const char* why) {
  // Format strings are checked when they are compiled: nothing else gets here.
  std::fprintf(stderr, "razor: %s\n", why);
  std::abort();
}

}  // namespace detail

namespace {

using detail::TextForm;

constexpr std::size_t kIntegerMax = 20;  // digits of 64 bits
// Sign, the digits of the largest double, point, and the largest precision that a form may have.
constexpr std::size_t kFloatingMax = 1 + 309 + 1 + detail::kFormNumberMax;

void append_padded(std::string& text, const TextForm& form, std::string_view sign, std::string_view digits) {
  const std::size_t size = sign.size() + digits.size();
  const std::size_t width = static_cast<std::size_t>(form.width);
  const std::size_t fill = width > size ? width - size : 0;
  if (!form.zeros) text.append(fill, ' ');
  text += sign;
  if (form.zeros) text.append(fill, '0');
  text += digits;
}

void append_integer(std::string& text, const TextForm& form, bool negative, std::uint64_t magnitude) {
  char digits[kIntegerMax];
  const auto end = std::to_chars(digits, digits + kIntegerMax, magnitude, form.type == 'x' ? 16 : 10).ptr;
  const std::string_view prefix = form.alternative ? (negative ? "-0x" : "0x") : (negative ? "-" : "");
  append_padded(text, form, prefix, std::string_view(digits, end));
}

void append_floating(std::string& text, const TextForm& form, double value) {
  char digits[kFloatingMax];
  char* const last = digits + kFloatingMax;
  const int precision = form.precision < 0 ? 6 : form.precision;  // printf's own
  char* end = digits;
  switch (form.type) {
    case 'e': end = std::to_chars(digits, last, value, std::chars_format::scientific, precision).ptr; break;
    case 'f': end = std::to_chars(digits, last, value, std::chars_format::fixed, precision).ptr; break;
    case 'g': end = std::to_chars(digits, last, value, std::chars_format::general, precision).ptr; break;
    default: end = std::to_chars(digits, last, value).ptr; break;
  }
  const std::string_view number(digits, end);
  const std::size_t sign = number.starts_with('-') ? 1 : 0;
  append_padded(text, form, number.substr(0, sign), number.substr(sign));
}

void append(std::string& text, const TextForm& form, const TextArg& arg) {
  switch (arg.kind()) {
    case TextArg::Kind::boolean: text += arg.integer() != 0 ? "true" : "false"; return;
    case TextArg::Kind::character: text += static_cast<char>(arg.integer()); return;
    case TextArg::Kind::signed_integer: {
      const bool negative = static_cast<std::int64_t>(arg.integer()) < 0;
      append_integer(text, form, negative, negative ? ~arg.integer() + 1 : arg.integer());
      return;
    }
    case TextArg::Kind::unsigned_integer: append_integer(text, form, false, arg.integer()); return;
    case TextArg::Kind::floating: append_floating(text, form, arg.floating()); return;
    case TextArg::Kind::text: text += arg.text(); return;
    case TextArg::Kind::object: text += arg.object(); return;
  }
}

}  // namespace

std::string format_args(std::string_view format, const TextArg* args, std::size_t count) {
  std::string text;
  std::size_t used = 0;
  for (std::size_t brace; (brace = detail::next_brace(format)) != format.npos;) {
    text += format.substr(0, brace);
    format.remove_prefix(brace);
    if (detail::begins_with_doubled(format)) {
      text += format.front();
      format.remove_prefix(2);
      continue;
    }
    format.remove_prefix(1);
    const TextForm form = detail::read_form(format);
    if (used == count) detail::wrong_format("more {} than values");
    append(text, form, args[used++]);
  }
  text += format;
  return text;
}

}  // namespace razor::base
