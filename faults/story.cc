#include "faults/story.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <tuple>
#include <utility>

#include "sim/fmt_address.h"

namespace razor::faults {
namespace {

using Moment = Story::Moment;

// Calls that are over and may yet find their other side.
constexpr std::size_t kClosedMax = 2000;
// A story is for people, who do not read more of a name than this.
constexpr std::size_t kFieldBytesMax = 1000;

constexpr std::array<std::string_view, 12> kMomentNames{"crashed",        "killed",  "restarted", "paused",
                                                        "resumed",        "cut",     "healed",    "connected",
                                                        "connect failed", "refused", "reset",     "note"};
static_assert(kMomentNames.size() == static_cast<std::size_t>(Moment::Kind::note) + 1);

// A record is a line of fields, as spreadsheets have them: names may hold any bytes.
void add_field(std::string& record, std::string_view field) {
  if (!record.empty()) record += '\t';
  for (const char letter : field.substr(0, kFieldBytesMax)) {
    switch (letter) {
      case '\t': record += "\\t"; break;
      case '\\': record += "\\\\"; break;
      default: record += letter;
    }
  }
}

std::vector<std::string> fields_of(std::string_view record) {
  std::vector<std::string> fields(1);
  for (std::size_t i = 0; i < record.size(); ++i) {
    if (record[i] == '\t') {
      fields.emplace_back();
    } else if (record[i] == '\\' && i + 1 < record.size()) {
      fields.back() += record[++i] == 't' ? '\t' : record[i];
    } else {
      fields.back() += record[i];
    }
  }
  return fields;
}

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// "fault #3 at 1s cut ..." or "fault #3 ends", as the injector notes them; empty for other notes.
std::optional<std::uint32_t> fault_of(std::string_view note, bool& ends) {
  constexpr std::string_view kFault = "fault #";
  if (!note.starts_with(kFault)) return std::nullopt;
  const std::string_view rest = note.substr(kFault.size());
  const std::size_t space = rest.find(' ');
  ends = space != rest.npos && rest.substr(space) == " ends";
  return static_cast<std::uint32_t>(number_of(rest.substr(0, space)));
}

void put_min(base::Duration& least, const std::optional<base::Duration>& time) {
  if (time) least = std::min(least, *time);
}
void put_max(base::Duration& most, const std::optional<base::Duration>& time) {
  if (time) most = std::max(most, *time);
}

}  // namespace

base::Duration Story::Call::first() const {
  base::Duration least = base::Duration::max();
  for (const auto& time : {began, sent, dispatched, answered, ended}) put_min(least, time);
  return least;
}

base::Duration Story::Call::last() const {
  base::Duration most = base::Duration::zero();
  for (const auto& time : {began, sent, dispatched, answered, ended}) put_max(most, time);
  return most;
}

std::string_view name_of(Story::Moment::Kind kind) { return kMomentNames[static_cast<std::size_t>(kind)]; }

// --- Writing ------------------------------------------------------------------------------------------------------------

StoryWriter::StoryWriter(sim::World& world, TellRecord tell) : world_(world), tell_(std::move(tell)) {
  world_.fabric().trace_calls(true);
}

std::string_view StoryWriter::now() {
  now_text_ = fmt::format("{}", world_.elapsed().count());
  return now_text_;
}

std::string_view StoryWriter::host_name(std::uint64_t number) const {
  const auto& hosts = world_.fabric().hosts();
  return number > 0 && number <= hosts.size() ? std::string_view(hosts[number - 1]->name()) : std::string_view();
}

std::string_view StoryWriter::host_name(const runtime::Address& address) const {
  for (const auto& host : world_.fabric().hosts()) {
    if (host->name() == address.host() || host->ip() == address.host()) return host->name();
  }
  return address.host();
}

void StoryWriter::tell_new_hosts() {
  const auto& hosts = world_.fabric().hosts();
  for (; hosts_told_ < hosts.size(); ++hosts_told_) {
    record_.clear();
    add_field(record_, "host");
    add_field(record_, hosts[hosts_told_]->name());
    tell_(record_);
  }
}

void StoryWriter::record(std::initializer_list<std::string_view> fields) {
  tell_new_hosts();
  record_.clear();
  for (const std::string_view field : fields) add_field(record_, field);
  tell_(record_);
}

void StoryWriter::moment(Moment::Kind kind, std::uint64_t host, std::uint64_t other, std::string_view text) {
  record({"moment", now(), fmt::format("{}", static_cast<int>(kind)), host_name(host), host_name(other), text});
}

void StoryWriter::on_occurrence(const sim::Occurrence& occurrence) {
  using sim::EventKind;
  const std::uint64_t where = occurrence.where;
  switch (occurrence.kind) {
    case EventKind::crashed: return moment(occurrence.value == 0 ? Moment::Kind::crashed : Moment::Kind::killed, where);
    case EventKind::restarted: return moment(Moment::Kind::restarted, where);
    case EventKind::paused: return moment(Moment::Kind::paused, where);
    case EventKind::resumed: return moment(Moment::Kind::resumed, where);
    case EventKind::cut: return moment(Moment::Kind::cut, where >> 32, where & 0xffff'ffff);
    case EventKind::healed: return moment(Moment::Kind::healed, where >> 32, where & 0xffff'ffff);
    case EventKind::connect_failed:
      return moment(Moment::Kind::connect_failed, where, 0, fmt::format("port {}", occurrence.value));
    case EventKind::refused: return moment(Moment::Kind::refused, where, 0, fmt::format("port {}", occurrence.value));
    case EventKind::connected:
    case EventKind::reset_arrived: {
      const bool is_reset = occurrence.kind == EventKind::reset_arrived;
      const sim::Connection* connection = world_.fabric().find_connection(is_reset ? where >> 1 : occurrence.value);
      if (connection == nullptr) return;
      // Who was told: a direction begins at its sender.
      const int end = is_reset ? 1 - static_cast<int>(where & 1) : 0;
      return moment(is_reset ? Moment::Kind::reset : Moment::Kind::connected, connection->socket(end).host().number(),
                    connection->socket(1 - end).host().number());
    }
    default: return;
  }
}

void StoryWriter::on_note(std::string_view text) { moment(Moment::Kind::note, 0, 0, text); }

void StoryWriter::on_span_begin(const sim::Host& host, runtime::SpanId id, const runtime::SpanStart& start) {
  const bool asks = start.side == runtime::SpanStart::Side::asks;
  const std::string_view client = asks ? std::string_view(host.name()) : host_name(start.client);
  const std::string_view server = asks ? host_name(start.server) : std::string_view(host.name());
  record({"begin", now(), fmt::format("{}", id), asks ? "asks" : "answers", start.name, client, server,
          fmt::format("{} > {}", start.client, start.server)});
}

void StoryWriter::on_span_number(const sim::Host&, runtime::SpanId id, std::uint64_t number) {
  record({"number", now(), fmt::format("{}", id), fmt::format("{}", number)});
}

void StoryWriter::on_span_end(const sim::Host&, runtime::SpanId id, const runtime::SpanEnd& end) {
  record({"end", now(), fmt::format("{}", id), end.outcome, end.detail});
}

// --- Reading ------------------------------------------------------------------------------------------------------------

template <class Thing>
void StoryReader::Kept<Thing>::add(Thing thing, bool is_in_window, std::size_t most) {
  if (is_in_window && in_windows.size() < most) {
    in_windows.push_back(std::move(thing));
    return;
  }
  last.push_back(std::move(thing));
  if (last.size() <= most) return;
  last.pop_front();
  ++left_out;
}

bool StoryReader::is_in_window(base::Duration from, base::Duration to) const {
  return std::ranges::any_of(focus_.windows, [&](const auto& window) { return from <= window.to && to >= window.from; });
}

void StoryReader::take(std::string_view record) {
  const Fields fields = fields_of(record);
  const std::string& what = fields.front();
  if (what == "host" && fields.size() == 2) hosts_.push_back(fields[1]);
  if (fields.size() < 4) return;
  const base::Duration at(static_cast<std::int64_t>(number_of(fields[1])));
  if (what == "moment" && fields.size() == 6) {
    take_moment(fields, at);
  } else if (what == "begin" && fields.size() == 8) {
    take_begin(fields, at);
  } else if (what == "number") {
    take_number(number_of(fields[2]), number_of(fields[3]), at);
  } else if (what == "end" && fields.size() == 5) {
    take_end(fields, at);
  }
}

void StoryReader::take_moment(const Fields& fields, base::Duration at) {
  const std::uint64_t kind = number_of(fields[2]);
  if (kind >= kMomentNames.size()) return;
  Moment moment{at, static_cast<Moment::Kind>(kind), fields[3], fields[4], fields[5]};
  if (moment.kind == Moment::Kind::crashed || moment.kind == Moment::Kind::killed) host_gone(moment.host);
  if (moment.kind == Moment::Kind::note) {
    take_note(moment.text, at);
    bool ends = false;
    if (fault_of(moment.text, ends)) return;
  }
  moments_.add(std::move(moment), is_in_window(at, at), focus_.moments_max);
}

void StoryReader::take_note(const std::string& text, base::Duration at) {
  bool ends = false;
  const auto number = fault_of(text, ends);
  if (!number) return;
  if (!ends) {
    faults_.push_back({*number, at, std::nullopt});
    return;
  }
  const auto found = std::ranges::find(faults_, *number, &Story::FaultSpan::number);
  if (found != faults_.end()) found->ended = at;
}

void StoryReader::take_begin(const Fields& fields, base::Duration at) {
  const std::uint64_t id = next_call_++;
  Known& known = known_[id];
  const bool asks = fields[3] == "asks";
  known.call.name = fields[4];
  known.call.client = fields[5];
  known.call.server = fields[6];
  known.call.connection = fields[7];
  (asks ? known.call.began : known.call.dispatched) = at;
  (asks ? known.asks : known.answers) = true;
  spans_.insert_or_assign(number_of(fields[2]), Span{id, asks});
}

// The caller's side has its number when it leaves; the server's finds by it what it belongs to.
void StoryReader::take_number(std::uint64_t span, std::uint64_t number, base::Duration at) {
  const auto found = spans_.find(span);
  if (found == spans_.end()) return;
  const std::uint64_t id = found->second.call;
  Known& known = known_[id];
  known.call.number = number;
  if (found->second.asks) {
    known.call.sent = at;
    call_of_number_.insert_or_assign({known.call.connection, number}, id);
    return;
  }
  const auto other = call_of_number_.find({known.call.connection, number});
  if (other == call_of_number_.end()) return;
  Known& both = known_[other->second];
  if (both.call.dispatched) return;
  both.call.dispatched = known.call.dispatched;
  both.answers = true;
  found->second.call = other->second;
  known_.erase(id);
}

void StoryReader::take_end(const Fields& fields, base::Duration at) {
  const auto found = spans_.find(number_of(fields[2]));
  if (found == spans_.end()) return;
  const auto [id, asks] = found->second;
  spans_.erase(found);
  Known& known = known_[id];
  (asks ? known.asks : known.answers) = false;
  (asks ? known.call.ended : known.call.answered) = at;
  (asks ? known.call.outcome : known.call.answer) = fields[3];
  if (asks) known.call.detail = fields[4];
  close_if_over(id, known);
}

void StoryReader::host_gone(const std::string& host) {
  std::erase_if(spans_, [&](const auto& entry) {
    const auto [id, asks] = entry.second;
    Known& known = known_[id];
    if ((asks ? known.call.client : known.call.server) != host) return false;
    (asks ? known.asks : known.answers) = false;
    (asks ? known.call.caller_is_gone : known.call.server_is_gone) = true;
    close_if_over(id, known);
    return true;
  });
}

void StoryReader::close_if_over(std::uint64_t id, Known& known) {
  if (known.asks || known.answers || known.is_closed) return;
  known.is_closed = true;
  closed_.push_back(id);
  if (closed_.size() <= kClosedMax) return;
  const std::uint64_t oldest = closed_.front();
  closed_.pop_front();
  put_away(oldest);
}

void StoryReader::put_away(std::uint64_t id) {
  const auto found = known_.find(id);
  Known& known = found->second;
  known.is_closed = false;
  if (known.asks || known.answers) return;  // its other side began meanwhile, and closes it again
  const auto numbered = call_of_number_.find({known.call.connection, known.call.number});
  if (numbered != call_of_number_.end() && numbered->second == id) call_of_number_.erase(numbered);
  const bool is_in_focus = is_in_window(known.call.first(), known.call.last());
  calls_.add(std::move(known.call), is_in_focus, focus_.calls_max);
  known_.erase(found);
}

Story StoryReader::story() const {
  Story story;
  story.hosts = hosts_;
  story.faults = faults_;
  std::ranges::merge(moments_.in_windows, moments_.last, std::back_inserter(story.moments), {}, &Moment::at, &Moment::at);
  story.calls = calls_.in_windows;
  story.calls.insert(story.calls.end(), calls_.last.begin(), calls_.last.end());
  for (const auto& [id, known] : known_) story.calls.push_back(known.call);
  std::ranges::sort(story.calls, [](const Story::Call& one, const Story::Call& other) {
    return std::tuple(one.first(), one.connection, one.number) < std::tuple(other.first(), other.connection, other.number);
  });
  story.calls_left_out = calls_.left_out;
  story.moments_left_out = moments_.left_out;
  return story;
}

}  // namespace razor::faults
