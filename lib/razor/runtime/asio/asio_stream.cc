#include "razor/runtime/asio/asio_stream.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <span>

namespace razor::asio {
namespace {

using runtime::Address;
using runtime::ByteStream;
using Tcp = boost::asio::ip::tcp;

// Buffers of one write that go to the system at once; what is left is the next write's.
constexpr std::size_t kWriteBuffersMax = 64;

// Requests for room to a peer whose system has none, sent and not answered, after which its machine counts as silent.
constexpr std::uint8_t kUnansweredProbes = 3;

}  // namespace

std::error_code AsioStream::State::adopt(int family, int descriptor) {
  error_code error;
  socket.assign(Socket::protocol_type(family, 0), descriptor, error);
  if (error) {
    ::close(descriptor);
    return portable_error(error);
  }
  socket.non_blocking(true, error);  // it does not block: this says so to Asio
  return error ? portable_error(error) : std::error_code();
}

bool AsioStream::State::try_read(Read& read) {
  error_code error;
  const base::MutableBytes buffer = read.buffer();
  const std::size_t count = socket.read_some(boost::asio::buffer(buffer.data(), buffer.size()), error);
  maybe_readable = count == buffer.size();
  if (error == boost::asio::error::would_block) return false;
  if (error == boost::asio::error::eof) {
    read.finish(std::size_t{0});
  } else if (error) {
    read.finish(portable_error(error));
  } else {
    read.finish(count);
  }
  return true;
}

bool AsioStream::State::try_write(Write& write) {
  std::array<boost::asio::const_buffer, kWriteBuffersMax> buffers;
  std::size_t count = 0;
  for (const base::ByteView buffer : write.buffers()) {
    if (buffer.empty()) continue;
    if (count == buffers.size()) break;
    buffers[count++] = boost::asio::const_buffer(buffer.data(), buffer.size());
  }
  RAZOR_CHECK(count > 0, "write of no bytes");
  error_code error;
  std::size_t written = 0;
  if (count == 1) {
    written = socket.write_some(buffers[0], error);
  } else {
    written = socket.write_some(std::span<const boost::asio::const_buffer>(buffers.data(), count), error);
  }
  if (error == boost::asio::error::would_block) return false;
  if (error) {
    write.finish(portable_error(error));
  } else {
    write.finish(written);
  }
  return true;
}

void AsioStream::State::wait_readable() {
  if (std::exchange(read_wait_pending, true)) return;
  socket.async_wait(Socket::wait_read, [self = shared_from_this()](const error_code&) {
    self->read_wait_pending = false;
    if (self->reader == nullptr || self->core->closed()) return;
    AsioCore::Turn turn(*self->core);
    self->finish_read();
  });
}

void AsioStream::State::finish_read() {
  if (try_read(*reader)) {
    std::exchange(reader, nullptr)->resume_now();
  } else {
    wait_readable();
  }
}

void AsioStream::State::wait_writable() {
  if (std::exchange(write_wait_pending, true)) return;
  socket.async_wait(Socket::wait_write, [self = shared_from_this()](const error_code&) {
    self->write_wait_pending = false;
    if (self->writer == nullptr || self->core->closed()) return;
    AsioCore::Turn turn(*self->core);
    if (self->try_write(*self->writer)) {
      std::exchange(self->writer, nullptr)->resume_now();
    } else {
      self->wait_writable();
    }
  });
}

void AsioStream::State::close() {
  const std::error_code canceled = make_error_code(std::errc::operation_canceled);
  retry.unlink();
  if (Read* read = std::exchange(reader, nullptr)) {
    read->finish(canceled);
    core->schedule(*read);
  }
  if (Write* write = std::exchange(writer, nullptr)) {
    write->finish(canceled);
    core->schedule(*write);
  }
  error_code ignored;
  socket.close(ignored);
}

bool AsioStream::start(Read& read) {
  RAZOR_CHECK(state_->reader == nullptr, "two reads at a time on {}", peer_);
  RAZOR_CHECK(!read.buffer().empty(), "read into an empty buffer");
  if (!state_->socket.is_open()) {
    read.finish(make_error_code(std::errc::operation_canceled));
    return true;
  }
  state_->reader = &read;
  if (state_->maybe_readable) {
    state_->core->schedule(state_->retry);
  } else {
    state_->wait_readable();
  }
  return false;
}

bool AsioStream::start(Write& write) {
  RAZOR_CHECK(state_->writer == nullptr, "two writes at a time on {}", peer_);
  if (!state_->socket.is_open()) {
    write.finish(make_error_code(std::errc::operation_canceled));
    return true;
  }
  if (state_->writes_at_once.may_be_one_more(*state_->core) && state_->try_write(write)) return true;
  state_->writer = &write;
  state_->wait_writable();
  return false;
}

base::Result<void> AsioStream::shutdown_write() {
  error_code error;
  state_->socket.shutdown(Socket::shutdown_send, error);
  if (error) return portable_error(error);
  return {};
}

void AsioStream::reset() {
  if (!state_->socket.is_open()) return;
  error_code ignored;
  state_->socket.set_option(boost::asio::socket_base::linger(true, 0), ignored);
  state_->close();
}

bool AsioStream::input_pending() const {
  error_code error;
  const std::size_t count = state_->socket.available(error);
  return !error && count > 0;
}

// Asked for nothing, poll tells of errors and of a peer that is gone. It leaves the error to the next read or write.
bool AsioStream::is_broken() const {
  if (!state_->socket.is_open()) return true;
  pollfd state{.fd = state_->socket.native_handle(), .events = 0, .revents = 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLERR | POLLHUP)) != 0;
}

