#include "faults/call_stories.h"

#include <fmt/format.h>

#include "faults/values.h"

namespace razor::faults {

using base::Errc;
using base::Ran;
using base::TimePoint;

namespace {

std::string_view errc_name(std::uint8_t packed) { return base::name_of(static_cast<Errc>(packed >> 2)); }
std::string_view ran_name(std::uint8_t packed) { return base::name_of(static_cast<Ran>(packed & 3)); }

std::string_view name_of(HandlerAnswer answer) {
  switch (answer) {
    case HandlerAnswer::value: return "answered";
    case HandlerAnswer::error: return "answered with its error";
    case HandlerAnswer::refused: return "refused";
    case HandlerAnswer::threw: return "threw";
    case HandlerAnswer::dropped: return "dropped its responder";
  }
  return "?";
}

// To the last nanosecond, in seconds: "3.004210123s".
std::string moment(TimePoint at) {
  const auto count = at.time_since_epoch().count();
  std::string text = fmt::format("{}.{:09}", count / 1'000'000'000, count % 1'000'000'000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text + 's';
}

}  // namespace

std::uint8_t CallStories::packed_error(const base::CallError& error) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(error.errc()) << 2 | static_cast<unsigned>(error.ran()));
}

std::uint32_t CallStories::take(std::uint32_t number) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(stories_.size()));
    stories_.emplace_back();
  }
  const std::uint32_t place = free_.back();
  free_.pop_back();
  stories_[place].number = number;
  stories_[place].stages.clear();
  return place;
}

const CallStories::Story* CallStories::answered_with(std::uint64_t hash) const {
  for (const Story& story : stories_) {
    for (const Stage& stage : story.stages) {
      if (stage.step == Step::answered && stage.value == hash) return &story;
    }
  }
  return nullptr;
}

std::uint16_t CallStories::number_of_name(std::string_view name) {
  const auto known = name_numbers_.find(name);
  if (known != name_numbers_.end()) return known->second;
  const auto number = static_cast<std::uint16_t>(names_.size());
  names_.emplace_back(name);
  name_numbers_.emplace(name, number);
  return number;
}

std::string CallStories::text_of(const Story& story) const {
  std::string text;
  for (const Stage& stage : story.stages) {
    text += fmt::format("{} {} {}\n", moment(stage.at), names_[stage.host], text_of(story, stage));
  }
  return text;
}

std::string CallStories::text_of(const Story& story, const Stage& stage) const {
  switch (stage.step) {
    case Step::submitted: return fmt::format("submitted {}, timeout {}", names_[story.name], to_rounded_text(story.timeout));
    case Step::dispatched:
      return stage.value == story.request_hash ? "entered its handler" : "entered its handler, with other arguments";
    case Step::answered: return std::string(name_of(static_cast<HandlerAnswer>(stage.detail)));
    case Step::succeeded: return "succeeded";
    case Step::ended_with_error: return "ended with the handler's error";
    case Step::refused: return "ended, refused by the handler";
    case Step::failed: return fmt::format("failed: {} (ran: {})", errc_name(stage.detail), ran_name(stage.detail));
    case Step::abandoned: return "dropped it";
    case Step::gone: return "is gone";
  }
  return "?";
}

}  // namespace razor::faults
