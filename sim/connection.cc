#include "sim/connection.h"

#include <utility>

#include "sim/running.h"
#include "sim/sim_runtime.h"

namespace razor::sim {

using runtime::ByteStream;

Connection::Connection(Engine& engine, const SocketConfig& config, End client, End server, Link& forward, Link& reverse)
    : engine_(engine),
      config_(config),
      number_(engine.next_number()),
      forward_(*this, 0, forward),
      reverse_(*this, 1, reverse),
      client_(*this, 0, client.host, client.address, server.address),
      server_(*this, 1, server.host, server.address, client.address) {}

namespace {

// What a program holds of a socket.
class Hold {
 public:
  explicit Hold(Socket& socket) : socket_(&socket) { socket.set_has_stream(true); }
  Hold(Hold&& other) noexcept : socket_(std::exchange(other.socket_, nullptr)) {}
  ~Hold() {
    if (socket_ == nullptr) return;
    const InSimulator in_simulator;
    socket_->set_has_stream(false);
    socket_->close();
    socket_->connection().delete_if_unused();
  }

  Socket& socket() const { return *socket_; }

 private:
  Socket* socket_;
};

class DetachedSimStream final : public runtime::DetachedStream {
 public:
  explicit DetachedSimStream(Hold socket) : hold(std::move(socket)) {}
  Hold hold;
};

class SimStream final : public ByteStream {
 public:
  explicit SimStream(Hold hold) : hold_(std::move(hold)), socket_(hold_.socket()) {}

  std::unique_ptr<runtime::DetachedStream> detach() override {
    return std::make_unique<DetachedSimStream>(std::move(hold_));
  }

  base::Result<void> shutdown_write() override {
    const InSimulator in_simulator;
    return socket_.shutdown_write();
  }
  void reset() override {
    const InSimulator in_simulator;
    socket_.reset();
  }
  bool input_pending() const override { return socket_.bytes_readable() > 0; }
  bool is_broken() const override { return socket_.is_broken(); }
  std::optional<runtime::Unacknowledged> unacknowledged() const override { return socket_.unacknowledged(); }
  const runtime::Address& local_address() const override { return socket_.local(); }
  const runtime::Address& peer_address() const override { return socket_.peer(); }

 protected:
  bool start(Read& read) override {
    const InSimulator in_simulator;
    return socket_.start(read);
  }
  bool start(Write& write) override {
    const InSimulator in_simulator;
    return socket_.start(write);
  }
  void cancel(Read& read) override { socket_.cancel(read); }
  void cancel(Write& write) override { socket_.cancel(write); }

 private:
  Hold hold_;
  Socket& socket_;
};

}  // namespace

std::unique_ptr<ByteStream> Connection::open(int end, SimRuntime& runtime) {
  socket(end).set_runtime(runtime);
  return std::make_unique<SimStream>(Hold(socket(end)));
}

base::Result<std::unique_ptr<ByteStream>> Connection::adopt(std::unique_ptr<runtime::DetachedStream> detached,
                                                            SimRuntime& runtime) {
  auto* stream = dynamic_cast<DetachedSimStream*>(detached.get());
  if (stream == nullptr || &stream->hold.socket().host() != &runtime.host()) return std::errc::operation_not_supported;
  stream->hold.socket().set_runtime(runtime);
  return std::unique_ptr<ByteStream>(std::make_unique<SimStream>(std::move(stream->hold)));
}

void Connection::reset() {
  for (const int end : {0, 1}) {
    engine_.occurred(EventKind::reset_arrived, number_ << 1 | static_cast<std::uint64_t>(end), 1);
    from(end).drop();
  }
  for (const int end : {0, 1}) socket(end).reset_by_network();
  delete_if_unused();
}

bool Connection::is_live() const {
  for (const int end : {0, 1}) {
    if (socket(end).state() == Socket::State::open && !socket(end).is_dead()) return true;
  }
  return false;
}

bool Connection::is_unused() {
  for (const int end : {0, 1}) {
    if (socket(end).has_stream() || socket(end).state() == Socket::State::open || !from(end).idle()) return false;
  }
  return true;
}

void Connection::delete_if_unused() {
  if (is_unused() && !deletion_.scheduled()) engine_.schedule_now(deletion_);
}

}  // namespace razor::sim
