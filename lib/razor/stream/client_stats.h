#pragma once
// Counters of one ClientStream, as a snapshot.

#include <cstdint>
#include <string>

#include "razor/base/bytes.h"

namespace razor::stream {

struct ClientStats {
  std::uint64_t calls_submitted = 0;
  std::uint64_t calls_answered = 0;   ///< by the peer, errors of handlers included
  std::uint64_t calls_failed = 0;     ///< by the framework at this end: deadlines, connection, queue …
  std::uint64_t calls_abandoned = 0;  ///< whose caller stopped waiting
  std::uint64_t cancels_sent = 0;     ///< of those: the peer was told
  std::uint64_t responses_late = 0;     ///< skipped: the call had ended
  std::uint64_t responses_control = 0;  ///< skipped: seq 0
  std::uint64_t pings_sent = 0;
  std::uint64_t silences = 0;         ///< how often the peer's machine was alive and its process did not answer pings
  std::uint64_t writes = 0;           ///< batches that went to the transport
  std::uint64_t reads = 0;
  base::ByteCount bytes_sent = 0;
  base::ByteCount bytes_unsent = 0;   ///< now: of frames that the transport has not taken
  base::ByteCount bytes_received = 0;
  std::uint32_t in_flight = 0;        ///< now: sent and unanswered
  std::uint32_t in_flight_peak = 0;
  std::uint32_t queued = 0;           ///< now: waiting for the window
  base::ByteCount queued_bytes = 0;

  /// One line for a person.
  std::string to_string() const;
};

}  // namespace razor::stream

namespace razor {
using stream::ClientStats;
}  // namespace razor
