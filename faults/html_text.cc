#include "faults/html_text.h"

#include <fmt/format.h>

#include <chrono>

namespace razor::faults {

std::string in_html(std::string_view text) {
  std::string html;
  for (const char letter : text) {
    switch (letter) {
      case '&': html += "&amp;"; break;
      case '<': html += "&lt;"; break;
      case '>': html += "&gt;"; break;
      case '"': html += "&quot;"; break;
      case '\'': html += "&#39;"; break;
      default: {
        // Names and messages may hold any bytes.
        const bool is_control = static_cast<unsigned char>(letter) < 0x20 && letter != '\n' && letter != '\t';
        html += is_control || letter == 0x7f ? "\xef\xbf\xbd" : std::string(1, letter);
      }
    }
  }
  return html;
}

std::string shortened(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  std::size_t end = bytes_max > 0 ? bytes_max - 1 : 0;
  // Not within the bytes of one letter (UTF-8).
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

std::string in_words(base::Duration span) {
  const double seconds = std::chrono::duration<double>(span).count();
  if (seconds == 0) return "0 s";
  if (seconds < 1e-6) return fmt::format("{} ns", span.count());
  if (seconds < 1e-3) return fmt::format("{:.4g} µs", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.4g} ms", seconds * 1e3);
  if (seconds < 120) return fmt::format("{:.4g} s", seconds);
  if (seconds < 7200) return fmt::format("{:.4g} min", seconds / 60);
  return fmt::format("{:.4g} h", seconds / 3600);
}

}  // namespace razor::faults
