#pragma once
// Rule: who may change what happens on the network: delay, split, change and lose what is sent, decide what becomes of
// connects and accepts, and hear of what was lost. Fabric::add_rule; all rules are asked, in the order they were added.
//
// A rule is called in the middle of the simulator's work: what it wants to do to hosts and connections beside its answer it
// does behind that, from World::after. It draws from streams of its own.

#include <system_error>

#include "razor/base/bytes.h"
#include "razor/base/time.h"
#include "razor/runtime/address.h"
#include "razor/runtime/handler_fault.h"

namespace razor::sim {

class Host;
struct SocketConfig;

/// A piece of what one end of a connection sends, as it leaves or has arrived.
struct Segment {
  const Host& from;
  const Host& to;
  std::uint64_t connection;
  int end;                   ///< which one sends; 0 is the client
  base::ByteCount position;  ///< of the first byte, in all that this end sends
  base::MutableBytes bytes;  ///< `on_segment` may change them, nobody else
  bool is_lost = false;      ///< set by `on_segment`: it does not arrive, and is sent again by the sender's system
};

enum class LossCause : std::uint8_t {
  cut,           ///< the link is cut, or was while the packet was under way
  host_down,
  severed,       ///< its connection is
  backlog_full,  ///< of the one who listens
  rule,          ///< a rule said so
};

/// What did not arrive: a segment, an end, a reset, or a packet of a handshake.
struct Loss {
  const Host& from;
  const Host& to;
  std::uint64_t connection;  ///< 0: of a handshake
  base::TimePoint sent_at;
  LossCause cause;
};

/// The first packet of a client at a host that is up.
struct Connecting {
  const Host& from;
  const Host& to;
  const runtime::Address& address;
  bool somebody_listens;  ///< else it will be refused
};

/// What becomes of it. The first rule that does not say `proceed` decides.
enum class ConnectVerdict : std::uint8_t {
  proceed,
  refuse,
  lose,  ///< as in silence: the client's system sends it again, for two minutes
};

/// A connection that comes to be, at its server, before the client knows.
struct Connected {
  const Host& client;
  const Host& server;
  std::uint64_t connection;
};

/// How an accept that finds a connection goes on. Of several rules, the delays add up, and the first error is reported.
struct AcceptFault {
  base::Duration delay{};
  std::error_code error;  ///< the connection stays for the next accept
};

class Rule {
 public:
  virtual ~Rule() = default;

  /// How much later what leaves now arrives: segments, handshakes, ends, resets, acknowledgements (those of 0 bytes but the
  /// first). What a connection sends behind it waits for it. Delays add up.
  virtual base::Duration delay(const Host& /*from*/, const Host& /*to*/, std::size_t /*bytes*/) { return {}; }
  /// How many bytes of a segment go first, alone; the rest is asked for anew. 0: all. Of several rules, the least counts.
  virtual std::size_t split(const Segment&) { return 0; }
  /// A segment leaves, for the first time. Its bytes may be changed.
  virtual void on_segment(Segment&) {}
  /// Bytes have arrived, and the reader knows nothing of them yet.
  virtual void on_arrived(const Segment&) {}
  virtual void on_lost(const Loss&) {}

  virtual ConnectVerdict on_connect(const Connecting&) { return ConnectVerdict::proceed; }
  /// `sockets`, which are both ends', may be changed.
  virtual void on_connection(const Connected&, SocketConfig& /*sockets*/) {}
  virtual AcceptFault on_accept(const Host&) { return {}; }

  /// A server of the host is about to hand a request to its handler. Adds to what the rules before it want.
  virtual void on_request(const Host&, runtime::HandlerFault&) {}
};

}  // namespace razor::sim
