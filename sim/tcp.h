#pragma once
// A TCP connection as programs meet it: bytes in order in pieces of any size, bounded buffers and back-pressure, half-close,
// reset, and silence. A Connection has two Sockets (what the system of a host keeps of it) and two Directions (what is on the
// way). Programs hold a ByteStream on a Socket.
//
// Divergence:
//  - What a reader takes is known to the sender at once while the sender does not wait for room; one that waits hears of it
//    after the way back.
//  - The connection exists at the server when the client's first packet has arrived, without a third packet.
//  - Acknowledgements free room though the way back is cut, so a link that is cut one way stops only what goes that way.
//    Only `unacknowledged()` tells of them: what arrives while the way back is cut stays unacknowledged until it heals.
//  - A receiver without room is not asked for some: that its machine died then is not seen, and times out with nothing.
//  - What is lost is sent again after 200 ms, doubling up to 120 s, 15 times; then the sender sees timed_out. No keepalive.
//  - Unix sockets are connections like these, within a host.

#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <vector>

#include "razor/runtime/byte_stream.h"
#include "sim/link.h"

namespace razor::sim {

class Host;
class SimRuntime;
class Connection;

struct SocketConfig {
  std::size_t send_buffer = 256 * base::kKiB;     ///< bytes that may wait to be sent; then writers wait
  std::size_t receive_buffer = 256 * base::kKiB;  ///< bytes that may wait to be read; then senders wait
};
static_assert(std::is_trivially_copyable_v<SocketConfig>);

/// What one end has sent and the other has not read.
class Direction {
 public:
  /// What end `from` sends by way of `link`.
  Direction(Connection& connection, int from, Link& link);

  // --- The sender's side
  std::size_t room() const;
  /// What the sender's system has not seen acknowledged.
  runtime::Unacknowledged unacknowledged() const;
  /// Takes `count` bytes from the front of `buffers`: at most `room()`.
  void write(std::span<const base::ByteView> buffers, std::size_t count);
  /// The end comes behind what was written.
  void end();
  /// What did not leave yet is dropped; the peer learns of it behind what did.
  void reset();
  /// Nothing more arrives.
  void drop();
  void sender_vanished();
  bool ended() const { return ended_; }

  // --- The receiver's side
  std::size_t readable() const { return static_cast<std::size_t>(arrived_ - read_); }
  bool end_arrived() const { return end_arrived_; }
  void receiver_closed();
  std::size_t read(base::MutableBytes to);

  /// Of what is on the way, how much was sent in [since, until).
  std::size_t under_way(base::TimePoint since, base::TimePoint until) const;
  /// Nothing of it is on the way.
  bool idle() const { return !arrival_.scheduled() && segments_begin_ == segments_.size(); }
  base::ByteCount written() const { return written_; }
  Link& link() { return link_; }

 private:
  enum class Kind : std::uint8_t { bytes, end, reset };
  struct Segment {
    base::TimePoint sent_at;
    base::TimePoint arrives_at;
    base::ByteCount end;  // the position behind its last byte
    Kind kind;
    bool is_lost = false;  // by a rule
  };
  struct Arrival final : Event {
    explicit Arrival(Direction& owner)
        : Event([](Event& event) { static_cast<Arrival&>(event).direction.arrive(); }), direction(owner) {}
    Direction& direction;
  };
  struct Acknowledgement final : Event {
    explicit Acknowledgement(Direction& owner)
        : Event([](Event& event) { static_cast<Acknowledgement&>(event).direction.acknowledge(); }), direction(owner) {}
    Direction& direction;
  };

  void send(std::size_t count);
  Passing passing(base::ByteCount position, std::size_t count);
  std::size_t split_by_rules(std::size_t count);
  bool change_by_rules(std::size_t count);
  // For who watches.
  void tell(void (Observer::*what)(const Packet&), const Segment& segment, base::ByteCount position,
            std::size_t count) const;
  void tell_sent_again(const Segment& segment) const;
  void push_segment(Kind kind, base::ByteCount end, base::TimePoint arrives_at);
  void schedule_arrival();
  void arrive();
  std::optional<LossCause> loss_of(const Segment& segment);
  void send_again(Segment& segment);
  bool deliver(const Segment& segment);
  void acknowledge();
  bool acknowledgements_pass() const;
  bool has_segments() const { return segments_begin_ < segments_.size(); }
  void pop_segment();
  /// Of this direction, in occurrences.
  std::uint64_t number() const;

