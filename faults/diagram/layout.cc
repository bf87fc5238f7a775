#include "faults/diagram/layout.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace razor::faults::diagram {
namespace {

constexpr int kTop = kHeadHeight + 30;
constexpr int kRowMin = 13;
constexpr int kRowMax = 48;
constexpr int kBreakHeight = 46;
// Time is cut short where nothing happens for so long, and for so many times the usual gap; or for so long in any case.
constexpr base::Duration kIdleMin = std::chrono::milliseconds(400);
constexpr int kIdleTimes = 12;
constexpr base::Duration kIdleAlways = std::chrono::seconds(5);

// Grows with the logarithm of time.
int gap_height(base::Duration gap) {
  const double decades = std::log10(std::max(1.0, static_cast<double>(gap.count()) / 1e4));
  return std::clamp(kRowMin + static_cast<int>(decades * 6), kRowMin, kRowMax);
}

}  // namespace

Layout::Layout(const Selection& selection, const Notes& notes) : hosts_(static_cast<int>(selection.hosts.size())) {
  add_rows(selection, notes);
  place_rows(notes);
}

int Layout::lane_width() const { return std::clamp(700 / std::max(hosts_, 1), 76, 230); }

void Layout::add_rows(const Selection& selection, const Notes& notes) {
  for (const auto& [at, note] : notes) add_row(at);
  for (const DrawnCall& drawn : selection.calls) {
    const Story::Call& call = drawn.call;
    for (const auto& at : {call.began, call.sent, call.dispatched, call.answered, call.ended}) add_row(at);
  }
  for (const DrawnMoment& drawn : selection.moments) add_row(drawn.moment->at);
}

void Layout::place_rows(const Notes& notes) {
  const base::Duration usual = usual_gap();
  int y = kTop;
  std::optional<base::Duration> before;
  for (auto& [at, place] : rows_) {
    if (before) {
      const int notes_height = static_cast<int>(notes.count(*before)) * kNoteHeight;
      const base::Duration gap = at - *before;
      if (gap >= kIdleAlways || (gap >= kIdleMin && gap >= usual * kIdleTimes)) {
        const int begin = y + std::max(notes_height - kNoteHeight / 2, kRowMin);
        breaks_.push_back({begin, gap});
        y = begin + kBreakHeight;
      } else {
        y += std::max(gap_height(gap), notes_height + 3);
      }
    }
    place = y;
    before = at;
  }
  bottom_ = y + static_cast<int>(before ? notes.count(*before) : 0) * kNoteHeight + 16;
}

base::Duration Layout::usual_gap() const {
  std::vector<base::Duration> gaps;
  for (auto row = rows_.begin(); row != rows_.end() && std::next(row) != rows_.end(); ++row) {
    gaps.push_back(std::next(row)->first - row->first);
  }
  if (gaps.empty()) return base::Duration::zero();
  const std::size_t middle = (gaps.size() - 1) / 2;
  std::ranges::nth_element(gaps, gaps.begin() + static_cast<std::ptrdiff_t>(middle));
  return gaps[middle];
}

}  // namespace razor::faults::diagram
