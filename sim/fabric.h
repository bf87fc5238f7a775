#pragma once
// Fabric: the network between the hosts of a world: who has which name, who listens where, how connections come about.
//
// Divergence: names are known at once, and never fail for a while. A full backlog drops the client's packet, which is sent
// again after 1 s, 3 s, 7 s …, six times, as in silence; then connecting has timed out.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "razor/runtime/event.h"
#include "sim/connection.h"
#include "sim/host.h"
#include "sim/link.h"

namespace razor::sim {

struct FabricConfig {
  LinkConfig link{};  ///< between two hosts
  LinkConfig loopback{.latency = {std::chrono::microseconds(5), std::chrono::microseconds(5)}};  ///< within one
  SocketConfig sockets{};
};
static_assert(std::is_trivially_copyable_v<FabricConfig>);

/// Where connections to one address of a host wait to be accepted.
class Listening : public std::enable_shared_from_this<Listening> {
 public:
  Listening(SimRuntime& runtime, runtime::Address address, bool only_from_here, std::size_t backlog)
      : runtime_(&runtime),
        address_(std::move(address)),
        only_from_here_(only_from_here),
        backlog_(backlog),
        arrived_(runtime.executor()),
        closed_(runtime.executor()) {}

  const runtime::Address& address() const { return address_; }
  bool accepts_from(const Host& host) const { return !only_from_here_ || &host == &runtime_->host(); }
  bool is_full() const { return waiting_.size() > backlog_; }  // as Linux: one more than the backlog
  void add(Socket& socket) {
    waiting_.push_back(&socket);
    arrived_.set();
  }

 private:
  friend class SimListener;
  friend class Fabric;

  SimRuntime* runtime_;
  runtime::Address address_;
  bool only_from_here_;
  std::size_t backlog_;
  bool is_open_ = true;
  std::vector<Socket*> waiting_;
  runtime::Event arrived_;
  runtime::Event closed_;
};

class Fabric {
 public:
  Fabric(Engine& engine, const FabricConfig& config, base::LogSink& log);
  ~Fabric();

  /// The host of this name, made at the first call.
  Host& host(std::string_view name);
  /// In the order they were made.
  const std::vector<std::unique_ptr<Host>>& hosts() const { return hosts_; }
  /// The link from one host to another.
  Link& link(const Host& from, const Host& to);
  /// All of them, also those between hosts that have not met yet.
  void set_link_config(const LinkConfig& config);
  /// Of connections that are made from now on.
  void set_socket_config(const SocketConfig& config) { config_.sockets = config; }

  runtime::Task<base::Result<std::unique_ptr<runtime::ByteStream>>> connect(SimRuntime& from, runtime::Address address);
  base::Result<std::unique_ptr<runtime::Listener>> listen(SimRuntime& runtime, const runtime::Address& address,
                                                          runtime::ListenOptions options);
  void host_crashed(Host& host);
  /// All Runtimes of all hosts end.
  void kill_all();

  /// What runs on the hosts reports calls to the engine's observers, or does not.
  void trace_calls(bool wanted);
  const FabricConfig& config() const { return config_; }

  // --- Faults of the network
  /// `rule` is asked from now on, behind those that are there; until `remove_rule`, which comes before it goes. Neither from
  /// inside a rule.
  void add_rule(Rule& rule) { rules_.push_back(&rule); }
  void remove_rule(Rule& rule) { std::erase(rules_, &rule); }
  /// In the order they were added.
  const std::vector<Rule*>& rules() const { return rules_; }
  /// The numbers of those between two hosts of which something may still be seen, in the order they were made.
  std::vector<std::uint64_t> connections_between(const Host& one, const Host& other);
  /// Nothing of the connection arrives any more, in either direction, and nobody is told: its ends send what they have again until
  /// their systems give up. False when there is no such connection.
  bool sever(std::uint64_t connection);
  /// Both ends see a reset, at once; what is under way is gone. False when there is no such connection.
  bool reset(std::uint64_t connection);
  /// How many packets are under way on this link that were sent in [since, until), with those of handshakes.
  std::size_t under_way(const Host& from, const Host& to, base::TimePoint since, base::TimePoint until);

  /// Null when there is none of this number any more.
  const Connection* find_connection(std::uint64_t number) const;
  Connection* find_connection(std::uint64_t number);
  std::size_t connection_count() const { return connections_.size(); }
  std::size_t connection_count(const Host& host) const;

 private:
  friend class SimListener;
  struct HandshakeListTag {};
  struct Handshake;
  class HandshakeDone;

  Host* find_host(const Host& from, const runtime::Address& address);
  std::shared_ptr<Listening> find_listening(const Host& from, const Host& to, const runtime::Address& address);
  std::uint16_t free_port(const Host& host);
  void close(Listening& listening);

  Engine& engine_;
  FabricConfig config_;
  base::LogSink& log_;
  bool traces_calls_ = false;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<Rule*> rules_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::unique_ptr<Link>> links_;
  struct Place {
    std::uint64_t host;
    std::string path;  // of a Unix socket
    std::uint16_t port;
    auto operator<=>(const Place&) const = default;
  };
  std::map<Place, std::shared_ptr<Listening>> listening_;
  std::map<std::uint64_t, std::uint16_t> last_port_;
  ConnectionList connections_;
  base::IntrusiveList<Handshake, HandshakeListTag> handshakes_;
};

}  // namespace razor::sim
