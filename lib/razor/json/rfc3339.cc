#include "razor/json/rfc3339.h"

#include <charconv>
#include <chrono>

#include "razor/base/format.h"

namespace razor::json {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr std::int64_t kDay = 86'400;
constexpr sys_days kFirst = std::chrono::year(0) / 1 / 1;
constexpr sys_days kEnd = std::chrono::year(10'000) / 1 / 1;

// The number that `digits` are: nothing else may be among them.
std::optional<unsigned> number_of(std::string_view digits) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

}  // namespace

std::optional<std::string> text_of(wire::Timestamp time) {
  const std::int64_t day = time.seconds / kDay - (time.seconds % kDay < 0 ? 1 : 0);
  if (day < kFirst.time_since_epoch().count() || day >= kEnd.time_since_epoch().count()) return std::nullopt;
  const year_month_day date{sys_days(days(day))};
  const std::int64_t second = time.seconds - day * kDay;
  std::string text =
      base::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                   static_cast<unsigned>(date.day()), second / 3600, second / 60 % 60, second % 60);
  if (time.nanoseconds > 0) {
    std::string fraction = base::format("{:09}", time.nanoseconds);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += "." + fraction;
  }
  return text + "Z";
}

std::optional<wire::Timestamp> timestamp_of(std::string_view text) {
  if (text.size() < 20 || text.back() != 'Z') return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':') return std::nullopt;
  const auto year = number_of(text.substr(0, 4)), month = number_of(text.substr(5, 2)), day = number_of(text.substr(8, 2));
  const auto hour = number_of(text.substr(11, 2)), minute = number_of(text.substr(14, 2)),
             second = number_of(text.substr(17, 2));
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const year_month_day date{std::chrono::year(static_cast<int>(*year)), std::chrono::month(*month), std::chrono::day(*day)};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;

  wire::Timestamp time;
  time.seconds = sys_days(date).time_since_epoch().count() * kDay + *hour * 3600 + *minute * 60 + *second;
  std::string_view fraction = text.substr(19, text.size() - 20);
  if (fraction.empty()) return time;
  if (fraction.front() != '.' || fraction.size() < 2 || fraction.size() > 10) return std::nullopt;
  std::string digits(fraction.substr(1));
  digits.resize(9, '0');
  const auto nanoseconds = number_of(digits);
  if (!nanoseconds) return std::nullopt;
  time.nanoseconds = *nanoseconds;
  return time;
}

}  // namespace razor::json
