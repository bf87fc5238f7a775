#pragma once
// Reads files of captured packets, of the kind that sim/pcap_trace.h writes, without its help. Throws at what is no such
// file.

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "razor/base/time.h"

namespace razor::test {

struct PcapPacket {
  base::TimePoint at;
  std::string source;
  std::string destination;
  std::uint16_t source_port;
  std::uint16_t destination_port;
  std::uint32_t seq;
  std::uint32_t ack;
  std::string flags;  // of "FSRPA", those that are set, P left out
  std::uint32_t window;
  bool ip_checksum_is_right;
  bool tcp_checksum_is_right;
  std::string payload;

  bool has(char flag) const { return flags.find(flag) != std::string::npos; }
};

/// Of two sequence numbers the one that comes later, as TCP counts.
inline std::uint32_t later_seq(std::uint32_t one, std::uint32_t other) {
  return static_cast<std::int32_t>(one - other) > 0 ? one : other;
}

class PcapBytes {
 public:
  explicit PcapBytes(std::string_view bytes) : bytes_(bytes) {}
  std::uint32_t byte(std::size_t at) const { return static_cast<unsigned char>(bytes_.at(at)); }
  std::uint32_t big16(std::size_t at) const { return byte(at) << 8 | byte(at + 1); }
  std::uint32_t big32(std::size_t at) const { return big16(at) << 16 | big16(at + 2); }
  std::uint32_t little32(std::size_t at) const {
    return byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
  }
  std::string dotted(std::size_t at) const {
    return fmt::format("{}.{}.{}.{}", byte(at), byte(at + 1), byte(at + 2), byte(at + 3));
  }
  std::uint64_t sum(std::size_t from, std::size_t to) const {
    std::uint64_t sum = 0;
    for (std::size_t i = from; i < to; ++i) sum += (i - from) % 2 == 0 ? byte(i) << 8 : byte(i);
    return sum;
  }

 private:
  std::string_view bytes_;
};

/// What makes a sum with its checksum right: all ones, after the carries.
inline bool sums_to_ones(std::uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

inline std::vector<PcapPacket> read_pcap(std::string_view file) {
  const PcapBytes all(file);
  if (all.little32(0) != 0xa1b23c4d || all.little32(20) != 101) throw std::runtime_error("not such a file");
  std::vector<PcapPacket> packets;
  std::size_t at = 24;
  while (at < file.size()) {
    const std::size_t size = all.little32(at + 8);
    if (size != all.little32(at + 12)) throw std::runtime_error("a packet is cut short");
    const auto time = std::chrono::seconds(all.little32(at)) + std::chrono::nanoseconds(all.little32(at + 4));
    if (file.size() - at - 16 < size) throw std::runtime_error("the file is cut short");
    const std::string_view bytes = file.substr(at + 16, size);
    const PcapBytes ip(bytes);
    if (ip.byte(0) != 0x45 || ip.big16(2) != size || ip.byte(9) != 6) throw std::runtime_error("not TCP over IPv4");
    const std::size_t data = 20 + 4 * (ip.byte(32) >> 4);
    PcapPacket packet{base::TimePoint(time),
                      ip.dotted(12),
                      ip.dotted(16),
                      static_cast<std::uint16_t>(ip.big16(20)),
                      static_cast<std::uint16_t>(ip.big16(22)),
                      ip.big32(24),
                      ip.big32(28),
                      "",
                      ip.big16(34),
                      sums_to_ones(ip.sum(0, 20)),
                      sums_to_ones(ip.sum(12, size) + 6 + size - 20),
                      std::string(bytes.substr(data))};
    for (const auto& [bit, letter] : {std::pair{1u, 'F'}, {2u, 'S'}, {4u, 'R'}, {16u, 'A'}}) {
      if ((ip.byte(33) & bit) != 0) packet.flags += letter;
    }
    packets.push_back(std::move(packet));
    at += 16 + size;
  }
  return packets;
}

/// What went from one port to another, put together by its sequence numbers. Throws where two packets disagree about a
/// byte, or one is missing.
inline std::string payload(const std::vector<PcapPacket>& packets, std::uint16_t from, std::uint16_t to) {
  std::string bytes;
  std::uint32_t first = 0;
  for (const PcapPacket& packet : packets) {
    if (packet.source_port != from || packet.destination_port != to) continue;
    if (packet.has('S')) first = packet.seq + 1;
    if (packet.payload.empty()) continue;
    const std::size_t at = packet.seq - first;
    if (at > bytes.size()) throw std::runtime_error("a byte is missing");
    const std::size_t known = std::min(bytes.size() - at, packet.payload.size());
    if (bytes.compare(at, known, packet.payload, 0, known) != 0) throw std::runtime_error("two packets disagree");
    bytes += packet.payload.substr(known);
  }
  return bytes;
}

}  // namespace razor::test
