#include "sim/main/cause.h"

#include <fmt/format.h>

#include <cctype>

namespace razor::sim {
namespace {

constexpr std::size_t kRuleMax = 100;
// Of the text of a check: enough to tell checks apart, and short enough for a line.
constexpr std::size_t kTextMax = 120;

std::string_view line_at(std::string_view text, std::size_t position) {
  const std::size_t begin = text.substr(0, position).rfind('\n') + 1;  // npos + 1 is 0
  return text.substr(begin, text.substr(begin).find('\n'));
}

std::string_view file_name(std::string_view place) { return place.substr(place.rfind('/') + 1); }

// Where "rule 12: ..." begins in "expected: runs <= 1: rule 12: call 17 ran twice"; npos where there is none.
std::size_t rule_begin(std::string_view message) {
  constexpr std::string_view kRule = "rule ";
  std::size_t begin = 0;
  if (!message.starts_with(kRule)) {
    begin = message.find(": rule ");
    if (begin == message.npos) return begin;
    begin += 2;
  }
  const std::size_t colon = message.substr(begin).find(':');
  const std::string_view rule = message.substr(begin, colon);
  return colon == message.npos || rule.size() > kRuleMax || rule.find('\n') != rule.npos ? message.npos : begin;
}

// "rule 12"; empty where there is none.
std::string_view rule_in(std::string_view message) {
  const std::size_t begin = rule_begin(message);
  if (begin == message.npos) return {};
  return message.substr(begin, message.substr(begin).find(':'));
}

bool is_of_a_word(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_' || letter == '#';
}

// The first line of a text without what differs from run to run: every word with a digit in it (numbers, times, addresses,
// "server0:7000") becomes "#", and a list of them one "#".
std::string without_numbers(std::string_view text) {
  text = line_at(text, 0);
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = at;
    // Dots, colons and dashes belong to a word where more of it follows: "1.5s", "10.0.0.1:7000", "-3".
    while (end < text.size() && (is_of_a_word(text[end]) || ((text[end] == '.' || text[end] == ':' || text[end] == '-') &&
                                                             end + 1 < text.size() && is_of_a_word(text[end + 1])))) {
      ++end;
    }
    if (end == at) {
      out += text[at++];
      continue;
    }
    const std::string_view word = text.substr(at, end - at);
    const bool has_digit = word.find_first_of("0123456789") != word.npos;
    at = end;
    if (!has_digit) {
      out += word;
    } else if (out.ends_with("#, ") || out.ends_with("# ")) {
      out.resize(out.rfind('#') + 1);
    } else {
      out += '#';
    }
  }
  return out.substr(0, kTextMax);
}

// What the process printed says more than its signal: a failed RAZOR_CHECK, or a sanitizer's last line.
std::string crash_in(std::string_view message) {
  constexpr std::string_view kCheck = ": check failed";
  if (const std::size_t found = message.find(kCheck); found != message.npos) {
    const std::string_view line = line_at(message, found);
    const std::size_t behind = line.find(kCheck) + kCheck.size();
    return fmt::format("{}{}", file_name(line.substr(0, behind)), without_numbers(line.substr(behind)));
  }
  constexpr std::string_view kSummary = "SUMMARY: ";
  if (const std::size_t found = message.find(kSummary); found != message.npos) {
    return std::string(line_at(message, found).substr(kSummary.size()));
  }
  constexpr std::string_view kCrashed = "crashed: ";
  if (message.starts_with(kCrashed)) message.remove_prefix(kCrashed.size());
  return std::string(message.substr(0, std::min(message.find(", at event "), message.find('\n'))));
}

std::string check_in(const ScenarioFailure& failure) {
  std::string_view message = failure.message;
  if (const std::size_t begin = rule_begin(message); begin != message.npos) {
    message.remove_prefix(begin);
    const std::size_t colon = message.find(':');
    return fmt::format("{}{}", message.substr(0, colon), without_numbers(message.substr(colon)));
  }
  constexpr std::string_view kExpected = "expected: ";
  if (message.starts_with(kExpected)) message.remove_prefix(kExpected.size());
  return fmt::format("{}: {}", file_name(failure.place), without_numbers(message));
}

std::string telling_part(const ScenarioFailure& failure) {
  switch (failure.kind) {
    case ScenarioFailure::Kind::expectation:
    case ScenarioFailure::Kind::requirement: return check_in(failure);
    case ScenarioFailure::Kind::exception: return without_numbers(failure.message);
    case ScenarioFailure::Kind::crash: return crash_in(failure.message);
    case ScenarioFailure::Kind::time_limit:
    case ScenarioFailure::Kind::divergence: break;  // their messages are of one run
  }
  return {};
}

}  // namespace

std::string check_of(const ScenarioFailure& failure) {
  const std::string_view rule = rule_in(failure.message);
  return std::string(rule.empty() ? file_name(failure.place) : rule);
}

std::string cause_of(std::string_view scenario, const ScenarioFailure& failure) {
  const std::string telling = telling_part(failure);
  return fmt::format("{}, {}{}{}", scenario, name_of(failure.kind), telling.empty() ? "" : ": ", telling);
}

}  // namespace razor::sim
