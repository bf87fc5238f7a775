#include "sim/main/message.h"

#include <cstring>

namespace razor::sim {
namespace {

// Both ends are the same program, so numbers travel as they lie in memory.
struct Head {
  std::uint32_t size;  // of all
  std::uint32_t place_size;
  std::uint64_t is_done;
  union {
    RunDone done;
    struct {
      std::uint64_t number;
      ScenarioFailure::Kind kind;
      base::Duration at;
    } failed;
  };
};
static_assert(std::is_trivially_copyable_v<Head>);

}  // namespace

std::string encode(const Message& message) {
  Head head;
  std::memset(static_cast<void*>(&head), 0, sizeof(head));
  std::string text;
  if (const RunDone* done = std::get_if<RunDone>(&message)) {
    head.is_done = 1;
    head.done = *done;
  } else {
    const auto& [number, failure] = std::get<RunFailed>(message);
    head.failed = {number, failure.kind, failure.at};
    head.place_size = static_cast<std::uint32_t>(failure.place.size());
    text = failure.place + failure.message;
  }
  head.size = static_cast<std::uint32_t>(sizeof(head) + text.size());
  return std::string(reinterpret_cast<const char*>(&head), sizeof(head)) + text;
}

std::optional<Message> MessageReader::next() {
  Head head;
  if (bytes_.size() < sizeof(head)) return std::nullopt;
  std::memcpy(static_cast<void*>(&head), bytes_.data(), sizeof(head));
  if (bytes_.size() < head.size) return std::nullopt;
  const std::string text = bytes_.substr(sizeof(head), head.size - sizeof(head));
  bytes_.erase(0, head.size);
  if (head.is_done != 0) return head.done;
  return RunFailed{head.failed.number, ScenarioFailure{head.failed.kind, text.substr(0, head.place_size), head.failed.at,
                                                       text.substr(head.place_size)}};
}

}  // namespace razor::sim
