#pragma once
// Where the parts of a diagram are, in pixels: a lane for each host from left to right, a row for each time at which something
// happens from top to bottom, and the notes to the right. Rows are nearer to each other than their times are: microseconds and
// seconds are in one picture. Where nothing happens for long, time is cut short.

#include <map>
#include <optional>
#include <vector>

#include "faults/diagram/notes.h"
#include "faults/diagram/selection.h"

namespace razor::faults::diagram {

inline constexpr int kAxisWidth = 104;
inline constexpr int kNotesWidth = 400;
inline constexpr int kHeadHeight = 26;
inline constexpr int kNoteHeight = 17;
inline constexpr int kLetterWidth = 7;

class Layout {
 public:
  /// A stretch of time that is cut short.
  struct Break {
    int y;
    base::Duration span;
  };

  Layout(const Selection& selection, const Notes& notes);

  int lane_width() const;
  /// The middle of a host's lane.
  int lane(std::size_t host) const { return kAxisWidth + lane_width() / 2 + static_cast<int>(host) * lane_width(); }
  int lanes_end() const { return kAxisWidth + hosts_ * lane_width(); }
  int notes_begin() const { return lanes_end() + 14; }
  int width() const { return notes_begin() + kNotesWidth; }
  int height() const { return bottom_ + kHeadHeight + 10; }
  /// Where lanes end.
  int bottom() const { return bottom_; }
  /// The row of a time at which something happens.
  int row(base::Duration at) const { return rows_.at(at); }
  const std::map<base::Duration, int>& rows() const { return rows_; }
  const std::vector<Break>& breaks() const { return breaks_; }

 private:
  void add_row(const std::optional<base::Duration>& at) {
    if (at) rows_.emplace(*at, 0);
  }
  void add_rows(const Selection& selection, const Notes& notes);
  void place_rows(const Notes& notes);
  base::Duration usual_gap() const;

  int hosts_;
  std::map<base::Duration, int> rows_;
  std::vector<Break> breaks_;
  int bottom_ = 0;
};

}  // namespace razor::faults::diagram
