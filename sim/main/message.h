#pragma once
// What a worker process tells the one that started it, over a pipe.

#include <optional>
#include <string>
#include <variant>

#include "sim/scenario.h"

namespace razor::sim {

/// A run failed, and may go on.
struct RunFailed {
  std::uint64_t number;  ///< of the job
  ScenarioFailure failure;
};

/// A run is over.
struct RunDone {
  std::uint64_t number;
  std::uint64_t failure_count;
  std::uint64_t events;
  base::Duration elapsed;
  std::uint64_t digest;
};

using Message = std::variant<RunFailed, RunDone>;

std::string encode(const Message& message);

/// Takes bytes as they come. What a worker that died did not finish to write stays inside.
class MessageReader {
 public:
  void add(std::string_view bytes) { bytes_ += bytes; }
  std::optional<Message> next();

 private:
  std::string bytes_;
};

}  // namespace razor::sim
