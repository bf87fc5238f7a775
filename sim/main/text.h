#pragma once
// Texts that the programs of scenarios print.

#include <string>
#include <string_view>

namespace razor::sim {

/// `word` as a shell reads it back.
inline std::string shell_quoted(std::string_view word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./=:,@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == word.npos) return std::string(word);
  std::string text = "'";
  for (const char letter : word) text += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return text + "'";
}

/// Every line begins with `margin`.
inline std::string indented(std::string_view text, std::string_view margin = "  ") {
  std::string out(margin);
  for (const char letter : text) {
    out += letter;
    if (letter == '\n') out += margin;
  }
  return out;
}

}  // namespace razor::sim
