// A log-linear histogram of durations: 128 steps per power of two, so a percentile is off by less than 1 %. Recording
// is one increment at a computed index, and takes a count, so that calls which share their times are recorded at once.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace bench {

class LatencyHistogram {
 public:
  void record(uint64_t nanoseconds, uint64_t count) {
    counts_[index_of(nanoseconds)] += count;
    total_ += count;
  }

  void clear() { *this = LatencyHistogram(); }

  uint64_t total() const { return total_; }

  /// The duration that `fraction` (0 .. 1) of the recorded calls did not exceed, in microseconds; 0 if there are none.
  double percentile_us(double fraction) const {
    const auto rank = static_cast<uint64_t>(fraction * static_cast<double>(total_));
    uint64_t seen = 0;
    for (uint64_t index = 0; index < counts_.size(); ++index) {
      seen += counts_[index];
      if (seen > rank || (seen == total_ && seen > 0)) return middle_of(index) / 1000.0;
    }
    return 0;
  }

 private:
  static constexpr int kStepBits = 7;
  static constexpr uint64_t kSteps = uint64_t{1} << kStepBits;

  // Values below 2 * kSteps have a step each; above, a value keeps its kStepBits + 1 highest bits, and each power of
  // two takes the next kSteps places.
  static uint64_t index_of(uint64_t value) {
    if (value < 2 * kSteps) return value;
    const auto shift = static_cast<uint64_t>(std::bit_width(value) - kStepBits - 1);
    return shift * kSteps + (value >> shift);
  }

  static double middle_of(uint64_t index) {
    if (index < 2 * kSteps) return static_cast<double>(index);
    const uint64_t shift = index / kSteps - 1;
    const uint64_t low = (index - shift * kSteps) << shift;
    return static_cast<double>(low) + static_cast<double>(uint64_t{1} << shift) / 2;
  }

  std::vector<uint64_t> counts_ = std::vector<uint64_t>((64 - kStepBits) * kSteps + kSteps);
  uint64_t total_ = 0;
};

}  // namespace bench
