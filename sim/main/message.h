#pragma once
// What a worker process tells the one that started it, over a pipe.

#include <optional>
#include <string>
#include <variant>

#include "sim/child/fields.h"
#include "sim/scenario.h"

namespace razor::sim {

/// A run failed, and may go on.
struct RunFailed {
  std::uint64_t number;  ///< of the job
  ScenarioFailure failure;
};

/// A run reported a text, and goes on.
struct RunText {
  std::uint64_t number;
  std::string name;
  std::string text;
};

/// A run is over.
struct RunDone {
  std::uint64_t number;
  std::uint64_t failure_count;
  std::uint64_t events;
  base::Duration elapsed;
  std::uint64_t digest;
  /// Empty when it crashed or was ended: nobody knows.
  std::optional<Counts> counts;
};

using Message = std::variant<RunFailed, RunText, RunDone>;

// A scenario that reports too much shall not fill the memory of the one who listens.
inline constexpr std::size_t kReportTextMax = 256 * 1024;
inline constexpr std::size_t kReportNameMax = 256;
inline constexpr std::size_t kReportCountsMax = 4096;

/// A report as it is told: what is longer than the limits is cut, and says so.
RunText bounded(std::uint64_t number, std::string_view name, std::string_view text);
/// Those of the first names; how many there were beyond is a count of its own.
Counts bounded(const Counts& counts);

std::string encode(const Message& message);

/// Takes bytes as they come. What a worker that died did not finish to write stays inside.
class MessageReader {
 public:
  void add(std::string_view bytes) { frames_.add(bytes); }
  std::optional<Message> next();

 private:
  FrameQueue frames_;
};

}  // namespace razor::sim
