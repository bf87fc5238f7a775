#pragma once
// A TCP connection as programs meet it: bytes in order in pieces of any size, bounded buffers and back-pressure, half-close,
// reset, and silence. A Connection has two Sockets (what the system of a host keeps of it) and two Directions (what is under
// way). Programs hold a ByteStream on a Socket.
//
// Divergence:
//  - What a reader takes is known to the sender at once while the sender does not wait for room; one that waits hears of it
//    after the latency of the reverse link.
//  - The connection exists at the server when the client's first packet has arrived, without a third packet.
//  - Acknowledgements free room though the reverse link is cut: a link that is cut stops only what it carries itself.
//    Only `unacknowledged()` tells of them: what arrives while the reverse link is cut stays unacknowledged until it heals.
//  - A receiver without room is not asked for some: that its machine died then is not seen, and times out with nothing.
//  - What is lost is sent again after 200 ms, doubling up to 120 s, 15 times; then the sender sees timed_out. No keepalive.
//  - Unix sockets are connections like these, within a host.

#include <memory>

#include "razor/base/intrusive_list.h"
#include "sim/direction.h"
#include "sim/socket.h"

namespace razor::sim {

struct ConnectionListTag {};

/// Both ends of a connection and what is between them. Deletes itself, in an event of its own, when neither a program nor
/// the network needs it.
class Connection : public base::ListLink<ConnectionListTag> {
 public:
  struct End {
    Host& host;
    runtime::Address address;
  };
  /// `forward` leads from the client (end 0) to the server (end 1), `reverse` back.
  Connection(Engine& engine, const SocketConfig& config, End client, End server, Link& forward, Link& reverse);

  Engine& engine() const { return engine_; }
  const SocketConfig& config() const { return config_; }
  /// Only before anything is written.
  void set_config(const SocketConfig& config) { config_ = config; }
  std::uint64_t number() const { return number_; }
  /// Nothing arrives any more, either way, and nobody is told.
  void sever() { is_severed_ = true; }
  bool is_severed() const { return is_severed_; }
  /// Both ends see a reset, at once.
  void reset();
  /// An end of it may still see something happen.
  bool is_live() const;
  Socket& socket(int end) { return end == 0 ? client_ : server_; }
  const Socket& socket(int end) const { return end == 0 ? client_ : server_; }
  /// What `end` sends.
  Direction& from(int end) { return end == 0 ? forward_ : reverse_; }

  /// A stream for a program of `runtime`. Once for each end.
  std::unique_ptr<runtime::ByteStream> open(int end, SimRuntime& runtime);
  /// As Network::adopt, for a program of `runtime`.
  static base::Result<std::unique_ptr<runtime::ByteStream>> adopt(std::unique_ptr<runtime::DetachedStream> detached,
                                                                  SimRuntime& runtime);
  void delete_if_unused();

 private:
  struct Deletion final : Event {
    explicit Deletion(Connection& owner)
        : Event([](Event& event) {
            Connection& owned = static_cast<Deletion&>(event).connection;
            if (owned.is_unused()) delete &owned;
          }),
          connection(owner) {}
    Connection& connection;
  };

  bool is_unused();

  Engine& engine_;
  SocketConfig config_;
  std::uint64_t number_;
  bool is_severed_ = false;
  Direction forward_;
  Direction reverse_;
  Socket client_;
  Socket server_;
  Deletion deletion_{*this};
};

using ConnectionList = base::IntrusiveList<Connection, ConnectionListTag>;

}  // namespace razor::sim
