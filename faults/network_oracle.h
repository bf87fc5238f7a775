#pragma once
// NetworkOracle: watches the connections of a world and the calls that are reported on them (runtime/trace.h), and says when
// a rule of faults/contract.md is broken that the bytes, the sockets and the order of things tell: 1, 6, 8, 9, 13, 16-18, 20, 21,
// 26, 29, 30. A ConnectionTracker keeps the facts; the rules are beside it in network/.
//
//   faults::NetworkOracle network(world, {.window = 20, .connections_max = 2});
//   network.set_untrusted_peers({"impostor", "attacker"});
//   ...
//   network.check_all();        // when everything is closed, and all handlers have ended
//
// It knows no RPC: a call is a span whose side is `asks`, a request one whose side is `answers`; a span that has its number has
// been handed to its connection; an outcome "unreachable (ran: no)" is an errc and whether the call ran. A span called "ping"
// asks whether the peer is alive, and no pool chose its address.
//
// What it cannot see, and so lets pass:
//  - Which attempts belong to one call (Ledger), and so budgets of retries (Bounds: RetryBudget).
//  - Which connection a pool means to leave: it has a call or two more than its cap only where that proves that all of them
//    took new calls at a time.
//  - Attempts to connect that were given up in silence: gaps are looked at behind those that were refused.
//  - What a server knows of a dead connection before it was told: a dispatch counts as wrong where the server itself had
//    ended the connection, or had time to learn of a reset.
//  - How long an answer waits that finds no room in the transport.

#include <string>
#include <string_view>
#include <vector>

#include "faults/network/call_rules.h"
#include "faults/network/connect_rules.h"
#include "faults/network/connection_tracker.h"
#include "faults/network/liveness_rules.h"
#include "faults/network/load_rules.h"
#include "faults/network/network_limits.h"

namespace razor::faults {

class NetworkOracle final : private TrackerListener {
 public:
  /// Watches from now on. The world outlives it.
  explicit NetworkOracle(sim::World& world, const NetworkLimits& limits = {});
  NetworkOracle(const NetworkOracle&) = delete;

  // --- Who is who; before they do anything
  /// Hosts that may send anything, or whose connections may be fed anything: nothing that they say is believed.
  void set_untrusted_peers(const std::vector<std::string>& hosts) { tracker_.set_untrusted_peers(hosts); }
  /// Hosts whose connections are not made by pools: rules 21, 29 and 30 are not theirs.
  void set_unpooled(const std::vector<std::string>& hosts) { tracker_.set_unpooled(hosts); }

  // --- What happened; crashes and kills of hosts are seen without a call
  /// The host has another pool instead of the one before, which knows nothing of addresses yet.
  void pool_made(std::string_view host) { tracker_.pool_made(host); }
  /// Its pool has other addresses from now on: connections that it has may leave.
  void addresses_updated(std::string_view host) { tracker_.addresses_updated(host); }

  /// Everything is closed, and all handlers have ended: checks what is only wrong if it never comes.
  void check_all();

  std::uint64_t connections() const { return tracker_.connections_seen(); }
  /// Attempts to connect, without those that a system repeats.
  std::uint64_t connects() const { return tracker_.connects_seen(); }
  /// Calls that were handed to a connection, pings included.
  std::uint64_t attempts() const { return tracker_.attempts_seen(); }
  std::uint64_t requests() const { return tracker_.requests_seen(); }

 private:
  void on_call_assigned(const ConnectionFacts& connection, const ConnectFacts& address) override;
  void on_call_sent(const ConnectionFacts& connection, runtime::SpanId span, std::uint64_t number) override;
  void on_call_failed(const ConnectionFacts& connection, const SpanFacts& span, const runtime::SpanEnd& end) override;
  void on_dispatched(const ConnectionFacts& connection, std::uint64_t number) override;
  void on_ended_again(const ConnectionFacts& connection, const SpanFacts& span) override;
  void on_check(ConnectionFacts& connection) override;
  void on_connect(const ConnectFacts& address) override;
  void on_connect_after_refusal(ConnectFacts& address, base::Duration gap) override;
  void on_connect_alive(const ConnectFacts& address, bool is_last) override;

  NetworkLimits limits_;
  ConnectionTracker tracker_;
  CallRules calls_{tracker_, limits_};
  LoadRules load_{tracker_, limits_};
  LivenessRules liveness_{tracker_, limits_};
  ConnectRules connects_{tracker_, limits_};
};

}  // namespace razor::faults
