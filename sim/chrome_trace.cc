#include "sim/chrome_trace.h"

#include <fmt/format.h>

namespace razor::sim {
namespace {

// The rows of a host, in the order in which they are shown.
constexpr std::uint64_t kHostRow = 1;
constexpr std::uint64_t kFirstLane = 2;
constexpr std::uint64_t kConnections = 1'000'000;

std::string_view name_of(Packet::Kind kind) {
  switch (kind) {
    case Packet::Kind::open: return "open";
    case Packet::Kind::opened: return "opened";
    case Packet::Kind::refused: return "refused";
    case Packet::Kind::bytes: return "bytes";
    case Packet::Kind::end: return "end";
    case Packet::Kind::reset: return "reset";
  }
  return "?";
}

}  // namespace

ChromeTrace::ChromeTrace(World& world, std::ostream& out) : TraceWriter(world, out) {
  this->out() << "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[";
}

ChromeTrace::~ChromeTrace() {
  end_all(nullptr, "unfinished");
  for (const auto& host : world().fabric().hosts()) set_state(*host, {});
  out() << "\n]}\n";
  out().flush();
}

// --- Writing ---------------------------------------------------------------------------------------------------------

void ChromeTrace::write(char phase, Track track, base::TimePoint at, std::string_view name, std::string_view more) {
  const std::int64_t nanoseconds = at.time_since_epoch().count();
  out() << fmt::format("{}\n{{\"ph\":\"{}\",\"pid\":{},\"tid\":{},\"ts\":{}.{:03},\"name\":\"{}\"{}{}}}",
                       is_first_ ? "" : ",", phase, track.host, track.row, nanoseconds / 1000, nanoseconds % 1000, name,
                       more.empty() ? "" : ",", more);
  is_first_ = false;
}

void ChromeTrace::mark(Track track, std::string_view name, std::string_view scope) {
  write('i', track, now(), name, fmt::format("\"s\":\"{}\"", scope));
}

// An arrow belongs to the slice that is open in its track: it is written between its B and its E.
void ChromeTrace::arrow(char phase, Track track, base::TimePoint at, std::string_view name, std::uint64_t arrow) {
  write(phase, track, at, name, fmt::format("\"cat\":\"arrow\",\"id\":{}{}", arrow, phase == 'f' ? ",\"bp\":\"e\"" : ""));
}

// --- Tracks ----------------------------------------------------------------------------------------------------------

void ChromeTrace::name_track(Track track, std::string_view name) {
  if (std::exchange(rows_named_[{track.host, track.row}], true)) return;
  write('M', track, {}, "thread_name", fmt::format("\"args\":{{\"name\":\"{}\"}}", name));
  write('M', track, {}, "thread_sort_index", fmt::format("\"args\":{{\"sort_index\":{}}}", track.row));
}

ChromeTrace::Track ChromeTrace::host_track(const Host& host) {
  const Track track{host.number(), kHostRow};
  if (!std::exchange(hosts_[host.number()].is_named, true)) {
    write('M', track, {}, "process_name", fmt::format("\"args\":{{\"name\":\"{}\"}}", escaped(host.name())));
    write('M', track, {}, "process_sort_index", fmt::format("\"args\":{{\"sort_index\":{}}}", host.number()));
    name_track(track, "host");
  }
  return track;
}

ChromeTrace::Track ChromeTrace::lane_track(const Host& host, std::size_t lane) {
  const Track track{host_track(host).host, kFirstLane + lane};
  name_track(track, fmt::format("calls {}", lane + 1));
  return track;
}

ChromeTrace::Track ChromeTrace::connection_track(const Packet& packet, bool of_sender) {
  const Track track{host_track(of_sender ? packet.from : packet.to).host, kConnections + packet.direction};
  // Within one host both ends have a track, so each needs its own row: that of what it sends.
  const Track own{track.host, of_sender ? track.row : track.row ^ 1};
  const runtime::Address& here = of_sender ? packet.from_address : packet.to_address;
  const runtime::Address& there = of_sender ? packet.to_address : packet.from_address;
  name_track(own, fmt::format("{} with {}", escaped(here.to_string()), escaped(there.to_string())));
  return own;
}

std::size_t ChromeTrace::take_lane(const Host& host, runtime::SpanId id) {
  std::vector<runtime::SpanId>& lanes = hosts_[host.number()].lanes;
  std::size_t lane = 0;
  while (lane < lanes.size() && lanes[lane] != runtime::kNoSpan) ++lane;
  if (lane == lanes.size()) lanes.push_back(id);
  lanes[lane] = id;
  return lane;
}

// --- Hosts and the network -------------------------------------------------------------------------------------------

// What a host is, as a slice from here to the next call.
void ChromeTrace::set_state(const Host& host, std::string_view state) {
  const Track track = host_track(host);
  std::string& open = hosts_[host.number()].open_state;
  if (!open.empty()) write('E', track, now(), open);
  open = state;
  if (!open.empty()) write('B', track, now(), open);
}

void ChromeTrace::on_occurrence(const Occurrence& occurrence) {
  const std::string_view what = sim::name_of(occurrence.kind);
  switch (occurrence.kind) {
    case EventKind::crashed:
      end_all(&host(occurrence.where), what);
      set_state(host(occurrence.where), "down");
      return;
    case EventKind::paused: set_state(host(occurrence.where), "paused"); return;
    case EventKind::restarted:
    case EventKind::resumed: set_state(host(occurrence.where), {}); return;
    case EventKind::refused:
    case EventKind::connect_failed:
    case EventKind::listening:
      mark(host_track(host(occurrence.where)), fmt::format("{}: port {}", what, occurrence.value));
      return;
    case EventKind::cut:
    case EventKind::healed:
      mark(host_track(host(occurrence.where >> 32)),
           fmt::format("{}: to {}", what, escaped(host(occurrence.where & 0xffff'ffff).name())), "p");
      return;
    case EventKind::lost:
      if (const Ends* ends = ends_of(occurrence.where)) {
        const int from = static_cast<int>(occurrence.where & 1);
        mark(host_track(*ends->hosts[from]), "lost: " + ends->link_name(from));
      }
      return;
    // Told by packets, or of no interest to the eye.
    case EventKind::turn:
    case EventKind::timer:
    case EventKind::drew:
    case EventKind::written:
    case EventKind::arrived:
    case EventKind::read:
    case EventKind::end_sent:
    case EventKind::end_arrived:
    case EventKind::reset_sent:
    case EventKind::reset_arrived:
    case EventKind::connecting:
    case EventKind::connected:
    case EventKind::noted: return;
  }
}

void ChromeTrace::on_note(std::string_view text) {
  if (world().fabric().hosts().empty()) return;
  mark(host_track(host(1)), escaped(text), "g");
}

// Both ends are written when it has arrived: then it is known that it did. A slice of no length, for an arrow to hold on.
void ChromeTrace::on_arrived(const Packet& packet) {
  if (packet.kind == Packet::Kind::open) return;  // there is no connection yet
  if (packet.kind == Packet::Kind::refused) return;
  const std::string what =
      packet.kind == Packet::Kind::bytes ? fmt::format("{} B", packet.bytes.size()) : std::string(name_of(packet.kind));
  const std::uint64_t id = ++arrows_;
  for (const bool of_sender : {true, false}) {
    const Track track = connection_track(packet, of_sender);
    const base::TimePoint at = of_sender ? packet.sent_at : now();
    const std::string name = fmt::format("{} {}", of_sender ? "sent" : "arrived", what);
    write('B', track, at, name,
          fmt::format("\"cat\":\"bytes\",\"args\":{{\"position\":{},\"bytes\":{}}}", packet.position, packet.bytes.size()));
    arrow(of_sender ? 's' : 'f', track, at, "bytes", id);
    write('E', track, at, name);
  }
}

// --- Calls -----------------------------------------------------------------------------------------------------------

void ChromeTrace::on_span_begin(const Host& host, runtime::SpanId id, const runtime::SpanStart& start) {
  const std::size_t lane = take_lane(host, id);
  const OpenSpan& span = spans_.emplace(id, OpenSpan{span_of(host, start), lane}).first->second;
  write('B', lane_track(host, lane), now(), span.name,
        fmt::format("\"cat\":\"{}\",\"args\":{{\"connection\":\"{}\"}}", span.asks() ? "call" : "request", span.connection));
}

void ChromeTrace::on_span_number(const Host& host, runtime::SpanId id, std::uint64_t number) {
  const auto found = spans_.find(id);
  if (found == spans_.end()) return;
  OpenSpan& span = found->second;
  span.number = number;
  const Track track = lane_track(host, span.lane);
  if (span.asks()) {
    const Tie& tie = ties_[span.key()] = {++arrows_};
    arrow('s', track, now(), "request", tie.request_arrow);
  } else if (const auto tie = ties_.find(span.key()); tie != ties_.end()) {
    arrow('f', track, now(), "request", tie->second.request_arrow);
  }
}

void ChromeTrace::on_span_event(const Host& host, runtime::SpanId id, std::string_view name) {
  const auto found = spans_.find(id);
  if (found != spans_.end()) {
    mark(lane_track(host, found->second.lane), escaped(name));
  } else if (id == runtime::kNoSpan) {
    mark(host_track(host), escaped(name));
  }
}

void ChromeTrace::on_span_end(const Host&, runtime::SpanId id, const runtime::SpanEnd& end) {
  const auto found = spans_.find(id);
  if (found == spans_.end()) return;
  this->end(found->second, end);
  spans_.erase(found);
}

void ChromeTrace::end(const OpenSpan& span, const runtime::SpanEnd& how) {
  const Track track = lane_track(*span.host, span.lane);
  const auto found = span.number != 0 ? ties_.find(span.key()) : ties_.end();
  if (found != ties_.end()) {
    Tie& tie = found->second;
    if (!span.asks()) {
      if (how.answered) arrow('s', track, now(), "answer", tie.answer_arrow = ++arrows_);
    } else {
      if (how.answered && tie.answer_arrow != 0) arrow('f', track, now(), "answer", tie.answer_arrow);
      ties_.erase(found);
    }
  }
  write('E', track, now(), span.name,
        fmt::format("\"args\":{{\"number\":{},\"outcome\":\"{}\",\"detail\":\"{}\"}}", span.number, escaped(how.outcome),
                    escaped(how.detail)));
  hosts_[span.host->number()].lanes[span.lane] = runtime::kNoSpan;
}

// Of one host, or of all where `of` is null.
void ChromeTrace::end_all(const Host* of, std::string_view outcome) {
  std::erase_if(spans_, [&](const auto& entry) {
    if (of != nullptr && entry.second.host != of) return false;
    end(entry.second, {false, outcome, {}});
    return true;
  });
}

}  // namespace razor::sim
