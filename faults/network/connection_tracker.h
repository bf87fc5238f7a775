#pragma once
// ConnectionTracker: watches the connections of a world and the calls that are reported on them (runtime/trace.h), and keeps
// facts of them: what was sent, answered, acknowledged and lost, and when. It judges nothing: the rules do, through a
// TrackerListener.

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "faults/network/connection_facts.h"
#include "faults/network/network_limits.h"
#include "sim/world.h"

namespace razor::faults {

/// After this a pool may have forgotten what it knew of an address that it had no use for.
inline constexpr base::Duration kPoolForgetsAfter = std::chrono::seconds(30);

/// Called as things happen. Unless it says otherwise, the facts are those of before.
class TrackerListener {
 public:
  virtual ~TrackerListener() = default;

  // --- At the client
  /// A pool has chosen `connection`, which goes to the address of `address`, for a call. The facts know of it.
  virtual void on_call_assigned(const ConnectionFacts& connection, const ConnectFacts& address) = 0;
  /// The call of `span` has been handed to its connection, with `number`.
  virtual void on_call_sent(const ConnectionFacts& connection, runtime::SpanId span, std::uint64_t number) = 0;
  /// A call ended without a response.
  virtual void on_call_failed(const ConnectionFacts& connection, const SpanFacts& span, const runtime::SpanEnd& end) = 0;

  // --- At the server
  /// A handler was entered. It counts already in `answers_open`, and not yet in `dispatched`.
  virtual void on_dispatched(const ConnectionFacts& connection, std::uint64_t number) = 0;

  // --- At either
  /// A span that had ended ends again.
  virtual void on_ended_again(const ConnectionFacts& connection, const SpanFacts& span) = 0;
  /// Ten times a second, for each connection.
  virtual void on_check(ConnectionFacts& connection) = 0;

  // --- Connecting; only of hosts whose connections are made by pools
  /// An attempt begins; it counts in `within_a_minute`.
  virtual void on_connect(const ConnectFacts& address) = 0;
  /// The attempt is the first after one that was refused and began `gap` ago, and there is no other connection. `refusals` is
  /// how often it was refused.
  virtual void on_connect_after_refusal(ConnectFacts& address, base::Duration gap) = 0;
  /// An attempt is alive still, and `is_last` unless another has begun since.
  virtual void on_connect_alive(const ConnectFacts& address, bool is_last) = 0;
};

class ConnectionTracker final : private sim::Observer {
 public:
  using Connections = std::map<std::uint64_t, std::unique_ptr<ConnectionFacts>>;  // by number

  /// Watches from now on. `world` and `listener` outlive it.
  ConnectionTracker(sim::World& world, const NetworkLimits& limits, TrackerListener& listener);
  ConnectionTracker(const ConnectionTracker&) = delete;
  ~ConnectionTracker() override;

  // --- Who is who, and what callers do: as NetworkOracle has it
  void set_untrusted_peers(const std::vector<std::string>& hosts);
  void set_unpooled(const std::vector<std::string>& hosts);
  void pool_made(std::string_view host);
  void addresses_updated(std::string_view host);

  /// Calls `on_check` for each connection, and forgets those that are over.
  void check_now();

  // --- Facts
  base::TimePoint now() const { return world_.now(); }
  const Connections& connections() const { return connections_; }
  /// Null when it is forgotten.
  const ConnectionFacts* find_connection(std::uint64_t number) const;
  /// The connection itself; null when it is gone.
  sim::Connection* real(const ConnectionFacts& connection) const;
  const std::deque<SpanFacts>& spans() const { return spans_; }

  // --- Totals
  std::uint64_t connections_seen() const { return connections_seen_; }
  std::uint64_t connects_seen() const { return connects_seen_; }
  std::uint64_t attempts_seen() const { return attempts_seen_; }
  std::uint64_t requests_seen() const { return requests_seen_; }

 private:
  void on_occurrence(const sim::Occurrence& occurrence) override;
  void on_sent(const sim::Packet& packet) override;
  void on_arrived(const sim::Packet& packet) override;
  void on_span_begin(const sim::Host& host, runtime::SpanId id, const runtime::SpanStart& start) override;
  void on_span_number(const sim::Host& host, runtime::SpanId id, std::uint64_t number) override;
  void on_span_end(const sim::Host& host, runtime::SpanId id, const runtime::SpanEnd& end) override;

  // Calls
  SpanFacts* find_span(runtime::SpanId id);
  void close_span(SpanFacts& span);
  void call_sent(ConnectionFacts& connection, runtime::SpanId id, std::uint64_t number);
  void dispatched(ConnectionFacts& connection, std::uint64_t number);
  void call_failed(ConnectionFacts& connection, const SpanFacts& span, const runtime::SpanEnd& end);

  // Connections. `by_server`: what happened concerns what the server sends.
  void connected(const sim::Host& client, std::uint64_t number);
  void bytes_arrived(ConnectionFacts& connection, bool by_server);
  void sent_its_last(ConnectionFacts& connection, bool by_server);
  void reset_arrived(ConnectionFacts& connection, bool by_server);
  void system_gave_up(ConnectionFacts& connection, bool by_server);
  void over_for_client(ConnectionFacts& connection, bool& how);
  void server_is_alive(const ConnectionFacts& connection);
  ConnectionFacts* find(std::uint64_t number);
  ConnectionFacts* find(std::uint64_t client_host, std::uint16_t client_port);
  void note_acknowledgements(ConnectionFacts& connection) const;
  void forget_what_is_over();
  void host_gone(const sim::Host& host);

  // Connecting
  ConnectFacts& connects_of(const sim::Host& from, const sim::Host& to, std::uint16_t port);
  ConnectFacts& connects_of(const ConnectionFacts& connection);
  void connect_begins(const sim::Host& from, ConnectFacts& connects, std::uint16_t client_port);
  void connect_goes_on(ConnectFacts& connects, std::uint16_t client_port, bool is_over, bool was_refused);
  bool lacks_connection(const ConnectFacts& connects);

  HostFacts& facts_of(std::uint64_t host);
  const sim::Host& host_of(std::uint64_t number) const { return *world_.fabric().hosts().at(number - 1); }
  // 0 when there is none of this name.
  std::uint64_t host_number(std::string_view name) const;

  sim::World& world_;
  NetworkLimits limits_;
  TrackerListener& listener_;
  std::set<std::string, std::less<>> untrusted_;
  std::set<std::string, std::less<>> unpooled_;
  Connections connections_;
  std::unordered_map<std::uint64_t, std::uint64_t> by_port_;  // the last connection of a client's port
  std::map<std::array<std::uint64_t, 3>, std::unique_ptr<ConnectFacts>> connects_;  // by client, server, port
  std::vector<std::unique_ptr<HostFacts>> hosts_;  // by number
  std::deque<SpanFacts> spans_;
  runtime::SpanId first_span_ = 1;  // the id of spans_.front()
  base::TimePoint checked_at_{};
  std::uint64_t connections_seen_ = 0;
  std::uint64_t connects_seen_ = 0;
  std::uint64_t attempts_seen_ = 0;
  std::uint64_t requests_seen_ = 0;
};

}  // namespace razor::faults
