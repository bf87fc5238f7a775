#include "sim/text_trace.h"

#include <fmt/format.h>

namespace razor::sim {
namespace {

std::string seconds(base::Duration span) {
  return fmt::format("{}.{:09}", span.count() / 1'000'000'000, span.count() % 1'000'000'000);
}

std::string_view side_name(bool asks) { return asks ? "call" : "request"; }

}  // namespace

TextTrace::TextTrace(World& world, std::ostream& out, const TextTraceConfig& config)
    : TraceWriter(world, out), config_(config) {}

TextTrace::~TextTrace() { out().flush(); }

void TextTrace::line(std::string_view who, std::string_view what, std::string_view rest) {
  out() << fmt::format("{:>16}  {:<10}  {:<15}  {}\n", seconds(world().elapsed()), who, what, rest);
}

void TextTrace::on_occurrence(const Occurrence& occurrence) {
  const std::string_view what = name_of(occurrence.kind);
  switch (occurrence.kind) {
    case EventKind::turn:
    case EventKind::timer:
    case EventKind::drew:
      if (config_.turns) line(host(occurrence.where).name(), what, fmt::format("{:x}", occurrence.value));
      return;
    case EventKind::written:     // told by the packets that it leaves in
    case EventKind::connecting:  // as well
    case EventKind::noted: return;  // with its text
    case EventKind::arrived:
    case EventKind::read:
    case EventKind::end_sent:
    case EventKind::end_arrived:
    case EventKind::reset_sent:
    case EventKind::reset_arrived:
    case EventKind::lost: on_connection(occurrence); return;
    case EventKind::connected: {
      const Ends* ends = ends_of(occurrence.value << 1);
      line(host(occurrence.where).name(), what, ends != nullptr ? ends->link_name(0) : "?");
      return;
    }
    case EventKind::refused:
    case EventKind::connect_failed:
    case EventKind::listening: line(host(occurrence.where).name(), what, fmt::format("port {}", occurrence.value)); return;
    case EventKind::restarted:
    case EventKind::paused:
    case EventKind::resumed: line(host(occurrence.where).name(), what, {}); return;
    case EventKind::crashed: crashed(host(occurrence.where)); return;
    case EventKind::cut:
    case EventKind::healed:
      line(host(occurrence.where >> 32).name(), what, fmt::format("> {}", host(occurrence.where & 0xffff'ffff).name()));
      return;
  }
}

void TextTrace::on_connection(const Occurrence& occurrence) {
  const int from = static_cast<int>(occurrence.where & 1);
  const bool is_of_receiver = occurrence.kind == EventKind::arrived || occurrence.kind == EventKind::read ||
                              occurrence.kind == EventKind::end_arrived || occurrence.kind == EventKind::reset_arrived;
  std::string rest;
  if (occurrence.kind == EventKind::arrived || occurrence.kind == EventKind::read) {
    rest = fmt::format("  {} bytes", occurrence.value);
  } else if (occurrence.kind == EventKind::lost) {
    rest = fmt::format("  after {} attempts before", occurrence.value);
  }
  if (const Ends* ends = ends_of(occurrence.where)) {
    line(ends->hosts[is_of_receiver ? 1 - from : from]->name(), name_of(occurrence.kind), ends->link_name(from) + rest);
  } else {
    line("?", name_of(occurrence.kind), fmt::format("connection {}{}", occurrence.where >> 1, rest));
  }
}

void TextTrace::on_note(std::string_view text) { line("-", "noted", escaped(text)); }

void TextTrace::on_sent(const Packet& packet) {
  const std::string link = escaped(packet.from_address.to_string()) + " > " + escaped(packet.to_address.to_string());
  if (packet.kind == Packet::Kind::open) line(packet.from.name(), name_of(EventKind::connecting), link);
  if (packet.kind != Packet::Kind::bytes) return;  // the others are occurrences as well
  const std::string arrival = seconds(packet.arrives_at.time_since_epoch());
  if (packet.sent_at > now()) {
    line(packet.from.name(), "sends again",
         fmt::format("{}  {} bytes at {}, arrive at {}", link, packet.bytes.size(),
                     seconds(packet.sent_at.time_since_epoch()), arrival));
  } else {
    line(packet.from.name(), "sent", fmt::format("{}  {} bytes, arrive at {}", link, packet.bytes.size(), arrival));
  }
}

// --- Calls -----------------------------------------------------------------------------------------------------------

void TextTrace::span_line(const Span& span, std::string_view what, std::string_view rest) {
  line(span.host->name(), fmt::format("{} {}", side_name(span.asks()), what),
       fmt::format("{}  {}{}", span.name, span.number != 0 ? span.key() : span.connection, rest));
}

void TextTrace::on_span_begin(const Host& host, runtime::SpanId id, const runtime::SpanStart& start) {
  const Span& span = spans_.emplace(id, span_of(host, start)).first->second;
  if (span.asks()) span_line(span, "begins");  // the other side's has its number at once
}

void TextTrace::on_span_number(const Host&, runtime::SpanId id, std::uint64_t number) {
  const auto found = spans_.find(id);
  if (found == spans_.end()) return;
  found->second.number = number;
  span_line(found->second, found->second.asks() ? "sent" : "begins");
}

void TextTrace::on_span_event(const Host& host, runtime::SpanId id, std::string_view name) {
  const auto found = spans_.find(id);
  if (found != spans_.end()) {
    span_line(found->second, escaped(name));
  } else if (id == runtime::kNoSpan) {
    line(host.name(), escaped(name), {});
  }
}

void TextTrace::on_span_end(const Host&, runtime::SpanId id, const runtime::SpanEnd& end) {
  const auto found = spans_.find(id);
  if (found == spans_.end()) return;
  const Span& span = found->second;
  span_line(span, "ends",
            fmt::format("  {} after {}{}{}", escaped(end.outcome), seconds(now() - span.began),
                        end.detail.empty() ? "" : ": ", escaped(end.detail)));
  spans_.erase(found);
}

void TextTrace::crashed(const Host& host) {
  line(host.name(), name_of(EventKind::crashed), {});
  std::erase_if(spans_, [this, &host](const auto& entry) {
    if (entry.second.host != &host) return false;
    span_line(entry.second, "crashed");
    return true;
  });
}

}  // namespace razor::sim
