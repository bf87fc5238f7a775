#include "faults/network/connection_tracker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace razor::faults {

using base::Duration;
using base::TimePoint;

namespace {

// A span of this name asks whether the peer is there: no pool chose its address.
constexpr std::string_view kProbe = "ping";
constexpr Duration kCheckEvery = std::chrono::milliseconds(100);
// How often a system sends again what nobody acknowledges, before it gives up.
constexpr std::uint64_t kSentAgainMax = 15;
// Of spans that have ended.
constexpr std::size_t kSpansKept = 10'000;
constexpr std::size_t kConnectsOpenKept = 8;

std::uint64_t key_of(std::uint64_t host, std::uint16_t port) { return host << 16 | port; }

}  // namespace

bool ConnectionFacts::was_dispatched(std::uint64_t call) const { return std::ranges::binary_search(dispatched, call); }

std::string ConnectionFacts::name() const {
  return fmt::format("{}:{} > {}:{}", client.name(), client_port, server.name(), server_port);
}

std::string ConnectFacts::name() const { return fmt::format("{} > {}:{}", from.name(), to.name(), port); }

ConnectionTracker::ConnectionTracker(sim::World& world, const NetworkLimits& limits, TrackerListener& listener)
    : world_(world), limits_(limits), listener_(listener), checked_at_(world.now()) {
  world_.watch(*this);
}

ConnectionTracker::~ConnectionTracker() { world_.unwatch(*this); }

void ConnectionTracker::set_untrusted_peers(const std::vector<std::string>& hosts) {
  untrusted_.insert(hosts.begin(), hosts.end());
  for (const auto& host : world_.fabric().hosts()) facts_of(host->number()).is_untrusted = untrusted_.contains(host->name());
}

void ConnectionTracker::set_unpooled(const std::vector<std::string>& hosts) {
  unpooled_.insert(hosts.begin(), hosts.end());
  for (const auto& host : world_.fabric().hosts()) facts_of(host->number()).is_unpooled = unpooled_.contains(host->name());
}

void ConnectionTracker::pool_made(std::string_view host) {
  std::erase_if(connects_, [host](const auto& entry) { return entry.second->from.name() == host; });
}

