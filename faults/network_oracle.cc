#include "faults/network_oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "faults/values.h"

namespace razor::faults {

using base::Duration;
using base::TimePoint;

namespace {

constexpr std::string_view kProbe = "ping";
// How often what takes time is looked at.
constexpr Duration kLookEvery = std::chrono::milliseconds(100);
// How often a system sends again what nobody acknowledges, before it gives up.
constexpr std::uint64_t kSentAgainMax = 15;
// Of spans that have ended.
constexpr std::size_t kSpansKept = 10'000;
// After this a pool may have forgotten what it knew of an address that it had no use for.
constexpr Duration kForgotten = std::chrono::seconds(30);
// Turns of the simulator take time when very many come at one instant.
constexpr Duration kSlack = std::chrono::milliseconds(1);
// So many gaps in a row that are what a draw would hit once in a billion times were not drawn.
constexpr int kGapsWithoutJitterMax = 3;

std::uint64_t key_of(std::uint64_t host, std::uint16_t port) { return host << 16 | port; }

// As a person reads it.
std::string rounded(Duration span) {
  return to_text(span < std::chrono::seconds(1) ? std::chrono::duration_cast<std::chrono::microseconds>(span)
                                                : std::chrono::duration_cast<std::chrono::milliseconds>(span));
}

std::string_view errc_of(std::string_view outcome) { return outcome.substr(0, outcome.find(' ')); }
bool says_no(std::string_view outcome) { return outcome.ends_with("(ran: no)"); }

bool contains(const std::vector<std::uint64_t>& sorted, std::uint64_t number) {
  return std::ranges::binary_search(sorted, number);
}

// A delay doubles with each failure.
Duration full_delay(std::uint32_t failures, Duration least, Duration most) {
  for (; failures > 0 && least < most; --failures) least = least > most / 2 ? most : 2 * least;
  return std::min(least, most);
}

}  // namespace

// One connection, as both ends and what is between them show it. Times are the world's unless they say otherwise.
struct NetworkOracle::Connection {
  std::uint64_t number;
  const sim::Host& client;
  const sim::Host& server;
  std::uint16_t client_port;
  std::uint16_t server_port;
  bool client_is_honest;
  bool server_is_honest;
  TimePoint established_at;

  // The client's side
  std::uint64_t last_asked = 0;
  runtime::SpanId last_asked_span = runtime::kNoSpan;
  std::uint32_t asks_open = 0;  // that have a number
  std::optional<TimePoint> over_window_since{};
  TimePoint owed_since{};  // of the client's clock
  TimePoint heard_at{};    // likewise: bytes came
  TimePoint acknowledged_at{};  // likewise: the server's system had bytes, and could say so
  TimePoint nothing_under_way_at{};  // likewise: there was nothing that its system could have acknowledged
  std::optional<TimePoint> took_call_at{};  // the last time
  std::vector<std::uint64_t> said_no{};     // numbers whose callers were told that they did not run
  bool client_ended = false;   // it sent its end or a reset, or is gone
  bool client_was_told = false;  // of an end, a reset, or that its system gave up
  bool may_be_leaving = false;
  bool told = false;  // a rule that goes on being broken is told once

  // The server's side
  std::vector<std::uint64_t> dispatched{};  // in their order, which is that of the numbers
  std::optional<TimePoint> first_dispatched_at{};
  std::uint32_t answers_open = 0;
  std::optional<TimePoint> answer_since{};  // an answer was given, and nothing was written since
  bool server_ended = false;
  std::optional<TimePoint> server_told_at{};  // of a reset, or that its system gave up

  bool is_live() const { return !client_ended && !client_was_told; }
  std::string name() const { return fmt::format("{}:{} > {}:{}", client.name(), client_port, server.name(), server_port); }
};

// Attempts of one host to connect to one address. Times are of its clock.
struct NetworkOracle::Connects {
  const sim::Host& from;
  const sim::Host& to;
  std::uint16_t port;