// SIOCOUTQ counts what is not acknowledged over TCP; over a Unix socket it counts what is not read, which says nothing of
// a machine.
std::optional<runtime::Unacknowledged> AsioStream::unacknowledged() const {
  if (!state_->socket.is_open() || peer_.family() == Address::Family::unix_socket) return std::nullopt;
  const int descriptor = state_->socket.native_handle();
  // What is not sent may be sent meanwhile, so it is asked for first: then what is under way is never counted too low.
  int not_sent = 0;
  int unacknowledged = 0;
  if (::ioctl(descriptor, SIOCOUTQNSD, &not_sent) != 0) return std::nullopt;
  if (::ioctl(descriptor, SIOCOUTQ, &unacknowledged) != 0) return std::nullopt;
  const auto bytes = static_cast<std::uint64_t>(std::max(unacknowledged, 0));
  const auto waiting = std::min(static_cast<std::uint64_t>(std::max(not_sent, 0)), bytes);
  if (waiting == 0) return runtime::Unacknowledged{bytes, bytes};
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  // The peer's system has no room and does not answer when it is asked for some: it may be dead as well.
  if (info.tcpi_probes >= kUnansweredProbes) return runtime::Unacknowledged{bytes, bytes};
  return runtime::Unacknowledged{bytes, bytes - waiting};
}

std::unique_ptr<runtime::DetachedStream> AsioStream::detach() {
  RAZOR_CHECK(state_->reader == nullptr && state_->writer == nullptr, "detach of {} while it is used", peer_);
  if (!state_->socket.is_open()) return nullptr;
  error_code error;
  const int family = family_of(state_->socket.local_endpoint(error));
  if (error) return nullptr;
  const int descriptor = state_->socket.release(error);
  if (error) return nullptr;
  return std::make_unique<DetachedSocket>(family, descriptor, local_, peer_);
}

DetachedSocket::~DetachedSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

base::Result<std::unique_ptr<ByteStream>> DetachedSocket::attach(std::shared_ptr<AsioCore> core) {
  auto state = std::make_shared<AsioStream::State>(std::move(core));
  if (const std::error_code failed = state->adopt(family_, std::exchange(descriptor_, -1))) return failed;
  return std::unique_ptr<ByteStream>(std::make_unique<AsioStream>(std::move(state), std::move(local_), std::move(peer_)));
}

base::Result<std::unique_ptr<ByteStream>> finish_stream(std::shared_ptr<AsioStream::State> state,
                                                        const std::string& unix_path) {
  error_code error;
  const Endpoint local = state->socket.local_endpoint(error);
  if (error) return portable_error(error);
  const Endpoint peer = state->socket.remote_endpoint(error);
  if (error) return portable_error(error);
  if (is_unix(local)) {
    const Address address = address_of(local, unix_path);
    return std::unique_ptr<ByteStream>(std::make_unique<AsioStream>(std::move(state), address, address));
  }
  // Nobody listened, and the system gave the caller the very port that it called: TCP connects it with itself. Kept, it
  // would answer itself, and take the port from the server, which cannot listen again until a minute after its end; a
  // reset leaves nothing behind.
  if (local == peer) {
    state->socket.set_option(boost::asio::socket_base::linger(true, 0), error);
    state->socket.close(error);
    return std::errc::connection_refused;
  }
  state->socket.set_option(Tcp::no_delay(true), error);
  if (error) return portable_error(error);
  return std::unique_ptr<ByteStream>(
      std::make_unique<AsioStream>(std::move(state), address_of(local, unix_path), address_of(peer, unix_path)));
}

}  // namespace razor::asio
