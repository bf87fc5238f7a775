// The network of an AsioRuntime: TCP and Unix sockets as ByteStreams and Listeners.
//
// A socket is read and written directly, without blocking; Asio is only asked when it would block, to say when it no
// longer does. So no buffer is ever lent to Asio, a cancelled read loses no bytes, and a batch costs no handler of its
// own on the way out.

#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "razor/runtime/asio/asio_core.h"

namespace razor::asio {
namespace {

using boost::system::error_code;
using Socket = boost::asio::generic::stream_protocol::socket;
using Endpoint = boost::asio::generic::stream_protocol::endpoint;
using Tcp = boost::asio::ip::tcp;
using Local = boost::asio::local::stream_protocol;
using runtime::Address;
using runtime::ByteStream;

// Buffers of one write that go to the system at once; what is left is the next write's.
constexpr std::size_t kWriteBuffersMax = 64;

// What a caller's socket takes beyond what is under way. More would hide from the library that a large message blocks the
// way: the connection would seem to have room, and small calls would queue behind the message. Large enough to keep a
// fast link busy while the process is woken. (TCP_NOTSENT_LOWAT)
constexpr int kNotSentMax = 128 * 1024;

// Requests for room to a peer whose system has none, sent and not answered, after which its machine counts as silent.
constexpr std::uint8_t kUnansweredProbes = 3;

constexpr rlim_t kConnectionsMax = 10'000;
// Descriptors that are left for listeners, logs and the user.
constexpr rlim_t kDescriptorsKept = 64;

// Writes or accepts of one socket that may end at once in one turn. The next waits, so that others run.
constexpr int kEndedAtOnceMax = 16;

// How soon a connect is tried again while the backlog of a Unix socket is full; the system does not tell when it is not.
constexpr base::Duration kBacklogRetry = std::chrono::milliseconds(2);

int family_of(const Endpoint& endpoint) { return endpoint.protocol().family(); }

Address address_of(const Endpoint& endpoint, const std::string& unix_path) {
  if (family_of(endpoint) == AF_UNIX) return Address::unix_socket(unix_path);
  Tcp::endpoint tcp;
  tcp.resize(endpoint.size());
  std::memcpy(tcp.data(), endpoint.data(), endpoint.size());
  return Address::tcp(tcp.address().to_string(), tcp.port());
}

// The address of a Unix socket, as the system wants it.
base::Result<Endpoint> unix_endpoint(const std::string& path) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) return std::errc::invalid_argument;
  return Endpoint(Local::endpoint(path));
}

// Keeps a loop whose operations all end at once from running for ever.
class EndedAtOnce {
 public:
  bool may_be_one_more(const AsioCore& core) {
    if (turn_ != core.turn_number()) {
      turn_ = core.turn_number();
      count_ = 0;
    }
    return ++count_ <= kEndedAtOnceMax;
  }

 private:
  std::uint64_t turn_ = 0;
  int count_ = 0;
};

// --- A stream --------------------------------------------------------------------------------------------------------

class AsioStream final : public ByteStream {
 public:
  // Shared by the stream and by the handlers that Asio holds.
  struct State : std::enable_shared_from_this<State> {
    explicit State(std::shared_ptr<AsioCore> runtime_core) : core(std::move(runtime_core)), socket(core->context()) {}

    std::shared_ptr<AsioCore> core;
    Socket socket;
    Read* reader = nullptr;    // the read that waits
    Write* writer = nullptr;   // the write that waits
    bool read_wait_pending = false;
    bool write_wait_pending = false;
    bool maybe_readable = false;  // the last read filled its buffer: there may be more
    // The read that waits is tried when what is ready has run: answers to what was read before go out first.
    struct Retry final : runtime::Ready {
      explicit Retry(State& owner)
          : Ready([](Ready& ready) { static_cast<Retry&>(ready).state.finish_read(); }), state(owner) {}
      State& state;
    };
    Retry retry{*this};
    EndedAtOnce writes_at_once;

    bool try_read(Read& read);
    void finish_read();
    bool try_write(Write& write);
    void wait_readable();
    void wait_writable();
    void close();
  };

  AsioStream(std::shared_ptr<State> state, Address local, Address peer)
      : state_(std::move(state)), local_(std::move(local)), peer_(std::move(peer)) {
    state_->core->count_handle(1);
  }
  ~AsioStream() override {
    state_->core->count_handle(-1);
    state_->close();
  }

  base::Result<void> shutdown_write() override;
  void reset() override;
  std::size_t bytes_readable() const override;
  std::optional<runtime::Unacknowledged> unacknowledged() const override;
  const Address& local_address() const override { return local_; }
  const Address& peer_address() const override { return peer_; }

