#include "razor/history/history_value.h"

#include <array>
#include <charconv>
#include <cmath>

#include "razor/base/format.h"

namespace razor::history {
namespace {

void append_number(std::string& to, std::int64_t number) { to += std::to_string(number); }

bool append_number(std::string& to, double number) {
  if (!std::isfinite(number)) return false;
  std::array<char, 32> digits;
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  const std::string_view text(digits.data(), static_cast<std::size_t>(written.ptr - digits.data()));
  to += text;
  // A reader must not take it for a whole number.
  if (text.find_first_of(".e") == text.npos) to += ".0";
  return true;
}

class JsonAppender {
 public:
  explicit JsonAppender(std::string& to) : to_(to) {}

  bool operator()(std::monostate) {
    to_ += "null";
    return true;
  }
  bool operator()(bool value) {
    to_ += value ? "true" : "false";
    return true;
  }
  bool operator()(std::int64_t value) {
    append_number(to_, value);
    return true;
  }
  bool operator()(double value) { return append_number(to_, value); }
  bool operator()(const std::string& text) {
    append_json_text(to_, text);
    return true;
  }
  bool operator()(const HistoryValue::List& values) {
    if (depth_ == kListDepthMax) return false;
    ++depth_;
    to_ += '[';
    bool is_first = true;
    for (const HistoryValue& value : values) {
      if (!is_first) to_ += ',';
      is_first = false;
      if (!std::visit(*this, value.held())) return false;
    }
    to_ += ']';
    --depth_;
    return true;
  }

 private:
  std::string& to_;
  int depth_ = 0;
};

unsigned byte_at(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }

}  // namespace

std::size_t utf8_character_bytes(std::string_view text) {
  if (text.empty()) return 0;
  const unsigned first = byte_at(text, 0);
  if (first < 0x80) return 1;
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  // 80 to bf continue a character; c0 and c1 would spell one of a single byte in two.
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return 0;
  for (std::size_t at = 1; at < bytes; ++at) {
    if ((byte_at(text, at) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte_at(text, 1);
  if (first == 0xe0 && second < 0xa0) return 0;  // fits two bytes
  if (first == 0xed && second > 0x9f) return 0;  // half of a pair of surrogates
  if (first == 0xf0 && second < 0x90) return 0;  // fits three bytes
  if (first == 0xf4 && second > 0x8f) return 0;  // above U+10FFFF
  return bytes;
}

void append_json_text(std::string& to, std::string_view text) {
  to += '"';
  while (!text.empty()) {
    const char character = text.front();
    const std::size_t bytes = utf8_character_bytes(text);
    if (bytes == 0) {
      to += base::format("\\udc{:02x}", byte_at(text, 0));
    } else if (character == '"' || character == '\\') {
      to += '\\';
      to += character;
    } else if (character == '\n') {
      to += "\\n";
    } else if (byte_at(text, 0) < 0x20) {
      to += base::format("\\u{:04x}", byte_at(text, 0));
    } else {
      to += text.substr(0, bytes);
    }
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  to += '"';
}

bool append_json(std::string& to, const HistoryValue& value) { return std::visit(JsonAppender(to), value.held()); }

}  // namespace razor::history
