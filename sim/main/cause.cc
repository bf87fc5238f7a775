#include "sim/main/cause.h"

#include <fmt/format.h>

namespace razor::sim {
namespace {

constexpr std::size_t kShownMax = 100;

std::string_view line_at(std::string_view text, std::size_t position) {
  const std::size_t begin = text.substr(0, position).rfind('\n') + 1;  // npos + 1 is 0
  return text.substr(begin, text.substr(begin).find('\n'));
}

std::string_view file_name(std::string_view place) { return place.substr(place.rfind('/') + 1); }

// "rule 12" of "expected: runs <= 1: rule 12: call 17 ran twice"; empty where there is none.
std::string_view rule_in(std::string_view message) {
  constexpr std::string_view kRule = "rule ";
  std::size_t begin = 0;
  if (!message.starts_with(kRule)) {
    begin = message.find(": rule ");
    if (begin == message.npos) return {};
    begin += 2;
  }
  const std::string_view rule = message.substr(begin, message.substr(begin).find(':'));
  return rule.size() > kShownMax || rule.find('\n') != rule.npos ? std::string_view{} : rule;
}

// What the process printed says more than its signal: a failed RAZOR_CHECK, or a sanitizer's last line.
std::string_view crash_in(std::string_view message) {
  constexpr std::string_view kCheck = ": check failed";
  if (const std::size_t found = message.find(kCheck); found != message.npos) {
    const std::string_view line = line_at(message, found);
    return file_name(line.substr(0, line.find(kCheck) + kCheck.size()));
  }
  constexpr std::string_view kSummary = "SUMMARY: ";
  if (const std::size_t found = message.find(kSummary); found != message.npos) {
    return line_at(message, found).substr(kSummary.size());
  }
  constexpr std::string_view kCrashed = "crashed: ";
  if (message.starts_with(kCrashed)) message.remove_prefix(kCrashed.size());
  return message.substr(0, std::min(message.find(", at event "), message.find('\n')));
}

std::string_view telling_part(const ScenarioFailure& failure) {
  switch (failure.kind) {
    case ScenarioFailure::Kind::expectation:
    case ScenarioFailure::Kind::requirement: {
      const std::string_view rule = rule_in(failure.message);
      return rule.empty() ? file_name(failure.place) : rule;
    }
    case ScenarioFailure::Kind::exception: return line_at(failure.message, 0);
    case ScenarioFailure::Kind::crash: return crash_in(failure.message);
    case ScenarioFailure::Kind::time_limit:
    case ScenarioFailure::Kind::divergence: break;  // their messages are of one run
  }
  return {};
}

}  // namespace

std::string cause_of(std::string_view scenario, const ScenarioFailure& failure) {
  const std::string_view telling = telling_part(failure).substr(0, kShownMax);
  return fmt::format("{}, {}{}{}", scenario, name_of(failure.kind), telling.empty() ? "" : ": ", telling);
}

}  // namespace razor::sim
