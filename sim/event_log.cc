#include "sim/event_log.h"

namespace razor::sim {

// An occurrence is four numbers of seven bits a byte, least first: time since the one before, what, where, value.

void EventLog::append(const Occurrence& occurrence) {
  number(static_cast<std::uint64_t>((occurrence.at - time_).count()));
  number(static_cast<std::uint64_t>(occurrence.kind));
  number(occurrence.where);
  number(occurrence.value);
  time_ = occurrence.at;
  ++size_;
}

void EventLog::number(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<std::uint8_t>(value | 0x80));
  bytes_.push_back(static_cast<std::uint8_t>(value));
}

std::optional<Occurrence> EventLog::Reader::next() {
  if (at_ == log_->bytes_.size()) return std::nullopt;
  Occurrence occurrence{};
  time_ += base::Duration(static_cast<std::int64_t>(number()));
  occurrence.at = time_;
  occurrence.kind = static_cast<EventKind>(number());
  occurrence.where = number();
  occurrence.value = number();
  return occurrence;
}

std::uint64_t EventLog::Reader::number() {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const std::uint8_t byte = log_->bytes_[at_++];
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

}  // namespace razor::sim
