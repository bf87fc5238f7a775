#include "faults/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "faults/values.h"

namespace razor::faults {
namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  constexpr std::string_view kSpace = " \t\r";
  std::size_t at = line.find_first_not_of(kSpace);
  while (at != line.npos) {
    const std::size_t end = std::min(line.find_first_of(kSpace, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kSpace, end);
  }
  return words;
}

template <class Number>
bool read(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

// "#3 at 1.25s cut caller0 server1 for 3s way=there", and what is wrong with it.
std::string read_fault(std::vector<std::string_view> words, Fault& fault) {
  auto word = words.begin();
  if (word->front() == '#') {
    if (!read(word->substr(1), fault.number) || fault.number == 0) return fmt::format("{}: want a number from 1", *word);
    ++word;
  }
  if (words.end() - word < 3 || *word != "at") return "want: [#NUMBER] at TIME WHAT [HOST ...] [for TIME] [NAME=VALUE ...]";
  const auto at = parse_duration(*++word);
  if (!at) return fmt::format("at {}: want a time, as 1.25s", *word);
  fault.at = *at;
  fault.what = *++word;
  for (++word; word != words.end(); ++word) {
    if (*word == "for") {
      const auto lasts = ++word == words.end() ? std::nullopt : parse_duration(*word);
      if (!lasts) return "for: want a time, as 250ms";
      fault.lasts = *lasts;
    } else if (const std::size_t equals = word->find('='); equals != word->npos) {
      if (equals == 0 || equals + 1 == word->size()) return fmt::format("{}: want NAME=VALUE", *word);
      fault.parameters.insert_or_assign(std::string(word->substr(0, equals)), std::string(word->substr(equals + 1)));
    } else {
      fault.where.emplace_back(*word);
    }
  }
  return {};
}

std::string read_line(const std::vector<std::string_view>& words, Plan& plan) {
  const std::string_view first = words.front();
  if (first == "at" || (first.size() > 1 && first.front() == '#' && words.size() > 1 && words[1] == "at")) {
    return read_fault(words, plan.faults.emplace_back());
  }
  if (first.front() == '#') return {};
  if (first == "scenario" && words.size() == 2) {
    plan.scenario = words[1];
  } else if (first == "seed" && words.size() == 2) {
    if (!read(words[1], plan.seed.emplace())) return fmt::format("seed {}: want a whole number", words[1]);
  } else if (first == "set" && words.size() == 3) {
    plan.settings.insert_or_assign(std::string(words[1]), std::string(words[2]));
  } else {
    return fmt::format("{}: want 'scenario NAME', 'seed NUMBER', 'set NAME VALUE' or '[#NUMBER] at TIME WHAT ...'", first);
  }
  return {};
}

// Those that have none get the next that is free.
std::string number_faults(Plan& plan) {
  std::set<std::uint32_t> taken;
  for (const Fault& fault : plan.faults) {
    if (fault.number != 0 && !taken.insert(fault.number).second)
      return fmt::format("two faults are called #{}", fault.number);
  }
  std::uint32_t next = 1;
  for (Fault& fault : plan.faults) {
    if (fault.number != 0) continue;
    while (taken.contains(next)) ++next;
    fault.number = next++;
  }
  return {};
}

}  // namespace

std::int64_t Fault::number_of(std::string_view parameter, std::int64_t otherwise) const {
  const auto found = parameters.find(parameter);
  return found == parameters.end() ? otherwise : parse_number(found->second).value_or(otherwise);
}

base::Duration Fault::duration_of(std::string_view parameter, base::Duration otherwise) const {
  const auto found = parameters.find(parameter);
  return found == parameters.end() ? otherwise : parse_duration(found->second).value_or(otherwise);
}

std::string_view Fault::word_of(std::string_view parameter, std::string_view otherwise) const {
  const auto found = parameters.find(parameter);
  return found == parameters.end() ? otherwise : std::string_view(found->second);
}

void Fault::set(std::string_view parameter, std::int64_t value) {
  parameters.insert_or_assign(std::string(parameter), fmt::format("{}", value));
}
void Fault::set(std::string_view parameter, base::Duration value) {
  parameters.insert_or_assign(std::string(parameter), to_text(value));
}
void Fault::set(std::string_view parameter, std::string_view value) {
  parameters.insert_or_assign(std::string(parameter), std::string(value));
}

std::string Fault::to_string() const {
  std::string line = fmt::format("#{} at {} {}", number, to_text(at), what);
  for (const std::string& host : where) line += fmt::format(" {}", host);
  if (lasts > base::Duration::zero()) line += fmt::format(" for {}", to_text(lasts));
  for (const auto& [name, value] : parameters) line += fmt::format(" {}={}", name, value);
  return line;
}

const Fault* Plan::find(std::uint32_t number) const {
  const auto found = std::ranges::find(faults, number, &Fault::number);
  return found == faults.end() ? nullptr : &*found;
}

void Plan::sort() {
  std::ranges::sort(faults, [](const Fault& one, const Fault& other) {
    return one.at != other.at ? one.at < other.at : one.number < other.number;
  });
}

std::string Plan::to_string() const {
  std::string text;
  if (!scenario.empty()) text += fmt::format("scenario {}\n", scenario);
  if (seed) text += fmt::format("seed {}\n", *seed);
  for (const auto& [name, value] : settings) text += fmt::format("set {} {}\n", name, value);
  for (const Fault& fault : faults) text += fault.to_string() + '\n';
  return text;
}

std::optional<Plan> Plan::parse(std::string_view text, std::string& error) {
  Plan plan;
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::vector<std::string_view> words = words_of(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (words.empty()) continue;
    const std::string wrong = read_line(words, plan);
    if (!wrong.empty()) {
      error = fmt::format("line {}: {}", line_number, wrong);
      return std::nullopt;
    }
  }
  error = number_faults(plan);
  if (!error.empty()) return std::nullopt;
  plan.sort();
  return plan;
}

}  // namespace razor::faults
