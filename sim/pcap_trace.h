#pragma once
// PcapTrace: what the connections of a world send, as a file of captured packets that Wireshark and tshark open. Time
// counts from the start of the world, in nanoseconds.
//
// The simulator knows no packets: these are made up around the bytes it moves, one for each piece that leaves (in more
// where IPv4 could not carry it), with IPv4 and TCP headers, and handshakes, acknowledgements, FIN and RST where TCP
// would send them. Each has the time at which it leaves. Host n has the address by which the world knows it (Host::ip).
//
// Divergence: a packet that is lost is there, as a capture at the sender would have it, and so is what is sent again.
// Writers do not wait for the receiver's window: what finds no room is sent again when there is some. Connections over
// Unix sockets are not there. Of one that was open before the trace began, what came before is missing.
// Source: draft-ietf-opsawg-pcap (LINKTYPE_RAW, nanoseconds); RFC 791, RFC 9293, RFC 7323.

#include <compare>
#include <optional>
#include <utility>

#include "sim/trace_writer.h"

namespace razor::sim {

class PcapTrace final : public TraceWriter {
 public:
  /// Of all links. The world and `out` outlive the trace; `out` takes binary.
  PcapTrace(World& world, std::ostream& out);
  /// Of what goes between two hosts, either way.
  PcapTrace(World& world, std::ostream& out, const Host& one, const Host& other);
  ~PcapTrace() override;

 private:
  struct Key {
    std::uint64_t client_host;
    std::uint64_t server_host;
    std::uint16_t client_port;
    std::uint16_t server_port;
    auto operator<=>(const Key&) const = default;
  };
  // What one end of a connection has got of the other, as its acknowledgements say.
  struct End {
    const Host* host = nullptr;
    std::uint16_t port = 0;
    std::uint32_t first_seq = 0;
    std::uint32_t next_seq = first_seq + 1;  // behind all it has sent
    base::ByteCount arrived = 0;
    base::ByteCount read = 0;
    bool syn_arrived = false;
    bool end_arrived = false;
    bool window_was_closed = false;
  };
  struct Flow {
    End ends[2];  // the client's first
  };
  // Sent again, at a time that is still to come.
  struct Later {
    Flow* flow;
    int from;
    Packet::Kind kind;
    base::ByteCount position;
    base::Bytes bytes;
  };

  void on_occurrence(const Occurrence& occurrence) override;
  void on_sent(const Packet& packet) override;
  void on_arrived(const Packet& packet) override;
  void on_dropped(std::uint64_t direction) override;

  Flow* flow_of(const Packet& packet);
  void write_header();
  void write_due();
  void write_packet(Flow& flow, int from, Packet::Kind kind, base::ByteCount position, base::ByteView bytes,
                    base::TimePoint at);
  void write_segment(Flow& flow, int from, std::uint8_t flags, std::uint32_t seq, base::ByteView payload,
                     base::TimePoint at);
  void acknowledge(Flow& flow, int from);
  std::uint32_t acknowledged(const Flow& flow, int from) const;
  std::uint16_t window(Flow& flow, int from);

  std::optional<std::pair<const Host*, const Host*>> only_;
  std::map<Key, Flow> flows_;
  std::map<std::uint64_t, Flow*> by_connection_;
  std::map<std::pair<base::TimePoint, std::uint64_t>, Later> later_;  // by time and direction
  std::uint16_t packets_ = 0;  // as IPv4 numbers them
};

}  // namespace razor::sim
