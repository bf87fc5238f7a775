#pragma once
// Socket: one end of a connection, as the system of its host keeps it, with or without a program. Programs hold a ByteStream on
// it. How it differs from a real one is said in connection.h.

#include <optional>
#include <system_error>

#include "razor/runtime/byte_stream.h"

namespace razor::sim {

class Connection;
class Direction;
class Host;
class SimRuntime;

struct SocketConfig {
  std::size_t send_buffer = 256 * base::kKiB;  ///< bytes that may wait to be sent; then writers wait
  std::size_t receive_buffer = 256 * base::kKiB;  ///< bytes that may wait to be read; then senders wait
};
static_assert(std::is_trivially_copyable_v<SocketConfig>);

class Socket {
 public:
  enum class State : std::uint8_t {
    open,
    closed,  // its program is done with it; what was written still goes out
    host_crashed,  // its host crashed: nothing comes from it, and nothing is heard
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
  void host_crashed();

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
  void set_has_stream(bool has_stream) { has_stream_ = has_stream; }
  bool has_stream() const { return has_stream_; }

 private:
  struct ReadTurn final : runtime::Runnable {
    explicit ReadTurn(Socket& owner)
        : Runnable([](Runnable& ready) { static_cast<ReadTurn&>(ready).socket.run_read(); }), socket(owner) {}
    Socket& socket;
  };
  struct WriteTurn final : runtime::Runnable {
    explicit WriteTurn(Socket& owner)
        : Runnable([](Runnable& ready) { static_cast<WriteTurn&>(ready).socket.run_write(); }), socket(owner) {}
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
  bool has_stream_ = false;  // a ByteStream points here
  bool is_dead_ = false;  // reset, or given up: nothing moves any more
  bool write_is_shut_ = false;
  std::error_code error_;  // reported once, as systems do
  runtime::ByteStream::Read* reader_ = nullptr;
  runtime::ByteStream::Write* writer_ = nullptr;
  ReadTurn read_turn_{*this};
  WriteTurn write_turn_{*this};
};

}  // namespace razor::sim
