#include "razor/stream/server_stats.h"

#include "razor/base/format.h"

namespace razor::stream {

ServerStats& ServerStats::operator+=(const ServerStats& other) {
  connections_accepted += other.connections_accepted;
  connections_closed += other.connections_closed;
  connections_faulty += other.connections_faulty;
  connections_overdue += other.connections_overdue;
  accept_errors += other.accept_errors;
  requests += other.requests;
  pings += other.pings;
  dispatched += other.dispatched;
  overloaded += other.overloaded;
  draining += other.draining;
  expired += other.expired;
  cancels += other.cancels;
  controls_unknown += other.controls_unknown;
  refused += other.refused;
  responses += other.responses;
  responses_failed += other.responses_failed;
  responses_dropped += other.responses_dropped;
  responses_repeated += other.responses_repeated;
  handlers_threw += other.handlers_threw;
  undecodable += other.undecodable;
  bytes_received += other.bytes_received;
  bytes_sent += other.bytes_sent;
  connections += other.connections;
  handlers += other.handlers;
  handlers_peak += other.handlers_peak;
  return *this;
}

std::string ServerStats::to_string() const {
  return base::format(
      "{} connections ({} accepted, {} faulty, {} overdue), {} requests: {} dispatched, {} overloaded, {} draining, {} refused; {} "
      "responses ({} failed, {} dropped), {} handlers (peak {}); {} B received, {} B sent; {} pings, {} accept errors, {} undecodable",
      connections, connections_accepted, connections_faulty, connections_overdue, requests, dispatched, overloaded, draining,
      refused, responses, responses_failed, responses_dropped, handlers, handlers_peak, bytes_received, bytes_sent, pings,
      accept_errors, undecodable);
}

std::string ConnectionStats::to_string() const {
  return base::format("{}: {} requests, {} responses, {} handlers; {} B received, {} B sent, {} B queued{}", peer, requests,
                      responses, handlers, bytes_received, bytes_sent, bytes_queued, paused ? ", paused" : "");
}

}  // namespace razor::stream