 protected:
  bool start(Read& read) override;
  bool start(Write& write) override;
  void cancel(Read&) override {
    state_->retry.unlink();
    state_->reader = nullptr;
  }
  void cancel(Write&) override { state_->writer = nullptr; }

 private:
  std::shared_ptr<State> state_;
  Address local_;
  Address peer_;
};

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
    core->make_ready(*read);
  }
  if (Write* write = std::exchange(writer, nullptr)) {
    write->finish(canceled);
    core->make_ready(*write);
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
    state_->core->make_ready(state_->retry);
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

std::size_t AsioStream::bytes_readable() const {
  error_code error;
  const std::size_t count = state_->socket.available(error);
  return error ? 0 : count;
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

// Makes a connected socket ready for use. Fails when the peer is gone already.
base::Result<std::unique_ptr<ByteStream>> finish_stream(std::shared_ptr<AsioStream::State> state,
                                                        const std::string& unix_path) {
  error_code error;
  const Endpoint local = state->socket.local_endpoint(error);
  if (error) return portable_error(error);
  const Endpoint peer = state->socket.remote_endpoint(error);
  if (error) return portable_error(error);
  state->socket.non_blocking(true, error);
  if (error) return portable_error(error);
  if (family_of(local) != AF_UNIX) state->socket.set_option(Tcp::no_delay(true), error);
  if (error) return portable_error(error);
  return std::unique_ptr<ByteStream>(
      std::make_unique<AsioStream>(std::move(state), address_of(local, unix_path), address_of(peer, unix_path)));
}

// --- Connecting ------------------------------------------------------------------------------------------------------

// Awaits one asynchronous operation of Asio. `State` is shared with its handler and has `waiter`, `error` and `core`.
template <class State>
class Completion final : public runtime::Waiter {
 public:
  explicit Completion(State& state) : state_(state) {}
  ~Completion() {
    state_.waiter = nullptr;
    if (!finished_) state_.give_up();
  }
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) {
    RAZOR_CHECK(state_.waiter == nullptr, "two waits at a time for one operation, such as two accepts");
    suspend(waiting);
    state_.waiter = this;
  }
  error_code await_resume() {
    finished_ = true;
    return state_.error;
  }

  static void complete(State& state, const error_code& error) {
    if (state.waiter == nullptr || state.core->closed()) return;
    AsioCore::Turn turn(*state.core);
    state.error = error;
    state.core->make_ready(*std::exchange(state.waiter, nullptr));
  }

 private:
  State& state_;
  bool finished_ = false;
};

struct Connecting {
  std::shared_ptr<AsioCore> core;
  std::shared_ptr<AsioStream::State> stream;
  runtime::Waiter* waiter = nullptr;
  error_code error;

  void give_up() {
    error_code ignored;
    stream->socket.close(ignored);
  }
};

struct Resolving {
  explicit Resolving(std::shared_ptr<AsioCore> runtime_core) : core(std::move(runtime_core)), resolver(core->context()) {}
  std::shared_ptr<AsioCore> core;
  Tcp::resolver resolver;
  Tcp::resolver::results_type results;
  runtime::Waiter* waiter = nullptr;
  error_code error;

  void give_up() { resolver.cancel(); }
};

runtime::Task<base::Result<std::vector<Endpoint>>> endpoints_of(std::shared_ptr<AsioCore> core, Address address) {
  std::vector<Endpoint> endpoints;
  if (address.family() == Address::Family::unix_socket) {
    const base::Result<Endpoint> endpoint = unix_endpoint(address.host());
    if (!endpoint) co_return endpoint.error();
    endpoints.push_back(*endpoint);
    co_return endpoints;
  }
  if (address.host().empty()) co_return std::make_error_code(std::errc::address_not_available);
  error_code error;
  const auto numeric = boost::asio::ip::make_address(address.host(), error);
  if (!error) {
    endpoints.emplace_back(Tcp::endpoint(numeric, address.port()));
    co_return endpoints;
  }
  if (address.host() == "localhost") {  // also on machines without /etc/hosts (RFC 6761, 6.3)
    endpoints.emplace_back(Tcp::endpoint(boost::asio::ip::address_v4::loopback(), address.port()));
    endpoints.emplace_back(Tcp::endpoint(boost::asio::ip::address_v6::loopback(), address.port()));
    co_return endpoints;
  }
  auto resolving = std::make_shared<Resolving>(std::move(core));
  resolving->resolver.async_resolve(address.host(), std::to_string(address.port()), Tcp::resolver::numeric_service,
                                    [resolving](const error_code& failed, Tcp::resolver::results_type results) {
                                      resolving->results = std::move(results);
                                      Completion<Resolving>::complete(*resolving, failed);
                                    });
  error = co_await Completion<Resolving>(*resolving);
  if (error) co_return portable_error(error);
  for (const auto& result : resolving->results) endpoints.emplace_back(result.endpoint());
  if (endpoints.empty()) co_return std::make_error_code(std::errc::address_not_available);
  co_return endpoints;
}

// Connecting to a Unix socket ends at once, or fails because the backlog is full. Asio takes the latter for the start of
// a connect that goes on, which it is not, and then for success.
runtime::Task<base::Result<std::unique_ptr<ByteStream>>> connect_unix(std::shared_ptr<AsioCore> core, Endpoint endpoint,
                                                                      std::string path) {
  auto stream = std::make_shared<AsioStream::State>(core);
  error_code error;
  stream->socket.open(endpoint.protocol(), error);
  if (!error) stream->socket.non_blocking(true, error);
  if (error) co_return portable_error(error);
  while (::connect(stream->socket.native_handle(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) {
    if (errno != EAGAIN && errno != EINTR) co_return std::error_code(errno, std::generic_category());
    co_await core->sleep_for(kBacklogRetry);
  }
  co_return finish_stream(std::move(stream), path);
}

runtime::Task<base::Result<std::unique_ptr<ByteStream>>> connect_to(std::shared_ptr<AsioCore> core, Endpoint endpoint,
                                                                    std::string unix_path) {
  if (family_of(endpoint) == AF_UNIX) co_return co_await connect_unix(std::move(core), endpoint, std::move(unix_path));
  auto connecting = std::make_shared<Connecting>();
  connecting->core = core;
  connecting->stream = std::make_shared<AsioStream::State>(std::move(core));
  connecting->stream->socket.async_connect(
      endpoint, [connecting](const error_code& error) { Completion<Connecting>::complete(*connecting, error); });
  const error_code error = co_await Completion<Connecting>(*connecting);
  if (error) co_return portable_error(error);
  // A system that does not know it takes more at once, which is no error.
  ::setsockopt(connecting->stream->socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kNotSentMax,
               sizeof kNotSentMax);
  co_return finish_stream(connecting->stream, unix_path);
}

// --- Listening -------------------------------------------------------------------------------------------------------

// Tells one file from another.
struct FileId {
  dev_t device;
  ino_t number;
  bool operator==(const FileId&) const = default;
};

// The socket that lies at the path of a Unix address; none when that is no socket, or there is no path.
std::optional<FileId> socket_file_at(const Address& address) {
  struct stat status {};
  if (address.family() != Address::Family::unix_socket) return std::nullopt;
  if (::lstat(address.host().c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return std::nullopt;
  return FileId{status.st_dev, status.st_ino};
}

class AsioListener final : public runtime::Listener {
 public:
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;

  // Shared by the listener and by the handler that Asio holds.
  struct State {
    explicit State(std::shared_ptr<AsioCore> runtime_core) : core(std::move(runtime_core)), acceptor(core->context()) {}
    std::shared_ptr<AsioCore> core;
    Acceptor acceptor;
    runtime::Waiter* waiter = nullptr;
    error_code error;
    bool wait_pending = false;  // outlives the accept that asked for it: the next one makes use of it
    EndedAtOnce accepts_at_once;

    void give_up() {}
  };

  AsioListener(std::shared_ptr<State> state, Address address)
      : state_(std::move(state)), address_(std::move(address)), file_(socket_file_at(address_)) {
    state_->core->count_handle(1);
  }
  ~AsioListener() override;

  runtime::Task<base::Result<std::unique_ptr<ByteStream>>> accept() override { return accept_one(state_, address_); }
  const Address& address() const override { return address_; }

 private:
  static runtime::Task<base::Result<std::unique_ptr<ByteStream>>> accept_one(std::shared_ptr<State> state,
                                                                             Address address);

  std::shared_ptr<State> state_;
  Address address_;
  std::optional<FileId> file_;  // of a Unix socket
};

AsioListener::~AsioListener() {
  state_->core->count_handle(-1);
  if (runtime::Waiter* waiter = std::exchange(state_->waiter, nullptr)) {
    state_->error = boost::asio::error::operation_aborted;
    state_->core->make_ready(*waiter);
  }
  // Before closing, which would let another file have the same number; and not a file that others put there meanwhile.
  if (file_ && socket_file_at(address_) == file_) ::unlink(address_.host().c_str());
  error_code ignored;
  state_->acceptor.close(ignored);
}

runtime::Task<base::Result<std::unique_ptr<ByteStream>>> AsioListener::accept_one(std::shared_ptr<State> state,
                                                                                  Address address) {
  while (true) {
    if (!state->acceptor.is_open()) co_return std::make_error_code(std::errc::operation_canceled);
    error_code error = boost::asio::error::would_block;
    if (state->accepts_at_once.may_be_one_more(*state->core)) {
      auto stream = std::make_shared<AsioStream::State>(state->core);
      state->acceptor.accept(stream->socket, error);
      if (!error) {
        auto accepted = finish_stream(std::move(stream), address.host());
        if (accepted || accepted.error() != std::errc::not_connected) co_return accepted;
        continue;  // it was reset while it waited to be accepted: nothing is wrong with the listener
      }
    }
    if (error == boost::asio::error::connection_aborted) continue;
    if (error != boost::asio::error::would_block) co_return portable_error(error);
    if (!std::exchange(state->wait_pending, true)) {
      state->acceptor.async_wait(Acceptor::wait_read, [state](const error_code& failed) {
        state->wait_pending = false;
        Completion<State>::complete(*state, failed);
      });
    }
    error = co_await Completion<State>(*state);
    if (error) co_return portable_error(error);
  }
}

// A Unix socket's file stays behind when its process dies. Nobody listens there if connecting is refused; but it is also
// refused where the file is no socket, and that is not ours to remove.
bool is_left_behind(const Address& address, const Endpoint& endpoint) {
  if (!socket_file_at(address)) return false;
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  const int connected = ::connect(probe, endpoint.data(), static_cast<socklen_t>(endpoint.size()));
  const bool refused = connected != 0 && errno == ECONNREFUSED;
  ::close(probe);
  return refused;
}

error_code open_acceptor(AsioListener::Acceptor& acceptor, const Address& address, const Endpoint& endpoint,
                         int backlog) {
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (error) return error;
  if (family_of(endpoint) != AF_UNIX) acceptor.set_option(boost::asio::socket_base::reuse_address(true), error);
  if (error) return error;
  acceptor.bind(endpoint, error);
  if (error == boost::asio::error::address_in_use && is_left_behind(address, endpoint)) {
    ::unlink(address.host().c_str());
    error = {};
    acceptor.bind(endpoint, error);
  }
  if (error) return error;
  acceptor.listen(backlog, error);
  if (error) return error;
  // Else Asio hides a connection that was aborted, by waiting for the next one, with the whole thread.
  acceptor.set_option(boost::asio::socket_base::enable_connection_aborted(true), error);
  if (error) return error;
  acceptor.non_blocking(true, error);
  return error;
}

}  // namespace

runtime::Task<base::Result<std::unique_ptr<ByteStream>>> AsioCore::connect(Address address) {
  check_use("Network::connect");
  const auto core = shared_from_this();
  const auto endpoints = co_await endpoints_of(core, address);
  if (!endpoints) co_return endpoints.error();
  base::Result<std::unique_ptr<ByteStream>> last = std::make_error_code(std::errc::address_not_available);
  for (const Endpoint& endpoint : *endpoints) {
    last = co_await connect_to(core, endpoint, address.host());
    if (last) break;
  }
  co_return last;
}

base::Result<std::unique_ptr<runtime::Listener>> AsioCore::listen(const Address& address,
                                                                  runtime::ListenOptions options) {
  check_use("Network::listen");
  Endpoint endpoint;
  if (address.family() == Address::Family::unix_socket) {
    const base::Result<Endpoint> of_path = unix_endpoint(address.host());
    if (!of_path) return of_path.error();
    endpoint = *of_path;
  } else {
    error_code error;
    const std::string host = address.host() == "localhost" ? "127.0.0.1" : address.host();
    const auto numeric = boost::asio::ip::make_address(host, error);
    if (error) return std::make_error_code(std::errc::address_not_available);
    endpoint = Tcp::endpoint(numeric, address.port());
  }
  auto state = std::make_shared<AsioListener::State>(shared_from_this());
  if (const error_code error = open_acceptor(state->acceptor, address, endpoint, options.backlog)) {
    return portable_error(error);
  }
  error_code error;
  const Endpoint bound = state->acceptor.local_endpoint(error);
  if (error) return portable_error(error);
  Address bound_address = address_of(bound, address.host());
  return std::unique_ptr<runtime::Listener>(std::make_unique<AsioListener>(std::move(state), std::move(bound_address)));
}

std::uint32_t AsioCore::connections_max() const {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return kConnectionsMax;
  const rlim_t left = descriptors.rlim_cur > kDescriptorsKept ? descriptors.rlim_cur - kDescriptorsKept : 1;
  return static_cast<std::uint32_t>(std::min(kConnectionsMax, left));
}

}  // namespace razor::asio