  Connection& connection_;
  const int from_;
  Link& link_;
  std::vector<std::byte> bytes_;  // from `read_` on, behind `begin_` that were read
  std::size_t begin_ = 0;
  base::ByteCount written_ = 0;
  base::ByteCount arrived_ = 0;
  base::ByteCount acknowledged_ = 0;  // of what arrived, as far as the sender's system was told
  base::ByteCount read_ = 0;
  std::vector<Segment> segments_;
  std::size_t segments_begin_ = 0;
  base::TimePoint last_arrival_{};
  Arrival arrival_{*this};
  Acknowledgement acknowledgement_{*this};
  int attempts_ = 0;
  bool window_is_closed_ = false;  // the receiver has no room
  bool ended_ = false;
  bool end_arrived_ = false;
};

/// One end of a connection, as its host's system keeps it, with or without a program.
class Socket {
 public:
  enum class State : std::uint8_t {
    open,
    closed,    // its program is done with it; what was written still goes out
    vanished,  // its host crashed: nothing comes from it, and nothing is heard
  };

  Socket(Connection& connection, int end, Host& host, runtime::Address local, runtime::Address peer);

  bool start(runtime::ByteStream::Read& read);
  bool start(runtime::ByteStream::Write& write);
  void cancel(runtime::ByteStream::Read&) { reader_ = nullptr; }
  void cancel(runtime::ByteStream::Write&) { writer_ = nullptr; }
  base::Result<void> shutdown_write();
  void reset();
  void close();
  std::size_t bytes_readable() const;
  bool is_broken() const { return state_ != State::open || is_dead_; }
  std::optional<runtime::Unacknowledged> unacknowledged() const;

  /// The host crashed.
  void vanish();

  // --- From the network
  void bytes_arrived() { wake_reader(); }
  void reset_arrived();
  void timed_out();
  void room_appeared();
  /// The network resets the connection.
  void reset_by_network();
  bool writer_waits() const { return writer_ != nullptr; }

  State state() const { return state_; }
  bool is_dead() const { return is_dead_; }
  Host& host() const { return host_; }
  Connection& connection() const { return connection_; }
  int end() const { return end_; }
  const runtime::Address& local() const { return local_; }
  const runtime::Address& peer() const { return peer_; }
  /// A program of this Runtime has it from now on.
  void set_runtime(SimRuntime& runtime) { runtime_ = &runtime; }
  void set_held(bool held) { is_held_ = held; }
  bool is_held() const { return is_held_; }

 private:
  struct ReadTurn final : runtime::Ready {
    explicit ReadTurn(Socket& owner)
        : Ready([](Ready& ready) { static_cast<ReadTurn&>(ready).socket.run_read(); }), socket(owner) {}
    Socket& socket;
  };
  struct WriteTurn final : runtime::Ready {
    explicit WriteTurn(Socket& owner)
        : Ready([](Ready& ready) { static_cast<WriteTurn&>(ready).socket.run_write(); }), socket(owner) {}
    Socket& socket;
  };

  Direction& in() const;
  Direction& out() const;
  bool try_read(runtime::ByteStream::Read& read);
  bool try_write(runtime::ByteStream::Write& write);
  void run_read();
  void run_write();
  bool has_to_read() const;
  bool may_write() const;
  void wake_reader();
  void cancel_waiting();
  void die(std::errc error);

  Connection& connection_;
  const int end_;
  Host& host_;
  SimRuntime* runtime_ = nullptr;
  runtime::Address local_;
  runtime::Address peer_;
  State state_ = State::open;
  bool is_held_ = false;  // a ByteStream points here
  bool is_dead_ = false;  // reset, or given up: nothing moves any more
  bool write_is_shut_ = false;
  std::error_code error_;  // reported once, as systems do
  runtime::ByteStream::Read* reader_ = nullptr;
  runtime::ByteStream::Write* writer_ = nullptr;
  ReadTurn read_turn_{*this};
  WriteTurn write_turn_{*this};
};

struct ConnectionListTag {};

/// Both ends of a connection and what is between them. Deletes itself, in an event of its own, when neither a program nor
/// the network needs it.
class Connection : public base::ListLink<ConnectionListTag> {
 public:
  struct End {
    Host& host;
    runtime::Address address;
  };
  /// `there` is the way from the client (end 0) to the server (end 1).
  Connection(Engine& engine, const SocketConfig& config, End client, End server, Link& there, Link& back);

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
  Direction& from(int end) { return end == 0 ? there_ : back_; }

  /// A stream for a program of `runtime`. Once for each end.
  std::unique_ptr<runtime::ByteStream> open(int end, SimRuntime& runtime);
  void delete_if_unused();

 private:
  struct Deletion final : Event {
    explicit Deletion(Connection& owner)
        : Event([](Event& event) {
            Connection& connection = static_cast<Deletion&>(event).connection;
            if (connection.is_unused()) delete &connection;
          }),
          connection(owner) {}
    Connection& connection;
  };

  bool is_unused();

  Engine& engine_;
  SocketConfig config_;
  std::uint64_t number_;
  bool is_severed_ = false;
  Direction there_;
  Direction back_;
  Socket client_;
  Socket server_;
  Deletion deletion_{*this};
};

using ConnectionList = base::IntrusiveList<Connection, ConnectionListTag>;

}  // namespace razor::sim