  struct Attempt {
    std::uint16_t client_port;
    TimePoint begun_at;
    bool is_alone;  // there was no connection: a pool's back-off from one that it lacks is another than from one more
  };
  std::vector<Attempt> open{};  // may be given up by now; in the order they began
  std::deque<TimePoint> within_a_minute{};
  // The last one, where it was refused.
  std::optional<TimePoint> refused_that_began_at{};
  std::uint32_t refusals = 0;  // since the last connection, or a moment that might have begun the back-off anew
  int gaps_without_jitter = 0;
  // A connection with calls under way was lost, and not a byte has come from there since. Of the world's clock, as what
  // follows.
  std::optional<TimePoint> lost_at{};
  TimePoint heard_at = TimePoint::min();         // bytes came from there
  TimePoint had_connection_at = TimePoint::min();  // one that worked ended

  std::string name() const { return fmt::format("{} > {}:{}", from.name(), to.name(), port); }
};

struct NetworkOracle::HostFacts {
  bool is_stranger = false;
  bool is_unpooled = false;
  TimePoint resumed_at = TimePoint::min();        // of the world
  TimePoint resumed_at_local = TimePoint::min();  // of its clock
};

NetworkOracle::NetworkOracle(sim::World& world, const NetworkLimits& limits)
    : world_(world), limits_(limits), looked_at_(world.now()) {
  world_.watch(*this);
}

NetworkOracle::~NetworkOracle() { world_.unwatch(*this); }

void NetworkOracle::set_strangers(const std::vector<std::string>& hosts) {
  strangers_.insert(hosts.begin(), hosts.end());
  for (const auto& host : world_.fabric().hosts()) facts_of(host->number()).is_stranger = strangers_.contains(host->name());
}

void NetworkOracle::set_unpooled(const std::vector<std::string>& hosts) {
  unpooled_.insert(hosts.begin(), hosts.end());
  for (const auto& host : world_.fabric().hosts()) facts_of(host->number()).is_unpooled = unpooled_.contains(host->name());
}

void NetworkOracle::pool_made(std::string_view host) {
  std::erase_if(connects_, [host](const auto& entry) { return entry.second->from.name() == host; });
}

void NetworkOracle::addresses_updated(std::string_view host) {
  for (const auto& [ends, connects] : connects_) {
    if (connects->from.name() != host) continue;
    connects->lost_at.reset();
    connects->refusals = 0;
    connects->refused_that_began_at.reset();
  }
  for (const auto& [number, connection] : connections_) {
    if (connection->client.name() == host) connection->may_be_leaving = true;
  }
}

void NetworkOracle::check_all() {
  look(world_.now());
  for (const Span& span : spans_) {
    if (!span.is_open || span.asks) continue;
    const Connection* connection = find(span.connection);
    RAZOR_RULE(16, connection == nullptr, "{} #{}: the request was never answered", connection->name(), span.number);
  }
}

// --- Calls -----------------------------------------------------------------------------------------------------------

void NetworkOracle::on_span_begin(const sim::Host& host, runtime::SpanId id, const runtime::SpanStart& start) {
  if (spans_.empty()) first_span_ = id;
  while (first_span_ + spans_.size() <= id) spans_.emplace_back();
  Span& span = spans_[static_cast<std::size_t>(id - first_span_)];
  span.host = host.number();
  span.asks = start.side == runtime::SpanStart::Side::asks;
  span.is_open = true;
  Connection* connection = find(span.asks ? host.number() : host_number(start.client.host()), start.client.port());
  if (connection == nullptr || &(span.asks ? connection->client : connection->server) != &host) return;
  span.connection = connection->number;
  if (span.asks && start.name != kProbe) attempt_begins(*connection);
}

void NetworkOracle::on_span_number(const sim::Host&, runtime::SpanId id, std::uint64_t number) {
  Span* span = find_span(id);
  Connection* connection = span == nullptr ? nullptr : find(span->connection);
  if (connection == nullptr || !span->is_open) return;
  span->number = number;
  if (span->asks) {
    asked(*connection, id, number);
  } else {
    dispatched(*connection, number);
  }
}

void NetworkOracle::on_span_end(const sim::Host&, runtime::SpanId id, const runtime::SpanEnd& end) {
  Span* span = find_span(id);
  if (span == nullptr) return;
  Connection* connection = find(span->connection);
  if (connection != nullptr) {
    RAZOR_RULE(span->asks ? 1 : 16, span->is_open, "{} #{}: ended twice", connection->name(), span->number);
  }
  if (!span->is_open) return;
  if (connection != nullptr && span->asks && !end.answered) failed(*connection, *span, end);
  if (connection != nullptr && !span->asks && end.answered && !connection->answer_since) {
    connection->answer_since = world_.now();
  }
  close_span(*span);
}

NetworkOracle::Span* NetworkOracle::find_span(runtime::SpanId id) {
  if (id < first_span_ || id - first_span_ >= spans_.size()) return nullptr;
  return &spans_[static_cast<std::size_t>(id - first_span_)];
}

// The span stays where it is: it may end a second time.
void NetworkOracle::close_span(Span& span) {
  span.is_open = false;
  Connection* connection = find(span.connection);
  if (connection == nullptr || span.number == 0) return;
  if (!span.asks) {
    --connection->answers_open;
  } else if (--connection->asks_open <= limits_.window) {
    connection->over_window_since.reset();
  }
}

void NetworkOracle::attempt_begins(Connection& connection) {
  connection.took_call_at = world_.now();
  if (facts_of(connection.client.number()).is_unpooled) return;
  const Connects& connects = connects_of(connection.client, connection.server, connection.server_port);
  // What was heard shortly before the loss may have been taken for an answer to the question that came of it.
  const TimePoint now = world_.now();
  const bool is_known_lost =
      connects.lost_at && now - *connects.lost_at < kForgotten && connects.heard_at + limits_.ping_timeout < now;
  RAZOR_RULE(29, !is_known_lost, "{}: a call goes there, where the last was lost {} ago and nothing was heard since",
             connection.name(), rounded(now - *connects.lost_at));
  check_cap(connection);
}

void NetworkOracle::asked(Connection& connection, runtime::SpanId id, std::uint64_t number) {
  ++attempts_seen_;
  RAZOR_RULE(8, number > connection.last_asked, "{} #{}: the number is not above {}, which was there before",
             connection.name(), number, connection.last_asked);
  RAZOR_RULE(18, id > connection.last_asked_span, "{} #{}: sent behind a call that was made later", connection.name(),
             number);
  connection.last_asked = std::max(connection.last_asked, number);
  connection.last_asked_span = std::max(connection.last_asked_span, id);
  if (connection.asks_open++ == 0) connection.owed_since = connection.client.clock_now();
  if (connection.asks_open > limits_.window && !connection.over_window_since) connection.over_window_since = world_.now();
}

void NetworkOracle::dispatched(Connection& connection, std::uint64_t number) {
  ++requests_seen_;
  const TimePoint now = world_.now();
  RAZOR_RULE(17, !connection.server_ended, "{} #{}: dispatched, and the server has ended the connection", connection.name(),
             number);
  const bool had_time = connection.server_told_at && connection.first_dispatched_at &&
                        now - *connection.server_told_at > limits_.at_once &&
                        facts_of(connection.server.number()).resumed_at < *connection.server_told_at &&
                        connection.first_dispatched_at < *connection.server_told_at;  // it was accepted then
  RAZOR_RULE(17, !had_time, "{} #{}: dispatched {} after the connection was reset", connection.name(), number,
             rounded(now - *connection.server_told_at));
  if (!connection.first_dispatched_at) connection.first_dispatched_at = now;
  ++connection.answers_open;
  RAZOR_RULE(20, connection.answers_open <= limits_.handlers_per_connection_max, "{}: {} handlers at a time, of {}",
             connection.name(), connection.answers_open, limits_.handlers_per_connection_max);
  if (!connection.client_is_honest) return;
  const bool is_next = connection.dispatched.empty() || number > connection.dispatched.back();
  const bool was_dispatched = contains(connection.dispatched, number);
  RAZOR_RULE(8, !was_dispatched, "{} #{}: dispatched twice", connection.name(), number);
  RAZOR_RULE(18, is_next || was_dispatched, "{} #{}: dispatched behind #{}", connection.name(), number,
             connection.dispatched.back());
  RAZOR_RULE(6, number <= connection.last_asked, "{} #{}: dispatched, and was never sent", connection.name(), number);
  RAZOR_RULE(13, std::ranges::find(connection.said_no, number) == connection.said_no.end(),
             "{} #{}: dispatched, and its caller was told that it did not run", connection.name(), number);
  if (is_next) connection.dispatched.push_back(number);
}

void NetworkOracle::failed(Connection& connection, const Span& span, const runtime::SpanEnd& end) {
  const std::string_view errc = errc_of(end.outcome);
  const TimePoint now = world_.now();
  if (connection.client_is_honest && connection.server_is_honest) {
    RAZOR_RULE(9, errc != "bad_frame", "{}: ended for what an honest peer sent: {}", connection.name(), end.detail);
  }
  if (span.number != 0 && says_no(end.outcome)) {
    RAZOR_RULE(13, !contains(connection.dispatched, span.number),
               "{} #{}: dispatched, and its caller was told that it did not run: {}", connection.name(), span.number,
               end.outcome);
    connection.said_no.push_back(span.number);
  }
  if (errc != "connection_lost") return;
  const bool was_awake = facts_of(connection.client.number()).resumed_at + limits_.at_once < now;
  if (!connection.client_was_told && was_awake && end.detail.find("memory") == end.detail.npos) {
    const Duration silence = connection.client.clock_now() - connection.heard_at;
    RAZOR_RULE(26, silence >= limits_.ping_interval + limits_.ping_timeout - limits_.at_once,
               "{}: given up, and bytes had come {} ago: {}", connection.name(), rounded(silence), end.detail);
    const Duration unacknowledged = connection.client.clock_now() - connection.acknowledged_at;
    RAZOR_RULE(26, unacknowledged >= limits_.ping_timeout - limits_.at_once,
               "{}: given up, and its machine had acknowledged bytes {} ago: {}", connection.name(),
               rounded(unacknowledged), end.detail);
    sim::Connection* real = world_.fabric().find_connection(connection.number);
    RAZOR_RULE(26, real == nullptr || real->from(0).unacknowledged().bytes > 0,
               "{}: given up, and its machine had acknowledged everything: {}", connection.name(), end.detail);
  }
  // One that was older than another, or had to leave, says nothing of the address as it is.
  const bool is_newest = std::ranges::none_of(connections_, [&connection](const auto& entry) {
    const Connection& other = *entry.second;
    return &other.client == &connection.client && &other.server == &connection.server &&
           other.server_port == connection.server_port && other.number > connection.number;
  });
  if (span.number == 0 || connection.may_be_leaving || !is_newest) return;
  Connects& connects = connects_of(connection.client, connection.server, connection.server_port);
  // Nor does one that has taken no call since the address was heard: it may have been given up, and the address found well.
  if (connection.took_call_at < connects.heard_at) return;
  // A caller that stood still hears at one moment what came and what was lost: one connection speaks for the address, another
  // against it.
  if (!connects.lost_at && connects.heard_at != now) connects.lost_at = now;
}

void NetworkOracle::is_there(const Connection& connection, TimePoint now) {
  Connects& connects = connects_of(connection.client, connection.server, connection.server_port);
  connects.lost_at.reset();
  connects.heard_at = now;
}

// More than the cap took new calls at a time: since the newest of them was there, each of them did.
void NetworkOracle::check_cap(const Connection& connection) {
  const std::size_t cap = std::size_t{limits_.connections_max} * limits_.pools_per_host;
  std::vector<const Connection*> in_use;
  for (const auto& [number, other] : connections_) {
    if (&other->client == &connection.client && &other->server == &connection.server &&
        other->server_port == connection.server_port && other->is_live() && other->took_call_at) {
      in_use.push_back(other.get());
    }
  }
  if (in_use.size() <= cap) return;
  for (const Connection* newest : in_use) {
    const auto together = std::ranges::count_if(in_use, [newest](const Connection* other) {
      return other->established_at <= newest->established_at && *other->took_call_at >= newest->established_at;
    });
    RAZOR_RULE(21, static_cast<std::size_t>(together) <= cap, "{}: {} connections at a time take calls, of {}",
               connection.name(), together, cap);
    if (static_cast<std::size_t>(together) > cap) return;
  }
}

// --- Connections -----------------------------------------------------------------------------------------------------

void NetworkOracle::on_occurrence(const sim::Occurrence& occurrence) {
  const bool by_server = (occurrence.where & 1) != 0;
  switch (occurrence.what) {
    case sim::What::connected: connected(host_of(occurrence.where), occurrence.value); break;
    case sim::What::arrived:
      if (!by_server) {
        Connection* connection = find(occurrence.where >> 1);
        if (connection != nullptr && !world_.fabric().link(connection->server, connection->client).is_cut()) {
          connection->acknowledged_at = connection->client.clock_now();
          // While a client uploads, its pings wait behind the upload: the server's acknowledgements are all that it hears.
          const sim::Connection* real = world_.fabric().find_connection(connection->number);
          if (real != nullptr && real->socket(0).writer_waits()) is_there(*connection, occurrence.at);
        }
        break;
      }
      if (Connection* connection = find(occurrence.where >> 1)) {
        connection->heard_at = connection->client.clock_now();
        is_there(*connection, occurrence.at);
      }
      break;
    // A program that stood still hears only now what came long ago.
    case sim::What::read:
      if (!by_server) break;
      if (const Connection* connection = find(occurrence.where >> 1)) is_there(*connection, occurrence.at);
      break;
    case sim::What::written:
      if (!by_server) break;
      if (Connection* connection = find(occurrence.where >> 1)) connection->answer_since.reset();
      break;
    case sim::What::end_sent:
    case sim::What::reset_sent:
      if (Connection* connection = find(occurrence.where >> 1)) {
        if (by_server) {
          connection->server_ended = true;
        } else {
          over_for_client(*connection, connection->client_ended);
        }
      }
      break;
    case sim::What::end_arrived:
      if (!by_server) break;
      if (Connection* connection = find(occurrence.where >> 1)) over_for_client(*connection, connection->client_was_told);
      break;
    case sim::What::lost:
      if (occurrence.value < kSentAgainMax) break;
      if (Connection* connection = find(occurrence.where >> 1)) {
        if (by_server) {
          connection->server_told_at = occurrence.at;
        } else {
          over_for_client(*connection, connection->client_was_told);
        }
      }
      break;
    case sim::What::reset_arrived:
      if (Connection* connection = find(occurrence.where >> 1)) {
        if (by_server) {
          over_for_client(*connection, connection->client_was_told);
        } else {
          connection->server_told_at = occurrence.at;
        }
      }
      break;
    case sim::What::crashed: host_gone(host_of(occurrence.where)); break;
    case sim::What::resumed: {
      HostFacts& facts = facts_of(occurrence.where);
      facts.resumed_at = occurrence.at;
      facts.resumed_at_local = host_of(occurrence.where).clock_now();
      break;
    }
    case sim::What::turn:
    case sim::What::timer:
    case sim::What::connecting:
    case sim::What::refused:
    case sim::What::connect_failed:
    case sim::What::listening:
    case sim::What::restarted:
    case sim::What::paused:
    case sim::What::cut:
    case sim::What::healed:
    case sim::What::drew:
    case sim::What::noted: break;
  }
  if (occurrence.at - looked_at_ >= kLookEvery) look(occurrence.at);
}

void NetworkOracle::connected(const sim::Host& client, std::uint64_t number) {
  sim::Connection* made = world_.fabric().find_connection(number);
  if (made == nullptr) return;
  ++connections_seen_;
  const sim::Host& server = made->socket(1).host();
  const std::uint16_t client_port = made->socket(0).local().port();
  const std::uint16_t server_port = made->socket(1).local().port();
  auto connection = std::unique_ptr<Connection>(new Connection{
      number, client, server, client_port, server_port, !facts_of(client.number()).is_stranger,
      !facts_of(server.number()).is_stranger, world_.now()});
  connection->heard_at = connection->acknowledged_at = connection->nothing_under_way_at = client.clock_now();
  // What the server did with it at once may have come before.
  connection->client_was_told = made->from(1).end_arrived() || made->socket(0).is_dead();
  connection->server_ended = made->from(1).ended();
  connections_.insert_or_assign(number, std::move(connection));
  by_port_.insert_or_assign(key_of(client.number(), client_port), number);
  Connects& connects = connects_of(client, server, server_port);
  connect_goes_on(connects, client_port, true, false);
  connects.refusals = 0;
  connects.refused_that_began_at.reset();
  connects.gaps_without_jitter = 0;
}

void NetworkOracle::over_for_client(Connection& connection, bool& how) {
  if (connection.is_live()) {
    connects_of(connection.client, connection.server, connection.server_port).had_connection_at = world_.now();
  }
  how = true;
}

NetworkOracle::Connection* NetworkOracle::find(std::uint64_t number) {
  const auto found = connections_.find(number);
  return found == connections_.end() ? nullptr : found->second.get();
}

NetworkOracle::Connection* NetworkOracle::find(std::uint64_t client_host, std::uint16_t client_port) {
  const auto found = by_port_.find(key_of(client_host, client_port));
  return found == by_port_.end() ? nullptr : find(found->second);
}

void NetworkOracle::look(TimePoint now) {
  looked_at_ = now;
  for (const auto& [number, connection] : connections_) look_at(*connection, now);
  std::erase_if(connections_, [this](const auto& entry) {
    const Connection& connection = *entry.second;
    const bool is_over = (connection.client_ended || connection.client_was_told) && connection.asks_open == 0 &&
                         connection.answers_open == 0;
    return is_over && world_.fabric().find_connection(connection.number) == nullptr;
  });
  const auto is_over = [this](const Span& span) {
    return !span.is_open && (spans_.size() > kSpansKept || find(span.connection) == nullptr);
  };
  while (!spans_.empty() && is_over(spans_.front())) {
    spans_.pop_front();
    ++first_span_;
  }
}

// What is wrong because it goes on.
void NetworkOracle::look_at(Connection& connection, TimePoint now) {
  if (connection.told) return;
  const HostFacts& client = facts_of(connection.client.number());
  const HostFacts& server = facts_of(connection.server.number());
  const bool client_runs = connection.client.is_up() && !connection.client.is_paused();
  if (client_runs && connection.over_window_since) {
    const TimePoint since = std::max(*connection.over_window_since, client.resumed_at);
    connection.told = now - since > limits_.at_once;
    RAZOR_RULE(20, !connection.told, "{}: {} calls are sent and unanswered, of {}", connection.name(), connection.asks_open,
               limits_.window);
  }
  if (client_runs && connection.asks_open > 0) {
    const sim::Connection* real = world_.fabric().find_connection(connection.number);
    const auto unacknowledged = real == nullptr ? std::nullopt : real->socket(0).unacknowledged();
    const TimePoint local_now = connection.client.clock_now();
    if (!unacknowledged || unacknowledged->under_way == 0) connection.nothing_under_way_at = local_now;
    const TimePoint since = std::max({connection.owed_since, connection.heard_at, connection.acknowledged_at,
                                      connection.nothing_under_way_at, client.resumed_at_local});
    const Duration silence = local_now - since;
    // While a ping is out, the client's Keepalive looks at acknowledgements only so often, and counts from that look.
    const Duration look = limits_.ping_interval / 8;
    const bool is_dead = silence > limits_.ping_interval + limits_.ping_timeout + look + limits_.tick + limits_.at_once;
    connection.told = connection.told || is_dead;
    RAZOR_RULE(26, !is_dead, "{}: {} calls wait, and for {} nothing came or was acknowledged", connection.name(),
               connection.asks_open, rounded(silence));
    // A live machine's process that owes is asked again and again, so that its machine may show that it died.
    const TimePoint asked_since = std::max({connection.owed_since, connection.heard_at, connection.acknowledged_at,
                                            client.resumed_at_local});
    const bool is_not_asked = unacknowledged && unacknowledged->bytes == 0 &&
                              local_now - asked_since > 2 * (limits_.ping_interval + limits_.ping_timeout) + limits_.at_once;
    connection.told = connection.told || is_not_asked;
    RAZOR_RULE(26, !is_not_asked, "{}: {} calls wait, nothing came for {}, and nothing was asked", connection.name(),
               connection.asks_open, rounded(local_now - connection.heard_at));
  }
  if (!connection.answer_since || connection.server_ended || connection.server_told_at) return;
  if (!connection.server.is_up() || connection.server.is_paused()) return;
  if (now - std::max(*connection.answer_since, server.resumed_at) <= limits_.at_once) return;
  // A write that waits for room is all that its server can do.
  const sim::Connection* real = world_.fabric().find_connection(connection.number);
  const bool is_forgotten = real != nullptr && !real->socket(1).is_dead() && !real->socket(1).writer_waits();
  connection.told = connection.told || is_forgotten;
  RAZOR_RULE(16, !is_forgotten, "{}: an answer was given {} ago, and is not sent", connection.name(),
             rounded(now - *connection.answer_since));
}

void NetworkOracle::host_gone(const sim::Host& host) {
  for (Span& span : spans_) {
    if (!span.is_open || span.host != host.number()) continue;
    close_span(span);
    span.connection = 0;  // what is torn down with the host may still tell of its end
  }
  for (const auto& [number, connection] : connections_) {
    if (&connection->client == &host) connection->client_ended = true;
    if (&connection->server == &host) connection->server_ended = true;
  }
  std::erase_if(connects_, [&host](const auto& entry) { return &entry.second->from == &host; });
  facts_of(host.number()).resumed_at_local = TimePoint::min();  // its clock begins anew
}

// --- Connecting ------------------------------------------------------------------------------------------------------

void NetworkOracle::on_sent(const sim::Packet& packet) {
  if (packet.kind != sim::Packet::Kind::open || facts_of(packet.from.number()).is_unpooled ||
      facts_of(packet.from.number()).is_stranger) {
    return;
  }
  Connects& connects = connects_of(packet.from, packet.to, packet.to_address.port());
  const std::uint16_t client_port = packet.from_address.port();
  const bool is_sent_again =
      std::ranges::find(connects.open, client_port, &Connects::Attempt::client_port) != connects.open.end();
  if (is_sent_again) return connect_goes_on(connects, client_port, false, false);
  connect_begins(packet.from, connects, client_port);
}

void NetworkOracle::on_arrived(const sim::Packet& packet) {
  if (packet.kind != sim::Packet::Kind::refused) return;
  connect_goes_on(connects_of(packet.to, packet.from, packet.from_address.port()), packet.to_address.port(), true, true);
}

void NetworkOracle::connect_begins(const sim::Host& from, Connects& connects, std::uint16_t client_port) {
  ++connects_seen_;
  const TimePoint now = from.clock_now();
  std::deque<TimePoint>& past = connects.within_a_minute;
  while (!past.empty() && now - past.front() >= std::chrono::minutes(1)) past.pop_front();
  past.push_back(now);
  const std::size_t most = std::size_t{limits_.connects_per_minute_max} * limits_.pools_per_host;
  RAZOR_RULE(30, past.size() <= most, "{}: {} attempts to connect within a minute", connects.name(), past.size());
  // Those that began before it and are heard of no more were given up.
  const bool is_alone = lacks_connection(connects);
  connects.open.push_back({client_port, now, is_alone});
  if (connects.open.size() > 8) connects.open.erase(connects.open.begin());
  const auto refused = std::exchange(connects.refused_that_began_at, std::nullopt);
  if (!refused || !is_alone || limits_.pools_per_host > 1) return;
  // A pool does not remember for ever an address that it had no use for.
  if (now - *refused > kForgotten) connects.refusals = 1;
  const Duration full = full_delay(connects.refusals - 1, limits_.reconnect_least, limits_.reconnect_most);
  const Duration gap = now - *refused;
  RAZOR_RULE(30, gap + kSlack >= full / 2, "{}: an attempt {} behind the one before, after {} that were refused",
             connects.name(), rounded(gap), connects.refusals);
  const bool is_drawn = gap != full && gap != full / 2;
  connects.gaps_without_jitter = is_drawn ? 0 : connects.gaps_without_jitter + 1;
  RAZOR_RULE(30, connects.gaps_without_jitter <= kGapsWithoutJitterMax, "{}: the last {} gaps have no jitter",
             connects.name(), connects.gaps_without_jitter);
}

void NetworkOracle::connect_goes_on(Connects& connects, std::uint16_t client_port, bool is_over, bool was_refused) {
  const auto attempt = std::ranges::find(connects.open, client_port, &Connects::Attempt::client_port);
  if (attempt == connects.open.end()) return;
  if (limits_.pools_per_host == 1) {
    RAZOR_RULE(21, attempt + 1 == connects.open.end(), "{}: connects twice at a time", connects.name());
  }
  if (was_refused && attempt->is_alone) {
    connects.refused_that_began_at = attempt->begun_at;
    ++connects.refusals;
  } else if (was_refused) {
    connects.refusals = 0;
  }
  // It was the only one until now: those before it were given up.
  connects.open.erase(connects.open.begin(), is_over ? attempt + 1 : attempt);
}

NetworkOracle::Connects& NetworkOracle::connects_of(const sim::Host& from, const sim::Host& to, std::uint16_t port) {
  std::unique_ptr<Connects>& connects = connects_[{from.number(), to.number(), port}];
  if (!connects) connects = std::unique_ptr<Connects>(new Connects{from, to, port});
  return *connects;
}

// Nor had one a moment ago, whose end its pool may not have seen yet.
bool NetworkOracle::lacks_connection(const Connects& connects) {
  const TimePoint now = world_.now();
  if (connects.had_connection_at + limits_.at_once >= now) return false;
  if (facts_of(connects.from.number()).resumed_at + limits_.at_once >= now) return false;
  return std::ranges::none_of(connections_, [&connects](const auto& entry) {
    const Connection& connection = *entry.second;
    return &connection.client == &connects.from && &connection.server == &connects.to &&
           connection.server_port == connects.port && connection.is_live();
  });
}

// --- Hosts -----------------------------------------------------------------------------------------------------------

NetworkOracle::HostFacts& NetworkOracle::facts_of(std::uint64_t host) {
  if (hosts_.size() <= host) hosts_.resize(host + 1);
  if (!hosts_[host]) {
    hosts_[host] = std::make_unique<HostFacts>();
    hosts_[host]->is_stranger = strangers_.contains(host_of(host).name());
    hosts_[host]->is_unpooled = unpooled_.contains(host_of(host).name());
  }
  return *hosts_[host];
}

std::uint64_t NetworkOracle::host_number(std::string_view name) const {
  for (const auto& host : world_.fabric().hosts()) {
    if (host->name() == name) return host->number();
  }
  return 0;
}

}  // namespace razor::faults
