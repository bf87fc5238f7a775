#pragma once
// EventLog: all that happened in a run, in about ten bytes each.

#include <optional>
#include <vector>

#include "sim/engine.h"

namespace razor::sim {

class EventLog {
 public:
  /// In the order of their time.
  void append(const Occurrence& occurrence);
  std::uint64_t size() const { return size_; }

  /// Reads from the beginning. The log outlives it, and does not grow meanwhile.
  class Reader {
   public:
    explicit Reader(const EventLog& log) : log_(&log) {}
    /// Empty behind the last.
    std::optional<Occurrence> next();

   private:
    std::uint64_t number();

    const EventLog* log_;
    std::size_t at_ = 0;
    base::TimePoint time_{};
  };

 private:
  void number(std::uint64_t value);

  std::vector<std::uint8_t> bytes_;
  base::TimePoint time_{};
  std::uint64_t size_ = 0;
};

}  // namespace razor::sim
