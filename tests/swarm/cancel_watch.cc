#include "tests/swarm/cancel_watch.h"

#include <algorithm>
#include <utility>

#include "razor/wire/control_frame.h"

namespace razor::swarm {

void CancelWatch::on_arrived(const sim::Packet& packet) {
  const bool is_request = packet.to_address.port() == kPort && packet.kind == sim::Packet::Kind::bytes;
  if (!is_request) return;
  Requests& requests = connections_[packet.direction];
  if (packet.position == 0) requests = {};
  base::ByteView bytes = packet.bytes;
  while (!bytes.empty() && !requests.is_broken) {
    const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(requests.body_left, bytes.size()));
    requests.body_left -= skipped;
    bytes = bytes.subspan(skipped);
    const std::size_t taken = std::min(wire::kRequestHeadBytes - requests.head.size(), bytes.size());
    requests.head.insert(requests.head.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
    bytes = bytes.subspan(taken);
    if (requests.head.size() == wire::kRequestHeadBytes) take_head(requests, packet.from_address.to_string());
  }
}

void CancelWatch::take_head(Requests& requests, const std::string& client) {
  const wire::RequestHead head = wire::load_request_head(requests.head.data(), requests.is_extended);
  requests.head.clear();
  requests.body_left = head.body_bytes();
  requests.is_broken = head.check(scene_.settings.server.limits, requests.is_extended) != wire::HeadFault::none;
  const std::optional<wire::ControlKind> kind = wire::control_kind(head);
  const bool is_first = std::exchange(requests.is_first, false);
  if (is_first) requests.is_extended = kind == wire::ControlKind::hello && scene_.settings.server.hello != HelloMode::off;
  if (requests.is_broken || !requests.is_extended || kind != wire::ControlKind::cancel) return;
  for (auto& [span, handler] : handlers_) {
    if (handler.call != CallName(client, head.seq) || handler.cancelled_at) continue;
    handler.cancelled_at = scene_.world.now();
    ++cancelled_;
  }
}

void CancelWatch::on_span_begin(const sim::Host& host, runtime::SpanId id, const runtime::SpanStart& start) {
  if (start.side != runtime::SpanStart::Side::answers || start.name != "Watch.watch") return;
  handlers_[id] = {host.number(), host.name(), {start.client.to_string(), 0}, {}};
}

void CancelWatch::on_span_number(const sim::Host&, runtime::SpanId id, std::uint64_t number) {
  const auto found = handlers_.find(id);
  if (found != handlers_.end()) found->second.call.second = number;
}

void CancelWatch::on_span_end(const sim::Host&, runtime::SpanId id, const runtime::SpanEnd&) { handlers_.erase(id); }

}  // namespace razor::swarm
