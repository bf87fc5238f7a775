#pragma once
// Counters of an RpcServer, as a snapshot.

#include <cstdint>
#include <string>
#include <vector>

#include "razor/base/bytes.h"
#include "razor/runtime/address.h"

namespace razor::stream {

/// What a server counts over all its connections.
struct ServerStats {
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_closed = 0;  ///< also those that a peer closed
  std::uint64_t connections_faulty = 0;  ///< closed for broken frames
  std::uint64_t connections_overdue = 0; ///< closed for silence, a stalled request, or answers not taken
  std::uint64_t accept_errors = 0;
  std::uint64_t requests = 0;            ///< pings excepted
  std::uint64_t pings = 0;
  std::uint64_t dispatched = 0;          ///< handed to the Dispatch
  std::uint64_t overloaded = 0;          ///< refused: too many handlers of all connections
  std::uint64_t draining = 0;            ///< refused: the server closes
  std::uint64_t expired = 0;             ///< refused: their callers had given up when they were read
  std::uint64_t cancels = 0;             ///< callers that said that they wait no more
  std::uint64_t controls_unknown = 0;    ///< control frames of a later version
  std::uint64_t refused = 0;             ///< by the server's hook
  std::uint64_t responses = 0;             ///< queued to be written, refusals included
  std::uint64_t responses_failed = 0;      ///< of those: with a text of the framework
  std::uint64_t responses_dropped = 0;     ///< the peer was gone
  std::uint64_t responses_repeated = 0;    ///< a handler answered twice
  std::uint64_t handlers_threw = 0;
  std::uint64_t undecodable = 0;         ///< requests whose arguments did not decode
  base::ByteCount bytes_received = 0;
  base::ByteCount bytes_sent = 0;
  std::uint32_t connections = 0;         ///< now
  std::uint32_t handlers = 0;            ///< now: requests without an answer
  std::uint32_t handlers_peak = 0;

  /// The sum of both; the peaks may have been at different times.
  ServerStats& operator+=(const ServerStats& other);

  /// One line for a person.
  std::string to_string() const;
};

/// One connection of a server, now.
struct ConnectionStats {
  runtime::Address peer;
  std::uint64_t requests = 0;
  std::uint64_t responses = 0;
  std::uint32_t handlers = 0;
  base::ByteCount bytes_received = 0;
  base::ByteCount bytes_sent = 0;
  base::ByteCount bytes_queued = 0;  ///< answers that the peer has not taken
  bool paused = false;               ///< nothing is read: until it has taken some, or a handler has ended

  std::string to_string() const;
};

}  // namespace razor::stream

namespace razor {
using stream::ConnectionStats;
using stream::ServerStats;
}  // namespace razor
