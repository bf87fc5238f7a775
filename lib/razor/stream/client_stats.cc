#include "razor/stream/client_stats.h"

#include "razor/base/format.h"

namespace razor::stream {

std::string ClientStats::to_string() const {
  return base::format(
      "{} calls: {} answered, {} failed, {} abandoned, {} in flight (peak {}), {} queued ({} B); {} B sent in {} writes, "
      "{} B received in {} reads; {} pings, {} silences, {} late responses",
      calls_submitted, calls_answered, calls_failed, calls_abandoned, in_flight, in_flight_peak, queued, queued_bytes,
      bytes_sent, writes, bytes_received, reads, pings_sent, silences, responses_late + responses_control);
}

}  // namespace razor::stream
