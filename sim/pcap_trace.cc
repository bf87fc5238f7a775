#include "sim/pcap_trace.h"

#include <array>
#include <charconv>

#include "razor/base/byte_order.h"

namespace razor::sim {

using base::store_big;
using base::store_little;

namespace {

constexpr std::uint32_t kMagicNanoseconds = 0xa1b2'3c4d;
constexpr std::uint32_t kLinkTypeRaw = 101;  // each packet begins with its IP header
constexpr std::uint32_t kSnapLength = 262'144;

constexpr std::size_t kIpHeader = 20;
constexpr std::size_t kTcpHeader = 20;
constexpr std::size_t kPayloadMax = 65'535 - kIpHeader - kTcpHeader;
constexpr std::uint8_t kTimeToLive = 64;
constexpr std::uint8_t kProtocolTcp = 6;
constexpr std::uint16_t kDontFragment = 0x4000;

constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kPsh = 0x08, kAck = 0x10;
// Windows are told in units of 128 bytes, so that the largest is 8 MiB.
constexpr int kWindowScale = 7;
// Options of a SYN: the largest segment, and the window scale behind a padding.
constexpr std::size_t kSynOptions = 8;

std::uint32_t ip_number(const std::string& dotted) {
  std::uint32_t number = 0;
  const char* at = dotted.data();
  const char* const end = at + dotted.size();
  for (int i = 0; i < 4; ++i) {
    std::uint32_t byte = 0;
    at = std::from_chars(at, end, byte).ptr;
    if (at != end) ++at;  // the dot
    number = number << 8 | byte;
  }
  return number;
}

// The sum that IP and TCP check, not yet complemented. `bytes` stand at an even place.
std::uint32_t added(std::uint32_t sum, base::ByteView bytes) {
  std::size_t i = 0;
  for (; i + 1 < bytes.size(); i += 2) sum += base::load_big<std::uint16_t>(bytes.data() + i);
  if (i < bytes.size()) sum += static_cast<std::uint32_t>(bytes[i]) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

std::uint16_t checksum(std::uint32_t sum) { return static_cast<std::uint16_t>(~sum); }

bool is_tcp(const Packet& packet) {
  constexpr auto kTcp = runtime::Address::Family::tcp;
  return packet.from_address.family() == kTcp && packet.to_address.family() == kTcp;
}

int end_of_sender(const Packet& packet) {
  switch (packet.kind) {
    case Packet::Kind::open: return 0;
    case Packet::Kind::opened:
    case Packet::Kind::refused: return 1;
    case Packet::Kind::bytes:
    case Packet::Kind::end:
    case Packet::Kind::reset: break;
  }
  return static_cast<int>(packet.direction & 1);
}

}  // namespace

PcapTrace::PcapTrace(World& world, std::ostream& out) : TraceWriter(world, out) { write_header(); }

PcapTrace::PcapTrace(World& world, std::ostream& out, const Host& one, const Host& other)
    : TraceWriter(world, out), only_({&one, &other}) {
  write_header();
}

PcapTrace::~PcapTrace() { out().flush(); }

void PcapTrace::write_header() {
  std::array<std::byte, 24> header{};
  store_little(header.data(), kMagicNanoseconds);
  store_little(header.data() + 4, std::uint16_t{2});  // version 2.4
  store_little(header.data() + 6, std::uint16_t{4});
  store_little(header.data() + 16, kSnapLength);
  store_little(header.data() + 20, kLinkTypeRaw);
  out().write(reinterpret_cast<const char*>(header.data()), header.size());
}

// --- What is told ----------------------------------------------------------------------------------------------------

PcapTrace::Flow* PcapTrace::flow_of(const Packet& packet) {
  if (!is_tcp(packet)) return nullptr;
  if (only_ && !(&packet.from == only_->first && &packet.to == only_->second) &&
      !(&packet.from == only_->second && &packet.to == only_->first)) {
    return nullptr;
  }
  const bool from_client = end_of_sender(packet) == 0;
  const Host& client = from_client ? packet.from : packet.to;
  const Host& server = from_client ? packet.to : packet.from;
  const std::uint16_t client_port = (from_client ? packet.from_address : packet.to_address).port();
  const std::uint16_t server_port = (from_client ? packet.to_address : packet.from_address).port();
  const auto [found, is_new] = flows_.try_emplace(Key{client.number(), server.number(), client_port, server_port});
  Flow& flow = found->second;
  // The first packet of a connection; a port that is used again has another one with each.
  const bool starts_anew = packet.kind == Packet::Kind::open && packet.direction == 0 && flow.ends[1].syn_arrived;
  if (is_new || starts_anew) {
    const std::uint64_t chance =
        scrambled(client.number() << 48 ^ server.number() << 32 ^ std::uint64_t{client_port} << 16 ^ server_port);
    flow.ends[0] = {.host = &client, .port = client_port, .first_seq = static_cast<std::uint32_t>(chance)};
    flow.ends[1] = {.host = &server, .port = server_port, .first_seq = static_cast<std::uint32_t>(chance >> 32)};
  }
  if (packet.direction != 0) by_connection_[packet.direction >> 1] = &flow;
  return &flow;
}

void PcapTrace::on_sent(const Packet& packet) {
  write_due();
  Flow* flow = flow_of(packet);
  if (flow == nullptr) return;
  const int from = end_of_sender(packet);
  if (packet.sent_at > now()) {
    later_.insert_or_assign({packet.sent_at, packet.direction},
                            Later{flow, from, packet.kind, packet.position, base::to_bytes(packet.bytes)});
  } else {
    write_packet(*flow, from, packet.kind, packet.position, packet.bytes, packet.sent_at);
  }
}

void PcapTrace::on_arrived(const Packet& packet) {
  write_due();
  Flow* flow = flow_of(packet);
  if (flow == nullptr) return;
  const int receiver = 1 - end_of_sender(packet);
  End& end = flow->ends[receiver];
  switch (packet.kind) {
    case Packet::Kind::open: end.syn_arrived = true; return;  // its answer acknowledges it
    case Packet::Kind::refused:
    case Packet::Kind::reset: return;
    case Packet::Kind::opened: end.syn_arrived = true; break;
    case Packet::Kind::bytes: end.arrived = packet.position + packet.bytes.size(); break;
    case Packet::Kind::end: end.end_arrived = true; break;
  }
  acknowledge(*flow, receiver);
}

void PcapTrace::on_dropped(std::uint64_t direction) {
  write_due();
  std::erase_if(later_, [direction](const auto& entry) { return entry.first.second == direction; });
}

void PcapTrace::on_occurrence(const Occurrence& occurrence) {
  write_due();
  if (occurrence.kind != EventKind::read) return;
  const auto found = by_connection_.find(occurrence.where >> 1);
  if (found == by_connection_.end()) return;
  const int reader = 1 - static_cast<int>(occurrence.where & 1);
  End& end = found->second->ends[reader];
  end.read += occurrence.value;
  if (end.window_was_closed) acknowledge(*found->second, reader);
}

// --- Packets ---------------------------------------------------------------------------------------------------------

void PcapTrace::write_due() {
  while (!later_.empty() && later_.begin()->first.first <= now()) {
    const auto due = later_.extract(later_.begin());
    const Later& packet = due.mapped();
    write_packet(*packet.flow, packet.from, packet.kind, packet.position, packet.bytes, due.key().first);
  }
}

void PcapTrace::write_packet(Flow& flow, int from, Packet::Kind kind, base::ByteCount position, base::ByteView bytes,
                             base::TimePoint at) {
  const std::uint32_t first_seq = flow.ends[from].first_seq;
  std::uint32_t seq = first_seq + 1 + static_cast<std::uint32_t>(position);
  switch (kind) {
    case Packet::Kind::open: write_segment(flow, from, kSyn, first_seq, {}, at); return;
    case Packet::Kind::opened: write_segment(flow, from, kSyn | kAck, first_seq, {}, at); return;
    case Packet::Kind::refused: write_segment(flow, from, kRst | kAck, 0, {}, at); return;
    case Packet::Kind::end: write_segment(flow, from, kFin | kAck, seq, {}, at); return;
    case Packet::Kind::reset: write_segment(flow, from, kRst | kAck, seq, {}, at); return;
    case Packet::Kind::bytes: break;
  }
  while (!bytes.empty()) {
    const base::ByteView payload = bytes.first(std::min(bytes.size(), kPayloadMax));
    bytes = bytes.subspan(payload.size());
    const std::uint8_t push = bytes.empty() ? kPsh : 0;
    write_segment(flow, from, static_cast<std::uint8_t>(kAck | push), seq, payload, at);
    seq += static_cast<std::uint32_t>(payload.size());
  }
}

void PcapTrace::acknowledge(Flow& flow, int from) { write_segment(flow, from, kAck, flow.ends[from].next_seq, {}, now()); }

std::uint32_t PcapTrace::acknowledged(const Flow& flow, int from) const {
  const End& end = flow.ends[from];
  const std::uint32_t syn_and_end = end.end_arrived ? 2 : 1;
  return flow.ends[1 - from].first_seq + syn_and_end + static_cast<std::uint32_t>(end.arrived);
}

// In the units that the SYNs agreed on.
std::uint16_t PcapTrace::window(Flow& flow, int from) {
  End& end = flow.ends[from];
  const std::uint64_t waiting = end.arrived - std::min(end.read, end.arrived);
  const std::uint64_t buffer = world().fabric().config().sockets.receive_buffer;
  const std::uint64_t units = (buffer - std::min(buffer, waiting)) >> kWindowScale;
  end.window_was_closed = units == 0;
  return static_cast<std::uint16_t>(std::min<std::uint64_t>(units, 0xffff));
}

void PcapTrace::write_segment(Flow& flow, int from, std::uint8_t flags, std::uint32_t seq, base::ByteView payload,
                              base::TimePoint at) {
  End& sender = flow.ends[from];
  const End& receiver = flow.ends[1 - from];
  const bool is_syn = (flags & kSyn) != 0;
  const std::size_t tcp_header = kTcpHeader + (is_syn ? kSynOptions : 0);
  const std::size_t ip_bytes = kIpHeader + tcp_header + payload.size();

  std::array<std::byte, 16 + kIpHeader + kTcpHeader + kSynOptions> head{};
  const std::int64_t nanoseconds = at.time_since_epoch().count();
  store_little(head.data(), static_cast<std::uint32_t>(nanoseconds / 1'000'000'000));
  store_little(head.data() + 4, static_cast<std::uint32_t>(nanoseconds % 1'000'000'000));
  store_little(head.data() + 8, static_cast<std::uint32_t>(ip_bytes));
  store_little(head.data() + 12, static_cast<std::uint32_t>(ip_bytes));

  std::byte* const ip = head.data() + 16;
  ip[0] = std::byte{0x45};  // version 4, five words
  store_big(ip + 2, static_cast<std::uint16_t>(ip_bytes));
  store_big(ip + 4, ++packets_);
  store_big(ip + 6, kDontFragment);
  ip[8] = std::byte{kTimeToLive};
  ip[9] = std::byte{kProtocolTcp};
  store_big(ip + 12, ip_number(sender.host->ip()));
  store_big(ip + 16, ip_number(receiver.host->ip()));
  store_big(ip + 10, checksum(added(0, {ip, kIpHeader})));

  std::byte* const tcp = ip + kIpHeader;
  store_big(tcp, sender.port);
  store_big(tcp + 2, receiver.port);
  store_big(tcp + 4, seq);
  if ((flags & kAck) != 0) store_big(tcp + 8, acknowledged(flow, from));
  tcp[12] = static_cast<std::byte>(tcp_header / 4 << 4);
  tcp[13] = static_cast<std::byte>(flags);
  const std::uint16_t units = window(flow, from);
  // A SYN's own window is not scaled.
  store_big(tcp + 14, is_syn ? static_cast<std::uint16_t>(std::min(units << kWindowScale, 0xffff)) : units);
  if (is_syn) {
    tcp[20] = std::byte{2};  // the largest segment
    tcp[21] = std::byte{4};
    store_big(tcp + 22, static_cast<std::uint16_t>(kPayloadMax));
    tcp[24] = std::byte{1};  // nothing
    tcp[25] = std::byte{3};  // the window scale
    tcp[26] = std::byte{3};
    tcp[27] = std::byte{kWindowScale};
  }
  // With the addresses, the protocol and the length in front, as if they were a part of it.
  std::uint32_t sum = added(kProtocolTcp + static_cast<std::uint32_t>(tcp_header + payload.size()), {ip + 12, 8});
  sum = added(added(sum, {tcp, tcp_header}), payload);
  store_big(tcp + 16, checksum(sum));

  out().write(reinterpret_cast<const char*>(head.data()), static_cast<std::streamsize>(16 + kIpHeader + tcp_header));
  out().write(reinterpret_cast<const char*>(payload.data()), static_cast<std::streamsize>(payload.size()));

  const std::uint32_t behind = seq + static_cast<std::uint32_t>(payload.size()) + ((flags & kFin) != 0 ? 1 : 0);
  if (static_cast<std::int32_t>(behind - sender.next_seq) > 0) sender.next_seq = behind;
}

}  // namespace razor::sim
