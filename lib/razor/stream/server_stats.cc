#include "razor/stream/server_stats.h"

#include "razor/base/format.h"

namespace razor::stream {

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
