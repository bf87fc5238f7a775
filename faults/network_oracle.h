#pragma once
// NetworkOracle: watches the connections of a world and the calls that are reported on them (runtime/trace.h), and says when
// a rule of CONTRACT.md is broken that the bytes, the sockets and the order of things tell: 6, 8, 9, 13, 16-18, 20, 21, 26,
// 29, 30.
//
//   faults::NetworkOracle network(world, {.window = 20, .connections_max = 2});
//   network.set_strangers({"impostor", "attacker"});
//   ...
//   network.check_all();        // when everything is closed, and all handlers have ended
//
// It knows no RPC: a call is a span that asks, a request one that answers; a span that has its number has been handed to its
// connection; an outcome "unreachable (ran: no)" is an errc and what it says. A span called "ping" is a question whether
// somebody is there, and chooses no address.
//
// What it cannot see, and so lets pass:
//  - Which attempts belong to one call (Ledger), and so budgets of retries (Bounds: RetryBudget).
//  - Which connection a pool means to leave: it has a call or two more than its cap only where that proves that all of them
//    took new calls at a time.
//  - Attempts to connect that were given up in silence: gaps are looked at behind those that were refused.
//  - What a server knows of a dead connection before it was told: a dispatch counts as wrong where the server itself had
//    ended the connection, or had time to learn of a reset.
//  - How long an answer waits that finds no room in the transport.

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "faults/rule.h"

namespace razor::faults {

/// What those who are watched promise: the defaults are those of CONTRACT.md.
struct NetworkLimits {
  std::uint32_t window = 128;
  std::uint32_t handlers_per_connection_max = 1024;
  std::uint32_t connections_max = 8;  ///< of one pool to one address
  std::uint32_t pools_per_host = 1;   ///< that know the same address
  std::uint32_t connects_per_minute_max = 90;
  base::Duration reconnect_least = std::chrono::milliseconds(50);
  base::Duration reconnect_most = std::chrono::seconds(1);
  base::Duration ping_interval = std::chrono::seconds(1);
  base::Duration ping_timeout = std::chrono::seconds(2);
  base::Duration tick = std::chrono::seconds(1);
  /// How long what should happen at once may take.
  base::Duration at_once = std::chrono::milliseconds(100);
};
static_assert(std::is_trivially_copyable_v<NetworkLimits>);

class NetworkOracle final : private sim::Observer {
 public:
  /// Watches from now on. The world outlives it.
  explicit NetworkOracle(sim::World& world, const NetworkLimits& limits = {});
  NetworkOracle(const NetworkOracle&) = delete;
  ~NetworkOracle() override;

  // --- Who is who; before they do anything
  /// Hosts that may send anything, or whose connections may be fed anything: of what they say nothing is believed.
  void set_strangers(const std::vector<std::string>& hosts);
  /// Hosts whose connections are not made by pools: rules 21, 29 and 30 are not theirs.
  void set_unpooled(const std::vector<std::string>& hosts);

  // --- What happened; a host that crashes or is killed needs not be told
  /// The host has another pool instead of the one before, which knows nothing of addresses yet.
  void pool_made(std::string_view host);
  /// Its pool has other addresses from now on: what it has may leave.
  void addresses_updated(std::string_view host);

  /// What is only wrong if it never comes. Everything is closed, and all handlers have ended.
  void check_all();

  std::uint64_t connections() const { return connections_seen_; }
  /// Attempts to connect, without those that a system repeats.
  std::uint64_t connects() const { return connects_seen_; }
  /// Calls that were handed to a connection, pings included.
  std::uint64_t attempts() const { return attempts_seen_; }
  std::uint64_t requests() const { return requests_seen_; }

 private:
  struct Connection;
  struct Connects;
  struct HostFacts;
  struct Span {
    std::uint64_t connection = 0;  // 0: of none that is known
    std::uint64_t number = 0;
    std::uint64_t host = 0;
    bool asks = false;
    bool is_open = false;
  };

  void on_occurrence(const sim::Occurrence& occurrence) override;
  void on_sent(const sim::Packet& packet) override;
  void on_arrived(const sim::Packet& packet) override;
  void on_span_begin(const sim::Host& host, runtime::SpanId id, const runtime::SpanStart& start) override;
  void on_span_number(const sim::Host& host, runtime::SpanId id, std::uint64_t number) override;
  void on_span_end(const sim::Host& host, runtime::SpanId id, const runtime::SpanEnd& end) override;

  // Calls
  Span* find_span(runtime::SpanId id);
  void close_span(Span& span);
  void attempt_begins(Connection& connection);
  void asked(Connection& connection, runtime::SpanId id, std::uint64_t number);
  void dispatched(Connection& connection, std::uint64_t number);
  void failed(Connection& connection, const Span& span, const runtime::SpanEnd& end);
  /// The server has shown that it is there.
  void is_there(const Connection& connection, base::TimePoint now);
  void check_cap(const Connection& connection);

  // Connections
  void connected(const sim::Host& client, std::uint64_t number);
  void over_for_client(Connection& connection, bool& how);
  Connection* find(std::uint64_t number);
  Connection* find(std::uint64_t client_host, std::uint16_t client_port);
  void look(base::TimePoint now);
  void look_at(Connection& connection, base::TimePoint now);
  void host_gone(const sim::Host& host);

  // Connecting
  Connects& connects_of(const sim::Host& from, const sim::Host& to, std::uint16_t port);
  void connect_begins(const sim::Host& from, Connects& connects, std::uint16_t client_port);
  // Its attempt with this port was alive until now. `refused`: and is over.
  void connect_goes_on(Connects& connects, std::uint16_t client_port, bool is_over, bool was_refused);
  bool lacks_connection(const Connects& connects);

  HostFacts& facts_of(std::uint64_t host);
  const sim::Host& host_of(std::uint64_t number) const { return *world_.fabric().hosts().at(number - 1); }
  // 0 when there is none of this name.
  std::uint64_t host_number(std::string_view name) const;

  sim::World& world_;
  NetworkLimits limits_;
  std::set<std::string, std::less<>> strangers_;
  std::set<std::string, std::less<>> unpooled_;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;      // by number
  std::unordered_map<std::uint64_t, std::uint64_t> by_port_;              // the last connection of a client's port
  std::map<std::array<std::uint64_t, 3>, std::unique_ptr<Connects>> connects_;  // by client, server, port
  std::vector<std::unique_ptr<HostFacts>> hosts_;                         // by number
  std::deque<Span> spans_;
  runtime::SpanId first_span_ = 1;  // the id of spans_.front()
  base::TimePoint looked_at_{};
  std::uint64_t connections_seen_ = 0;
  std::uint64_t connects_seen_ = 0;
  std::uint64_t attempts_seen_ = 0;
  std::uint64_t requests_seen_ = 0;
};

}  // namespace razor::faults