void ConnectionTracker::addresses_updated(std::string_view host) {
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

void ConnectionTracker::check_now() {
  checked_at_ = world_.now();
  for (const auto& [number, connection] : connections_) {
    note_acknowledgements(*connection);
    listener_.on_check(*connection);
  }
  forget_what_is_over();
}

void ConnectionTracker::note_acknowledgements(ConnectionFacts& connection) const {
  const bool client_runs = connection.client.is_up() && !connection.client.is_paused();
  if (!client_runs || connection.asks_open == 0) return;
  const sim::Connection* made = real(connection);
  const auto unacknowledged = made == nullptr ? std::nullopt : made->socket(0).unacknowledged();
  if (!unacknowledged || unacknowledged->under_way == 0) connection.nothing_under_way_at = connection.client.clock_now();
}

void ConnectionTracker::forget_what_is_over() {
  std::erase_if(connections_, [this](const auto& entry) {
    const ConnectionFacts& connection = *entry.second;
    return !connection.is_live() && connection.asks_open == 0 && connection.answers_open == 0 && real(connection) == nullptr;
  });
  const auto is_over = [this](const SpanFacts& span) {
    return !span.is_open && (spans_.size() > kSpansKept || find(span.connection) == nullptr);
  };
  while (!spans_.empty() && is_over(spans_.front())) {
    spans_.pop_front();
    ++first_span_;
  }
}

// --- Calls -----------------------------------------------------------------------------------------------------------

void ConnectionTracker::on_span_begin(const sim::Host& host, runtime::SpanId id, const runtime::SpanStart& start) {
  if (spans_.empty()) first_span_ = id;
  while (first_span_ + spans_.size() <= id) spans_.emplace_back();
  SpanFacts& span = spans_[static_cast<std::size_t>(id - first_span_)];
  span.host = host.number();
  span.asks = start.side == runtime::SpanStart::Side::asks;
  span.is_open = true;
  ConnectionFacts* connection = find(span.asks ? host.number() : host_number(start.client.host()), start.client.port());
  if (connection == nullptr || &(span.asks ? connection->client : connection->server) != &host) return;
  span.connection = connection->number;
  if (!span.asks || start.name == kProbe) return;
  connection->took_call_at = world_.now();
  if (!connection->client_facts.is_unpooled) listener_.on_call_assigned(*connection, connects_of(*connection));
}

void ConnectionTracker::on_span_number(const sim::Host&, runtime::SpanId id, std::uint64_t number) {
  SpanFacts* span = find_span(id);
  ConnectionFacts* connection = span == nullptr ? nullptr : find(span->connection);
  if (connection == nullptr || !span->is_open) return;
  span->number = number;
  if (span->asks) {
    call_sent(*connection, id, number);
  } else {
    dispatched(*connection, number);
  }
}

void ConnectionTracker::on_span_end(const sim::Host&, runtime::SpanId id, const runtime::SpanEnd& end) {
  SpanFacts* span = find_span(id);
  if (span == nullptr) return;
  ConnectionFacts* connection = find(span->connection);
  if (!span->is_open) {
    if (connection != nullptr) listener_.on_ended_again(*connection, *span);
    return;
  }
  if (connection != nullptr && span->asks && !end.answered) call_failed(*connection, *span, end);
  if (connection != nullptr && !span->asks && end.answered && !connection->answer_since) {
    connection->answer_since = world_.now();
  }
  close_span(*span);
}

SpanFacts* ConnectionTracker::find_span(runtime::SpanId id) {
  if (id < first_span_ || id - first_span_ >= spans_.size()) return nullptr;
  return &spans_[static_cast<std::size_t>(id - first_span_)];
}

// The span stays where it is: it may end a second time.
void ConnectionTracker::close_span(SpanFacts& span) {
  span.is_open = false;
  ConnectionFacts* connection = find(span.connection);
  if (connection == nullptr || span.number == 0) return;
  if (!span.asks) {
    --connection->answers_open;
  } else if (--connection->asks_open <= limits_.window) {
    connection->over_window_since.reset();
  }
}

void ConnectionTracker::call_sent(ConnectionFacts& connection, runtime::SpanId id, std::uint64_t number) {
  ++attempts_seen_;
  listener_.on_call_sent(connection, id, number);
  connection.last_asked = std::max(connection.last_asked, number);
  connection.last_asked_span = std::max(connection.last_asked_span, id);
  if (connection.asks_open++ == 0) connection.owed_since = connection.client.clock_now();
  if (connection.asks_open > limits_.window && !connection.over_window_since) connection.over_window_since = world_.now();
}

void ConnectionTracker::dispatched(ConnectionFacts& connection, std::uint64_t number) {
  ++requests_seen_;
  if (!connection.first_dispatched_at) connection.first_dispatched_at = world_.now();
  ++connection.answers_open;
  listener_.on_dispatched(connection, number);
  if (!connection.client_is_trusted) return;
  if (connection.dispatched.empty() || number > connection.dispatched.back()) connection.dispatched.push_back(number);
}

void ConnectionTracker::call_failed(ConnectionFacts& connection, const SpanFacts& span, const runtime::SpanEnd& end) {
  listener_.on_call_failed(connection, span, end);
  if (span.number != 0 && says_not_run(end.outcome)) connection.said_no.push_back(span.number);
  if (errc_of(end.outcome) != "connection_lost") return;
  // A connection that was older than another, or had to leave, says nothing of the address as it is.
  const bool is_newest = std::ranges::none_of(connections_, [&connection](const auto& entry) {
    return entry.second->has_same_ends(connection) && entry.second->number > connection.number;
  });
  if (span.number == 0 || connection.may_be_leaving || !is_newest) return;
  ConnectFacts& connects = connects_of(connection);
  // Nor does one that has taken no call since the address was heard: it may have been given up, and the address found well.
  if (connection.took_call_at < connects.heard_at) return;
  // A caller that was paused learns at one moment what came and what was lost: one connection speaks for the address, another
  // against it.
  if (!connects.lost_at && connects.heard_at != world_.now()) connects.lost_at = world_.now();
}

void ConnectionTracker::server_is_alive(const ConnectionFacts& connection) {
  ConnectFacts& connects = connects_of(connection);
  connects.lost_at.reset();
  connects.heard_at = world_.now();
}

// --- Connections -----------------------------------------------------------------------------------------------------

void ConnectionTracker::on_occurrence(const sim::Occurrence& occurrence) {
  const bool by_server = (occurrence.where & 1) != 0;
  const auto of_connection = [this, &occurrence] { return find(occurrence.where >> 1); };
  switch (occurrence.kind) {
    case sim::EventKind::connected: connected(host_of(occurrence.where), occurrence.value); break;
    case sim::EventKind::arrived:
      if (ConnectionFacts* connection = of_connection()) bytes_arrived(*connection, by_server);
      break;
    // A program that was paused reads only now what came long ago.
    case sim::EventKind::read:
      if (const ConnectionFacts* connection = of_connection(); connection != nullptr && by_server)
        server_is_alive(*connection);
      break;
    case sim::EventKind::written:
      if (ConnectionFacts* connection = of_connection(); connection != nullptr && by_server)
        connection->answer_since.reset();
      break;
    case sim::EventKind::end_sent:
    case sim::EventKind::reset_sent:
      if (ConnectionFacts* connection = of_connection()) sent_its_last(*connection, by_server);
      break;
    case sim::EventKind::end_arrived:
      if (ConnectionFacts* connection = of_connection(); connection != nullptr && by_server) {
        over_for_client(*connection, connection->client_was_told);
      }
      break;
    case sim::EventKind::lost:
      if (occurrence.value < kSentAgainMax) break;
      if (ConnectionFacts* connection = of_connection()) system_gave_up(*connection, by_server);
      break;
    case sim::EventKind::reset_arrived:
      if (ConnectionFacts* connection = of_connection()) reset_arrived(*connection, by_server);
      break;
    case sim::EventKind::crashed: host_gone(host_of(occurrence.where)); break;
    case sim::EventKind::resumed: {
      HostFacts& facts = facts_of(occurrence.where);
      facts.resumed_at = occurrence.at;
      facts.resumed_at_local = host_of(occurrence.where).clock_now();
      break;
    }
    case sim::EventKind::turn:
    case sim::EventKind::timer:
    case sim::EventKind::connecting:
    case sim::EventKind::refused:
    case sim::EventKind::connect_failed:
    case sim::EventKind::listening:
    case sim::EventKind::restarted:
    case sim::EventKind::paused:
    case sim::EventKind::cut:
    case sim::EventKind::healed:
    case sim::EventKind::drew:
    case sim::EventKind::noted: break;
  }
  if (occurrence.at - checked_at_ >= kCheckEvery) check_now();
}

void ConnectionTracker::connected(const sim::Host& client, std::uint64_t number) {
  sim::Connection* made = world_.fabric().find_connection(number);
  if (made == nullptr) return;
  ++connections_seen_;
  const sim::Host& server = made->socket(1).host();
  const std::uint16_t client_port = made->socket(0).local().port();
  const std::uint16_t server_port = made->socket(1).local().port();
  const HostFacts& client_facts = facts_of(client.number());
  const HostFacts& server_facts = facts_of(server.number());
  auto connection = std::unique_ptr<ConnectionFacts>(
      new ConnectionFacts{number, client, server, client_facts, server_facts, client_port, server_port,
                          !client_facts.is_untrusted, !server_facts.is_untrusted, world_.now()});
  connection->heard_at = connection->acknowledged_at = connection->nothing_under_way_at = client.clock_now();
  // The server may have ended it before the client saw it.
  connection->client_was_told = made->from(1).end_arrived() || made->socket(0).is_dead();
  connection->server_ended = made->from(1).ended();
  connections_.insert_or_assign(number, std::move(connection));
  by_port_.insert_or_assign(key_of(client.number(), client_port), number);
  ConnectFacts& connects = connects_of(client, server, server_port);
  connect_goes_on(connects, client_port, true, false);
  connects.refusals = 0;
  connects.refused_that_began_at.reset();
  connects.gaps_without_jitter = 0;
}

void ConnectionTracker::bytes_arrived(ConnectionFacts& connection, bool by_server) {
  if (by_server) {
    connection.heard_at = connection.client.clock_now();
    return server_is_alive(connection);
  }
  connection.asked_at = connection.client.clock_now();
  if (world_.fabric().link(connection.server, connection.client).is_cut()) return;
  connection.acknowledged_at = connection.client.clock_now();
  // While a client uploads, its pings wait behind the upload: the server's acknowledgements are all that it hears.
  const sim::Connection* made = real(connection);
  if (made != nullptr && made->socket(0).writer_waits()) server_is_alive(connection);
}

void ConnectionTracker::sent_its_last(ConnectionFacts& connection, bool by_server) {
  if (by_server) {
    connection.server_ended = true;
  } else {
    over_for_client(connection, connection.client_ended);
  }
}

void ConnectionTracker::reset_arrived(ConnectionFacts& connection, bool by_server) {
  if (by_server) {
    over_for_client(connection, connection.client_was_told);
  } else {
    connection.server_told_at = world_.now();
  }
}

// What the system of this end sent was lost too often.
void ConnectionTracker::system_gave_up(ConnectionFacts& connection, bool by_server) {
  if (by_server) {
    connection.server_told_at = world_.now();
  } else {
    over_for_client(connection, connection.client_was_told);
  }
}

void ConnectionTracker::over_for_client(ConnectionFacts& connection, bool& how) {
  if (connection.is_live()) connects_of(connection).had_connection_at = world_.now();
  how = true;
}

const ConnectionFacts* ConnectionTracker::find_connection(std::uint64_t number) const {
  const auto found = connections_.find(number);
  return found == connections_.end() ? nullptr : found->second.get();
}

ConnectionFacts* ConnectionTracker::find(std::uint64_t number) {
  const auto found = connections_.find(number);
  return found == connections_.end() ? nullptr : found->second.get();
}

ConnectionFacts* ConnectionTracker::find(std::uint64_t client_host, std::uint16_t client_port) {
  const auto found = by_port_.find(key_of(client_host, client_port));
  return found == by_port_.end() ? nullptr : find(found->second);
}

sim::Connection* ConnectionTracker::real(const ConnectionFacts& connection) const {
  return world_.fabric().find_connection(connection.number);
}

void ConnectionTracker::host_gone(const sim::Host& host) {
  for (SpanFacts& span : spans_) {
    if (!span.is_open || span.host != host.number()) continue;
    close_span(span);
    span.connection = 0;  // it may still be told to end when the host's programs are destroyed
  }
  for (const auto& [number, connection] : connections_) {
    if (&connection->client == &host) connection->client_ended = true;
    if (&connection->server == &host) connection->server_ended = true;
  }
  std::erase_if(connects_, [&host](const auto& entry) { return &entry.second->from == &host; });
  facts_of(host.number()).resumed_at_local = TimePoint::min();  // its clock begins anew
}

// --- Connecting ------------------------------------------------------------------------------------------------------

void ConnectionTracker::on_sent(const sim::Packet& packet) {
  if (packet.kind != sim::Packet::Kind::open) return;
  const HostFacts& client = facts_of(packet.from.number());
  if (client.is_unpooled || client.is_untrusted) return;
  ConnectFacts& connects = connects_of(packet.from, packet.to, packet.to_address.port());
  const std::uint16_t client_port = packet.from_address.port();
  const bool is_sent_again =
      std::ranges::find(connects.open, client_port, &ConnectFacts::Attempt::client_port) != connects.open.end();
  if (is_sent_again) return connect_goes_on(connects, client_port, false, false);
  connect_begins(packet.from, connects, client_port);
}

void ConnectionTracker::on_arrived(const sim::Packet& packet) {
  if (packet.kind != sim::Packet::Kind::refused) return;
  connect_goes_on(connects_of(packet.to, packet.from, packet.from_address.port()), packet.to_address.port(), true, true);
}

void ConnectionTracker::connect_begins(const sim::Host& from, ConnectFacts& connects, std::uint16_t client_port) {
  ++connects_seen_;
  const TimePoint now = from.clock_now();
  std::deque<TimePoint>& past = connects.within_a_minute;
  while (!past.empty() && now - past.front() >= std::chrono::minutes(1)) past.pop_front();
  past.push_back(now);
  listener_.on_connect(connects);
  // Attempts that began earlier and are heard of no more were given up.
  const bool is_alone = lacks_connection(connects);
  connects.open.push_back({client_port, now, is_alone});
  if (connects.open.size() > kConnectsOpenKept) connects.open.erase(connects.open.begin());
  const auto refused = std::exchange(connects.refused_that_began_at, std::nullopt);
  if (!refused || !is_alone || limits_.pools_per_host > 1) return;
  if (now - *refused > kPoolForgetsAfter) connects.refusals = 1;
  listener_.on_connect_after_refusal(connects, now - *refused);
}

// The attempt from this port was alive until now. `was_refused` implies `is_over`.
void ConnectionTracker::connect_goes_on(ConnectFacts& connects, std::uint16_t client_port, bool is_over, bool was_refused) {
  const auto attempt = std::ranges::find(connects.open, client_port, &ConnectFacts::Attempt::client_port);
  if (attempt == connects.open.end()) return;
  listener_.on_connect_alive(connects, attempt + 1 == connects.open.end());
  if (was_refused && attempt->is_alone) {
    connects.refused_that_began_at = attempt->begun_at;
    ++connects.refusals;
  } else if (was_refused) {
    connects.refusals = 0;
  }
  // A pool has one attempt at a time: those before this one were given up.
  connects.open.erase(connects.open.begin(), is_over ? attempt + 1 : attempt);
}

ConnectFacts& ConnectionTracker::connects_of(const sim::Host& from, const sim::Host& to, std::uint16_t port) {
  std::unique_ptr<ConnectFacts>& connects = connects_[{from.number(), to.number(), port}];
  if (!connects) connects = std::unique_ptr<ConnectFacts>(new ConnectFacts{from, to, port});
  return *connects;
}

ConnectFacts& ConnectionTracker::connects_of(const ConnectionFacts& connection) {
  return connects_of(connection.client, connection.server, connection.server_port);
}

// There is no connection there, nor was one a moment ago, whose end its pool may not have seen yet.
bool ConnectionTracker::lacks_connection(const ConnectFacts& connects) {
  const TimePoint now = world_.now();
  if (connects.had_connection_at + limits_.at_once >= now) return false;
  if (facts_of(connects.from.number()).resumed_at + limits_.at_once >= now) return false;
  return std::ranges::none_of(connections_, [&connects](const auto& entry) {
    const ConnectionFacts& connection = *entry.second;
    return &connection.client == &connects.from && &connection.server == &connects.to &&
           connection.server_port == connects.port && connection.is_live();
  });
}

// --- Hosts -----------------------------------------------------------------------------------------------------------

HostFacts& ConnectionTracker::facts_of(std::uint64_t host) {
  if (hosts_.size() <= host) hosts_.resize(host + 1);
  if (!hosts_[host]) {
    hosts_[host] = std::make_unique<HostFacts>();
    hosts_[host]->is_untrusted = untrusted_.contains(host_of(host).name());
    hosts_[host]->is_unpooled = unpooled_.contains(host_of(host).name());
  }
  return *hosts_[host];
}

std::uint64_t ConnectionTracker::host_number(std::string_view name) const {
  for (const auto& host : world_.fabric().hosts()) {
    if (host->name() == name) return host->number();
  }
  return 0;
}

}  // namespace razor::faults
