// Listening on TCP and Unix sockets.

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/post.hpp>
#include <optional>

#include "razor/runtime/asio/asio_stream.h"
#include "razor/runtime/asio/listening_sockets.h"

namespace razor::asio {
namespace {

using runtime::Address;
using runtime::ByteStream;

// Tells one file from another.
struct FileId {
  dev_t device;
  ino_t number;
  bool operator==(const FileId&) const = default;
};

// The socket that lies at the path of a Unix address; none when that is no socket, or there is no path.
std::optional<FileId> socket_file_at(const Address& address) {
  struct stat status{};
  if (address.family() != Address::Family::unix_socket || address.is_abstract()) return std::nullopt;
  if (::lstat(address.host().c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return std::nullopt;
  return FileId{status.st_dev, status.st_ino};
}

class AsioListener final : public runtime::Listener {
 public:
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;

  // Shared by the listener and by the handler that Asio holds.
  struct State {
    State(std::shared_ptr<AsioCore> runtime_core, int of_family)
        : core(std::move(runtime_core)), acceptor(core->context()), family(of_family) {}
    std::shared_ptr<AsioCore> core;
    Acceptor acceptor;
    int family;
    runtime::Waiter* waiter = nullptr;
    error_code error;
    bool wait_pending = false;  // outlives the accept that asked for it: the next one makes use of it
    EndedAtOnce accepts_at_once;
    std::shared_ptr<ListeningSockets> sockets;  // null: no successor is ever given this socket
    ListeningSockets::Id id = 0;                // there
    bool waits_until_ready = false;             // a predecessor accepts until this process is ready

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
  static runtime::Task<base::Result<std::unique_ptr<ByteStream>>> accept_one(std::shared_ptr<State> state, Address address);
  static void wake_when_ready(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
  Address address_;
  std::optional<FileId> file_;  // of a Unix socket
};

AsioListener::~AsioListener() {
  state_->core->count_handle(-1);
  if (runtime::Waiter* waiter = std::exchange(state_->waiter, nullptr)) {
    state_->error = boost::asio::error::operation_aborted;
    state_->core->schedule(*waiter);
  }
  const bool removes_path = state_->sockets == nullptr || state_->sockets->remove(state_->id);
  // Before closing, which would let another file have the same number; and not a file that others put there meanwhile.
  if (removes_path && file_ && socket_file_at(address_) == file_) ::unlink(address_.host().c_str());
  // Not by Asio's close, which relies on epoll to forget a closed descriptor: it does not while another process has the same
  // socket, and its connections would go on waking this one.
  error_code ignored;
  const int descriptor = state_->acceptor.release(ignored);
  if (descriptor >= 0) ::close(descriptor);
}

runtime::Task<base::Result<std::unique_ptr<ByteStream>>> AsioListener::accept_one(std::shared_ptr<State> state,
                                                                                  Address address) {
  while (true) {
    if (!state->acceptor.is_open()) co_return std::make_error_code(std::errc::operation_canceled);
    if (state->waits_until_ready && !state->sockets->is_ready()) {
      wake_when_ready(state);
      if (const error_code error = co_await Completion<State>(*state)) co_return portable_error(error);
      continue;
    }
    state->waits_until_ready = false;
    if (state->accepts_at_once.may_be_one_more(*state->core)) {
      auto stream = std::make_shared<AsioStream::State>(state->core);
      // Not by Asio, whose sockets are inherited by child programs.
      const int descriptor = ::accept4(state->acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (descriptor >= 0) {
        if (const std::error_code failed = stream->adopt(state->family, descriptor)) co_return failed;
        auto accepted = finish_stream(std::move(stream), address.host());
        if (accepted || accepted.error() != std::errc::not_connected) co_return accepted;
        continue;  // it was reset while it waited to be accepted: nothing is wrong with the listener
      }
      if (errno == ECONNABORTED || errno == EINTR) continue;
      if (errno != EAGAIN) co_return last_error();
    }
    if (!std::exchange(state->wait_pending, true)) {
      state->acceptor.async_wait(Acceptor::wait_read, [state](const error_code& failed) {
        state->wait_pending = false;
        Completion<State>::complete(*state, failed);
      });
    }
    const error_code error = co_await Completion<State>(*state);
    if (error) co_return portable_error(error);
  }
}

void AsioListener::wake_when_ready(const std::shared_ptr<State>& state) {
  // Whichever thread says that the process is ready; not once the listener, and maybe its io_context, is gone.
  state->sockets->wake_when_ready(state->id, [weak = std::weak_ptr(state)] {
    const auto waiting = weak.lock();
    if (waiting == nullptr) return;
    boost::asio::post(waiting->core->context(), [waiting] { Completion<State>::complete(*waiting, error_code()); });
  });
}

// A Unix socket's file stays behind when its process dies. Nobody listens there if connecting is refused; but it is also
// refused where the file is no socket, and that is not ours to remove.
bool is_left_behind(const Address& address, const Endpoint& endpoint) {
  if (!socket_file_at(address)) return false;
  const base::Result<int> probe = open_socket(AF_UNIX);
  if (!probe) return false;
  const int connected = ::connect(*probe, endpoint.data(), static_cast<socklen_t>(endpoint.size()));
  const bool refused = connected != 0 && errno == ECONNREFUSED;
  ::close(*probe);
  return refused;
}

// Binds `descriptor`, which stays the caller's.
std::error_code bind_socket(int descriptor, const Address& address, const Endpoint& endpoint) {
  const auto bind = [&] { return ::bind(descriptor, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0; };
  const int yes = 1;
  if (!is_unix(endpoint) && ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0) return last_error();
  if (bind()) return {};
  if (errno != EADDRINUSE) return last_error();
  if (!is_left_behind(address, endpoint)) return make_error_code(std::errc::address_in_use);
  ::unlink(address.host().c_str());
  return bind() ? std::error_code() : last_error();
}

}  // namespace

base::Result<std::unique_ptr<runtime::Listener>> AsioCore::listen(const Address& address, runtime::ListenOptions options) {
  using Listened = base::Result<std::unique_ptr<runtime::Listener>>;
  check_use("Network::listen");
  if (const auto usable = address.to_listen(); !usable) return Listened(usable.error(), usable.message());
  if (!zone_is_known(address)) return make_error_code(runtime::LookupError::no_such_interface);
  const std::optional<Endpoint> endpoint = endpoint_to_listen(address);
  if (!endpoint) {
    return Listened(make_error_code(std::errc::address_not_available), "listening takes a numeric address, or localhost");
  }
  std::optional<InheritedListener> inherited;
  if (listening_sockets_ != nullptr) inherited = listening_sockets_->adopt(address, socket_name_of(*endpoint));
  const base::Result<int> descriptor = inherited ? inherited->descriptor : open_socket(family_of(*endpoint));
  if (!descriptor) return descriptor.error();
  auto state = std::make_shared<AsioListener::State>(shared_from_this(), family_of(*endpoint));
  error_code error;
  state->acceptor.assign(endpoint->protocol(), *descriptor, error);
  if (error) {
    ::close(*descriptor);
    return portable_error(error);
  }
  if (!inherited) {
    if (const std::error_code failed = bind_socket(*descriptor, address, *endpoint)) return failed;
  }
  // A socket that listens takes the new backlog; systemd's has the one of its unit.
  if (!inherited || inherited->is_from_predecessor) state->acceptor.listen(options.backlog, error);
  if (!error) state->acceptor.non_blocking(true, error);
  if (error) return portable_error(error);
  const Endpoint bound = state->acceptor.local_endpoint(error);
  if (error) return portable_error(error);
  Address bound_address = address_of(bound, address.host());
  if (listening_sockets_ != nullptr) {
    state->sockets = listening_sockets_;
    state->waits_until_ready = inherited && inherited->is_from_predecessor;
    state->id = listening_sockets_->add({*descriptor, address, bound_address, socket_name_of(bound),
                                         !inherited || inherited->removes_path, state->waits_until_ready});
  }
  return std::unique_ptr<runtime::Listener>(std::make_unique<AsioListener>(std::move(state), std::move(bound_address)));
}

}  // namespace razor::asio
