#pragma once
// What streams, connects and listeners of an AsioRuntime share: sockets that no child program inherits, their addresses,
// and the wait for one operation of Asio. Private to runtime/asio.

#include <sys/socket.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "razor/runtime/asio/asio_core.h"

namespace razor::asio {

using boost::system::error_code;
using Socket = boost::asio::generic::stream_protocol::socket;
using Endpoint = boost::asio::generic::stream_protocol::endpoint;

inline int family_of(const Endpoint& endpoint) { return endpoint.protocol().family(); }
inline bool is_unix(const Endpoint& endpoint) { return family_of(endpoint) == AF_UNIX; }

/// Unix sockets do not know the path by which they were reached, so it is given.
runtime::Address address_of(const Endpoint& endpoint, const std::string& unix_path);

/// `address` is that of a Unix socket, and was checked.
Endpoint unix_endpoint(const runtime::Address& address);
Endpoint tcp_endpoint(const boost::asio::ip::address& host, std::uint16_t port);

/// Where `address` is on this machine, without a look-up: numeric, localhost, or a Unix socket's; none for other names.
std::optional<Endpoint> endpoint_to_listen(const runtime::Address& address);

/// The bytes of an endpoint as getsockname gives them, which are equal where sockets are bound to the same address.
std::string socket_name_of(const Endpoint& endpoint);
/// None for a Unix socket that has no name.
std::optional<runtime::Address> address_of_name(const std::string& socket_name);

/// "localhost", and the names below it, are this machine (RFC 6761, 6.3), also where nothing else says so.
bool is_localhost(const std::string& host);

/// Whether this machine has the network interface that an address such as fe80::1%eth0 names, if it names one. Asio takes
/// one that it does not know for none.
bool zone_is_known(const runtime::Address& address);

/// A new socket, which does not block and which no child program inherits. Asio has no way to ask for the latter, and
/// setting it afterwards would be too late for a child that another thread starts at the same time.
base::Result<int> open_socket(int family);

/// What a call of the system has left in errno.
inline std::error_code last_error() { return {errno, std::generic_category()}; }

/// Keeps a loop whose operations all end at once from running for ever.
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
  // Writes or accepts of one socket that may end at once in one turn. The next waits, so that others run.
  static constexpr int kEndedAtOnceMax = 16;

  std::uint64_t turn_ = 0;
  int count_ = 0;
};

/// Awaits one asynchronous operation of Asio. `State` is shared with its handler and has `waiter`, `error` and `core`.
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
    state.core->schedule(*std::exchange(state.waiter, nullptr));
  }

 private:
  State& state_;
  bool finished_ = false;
};

}  // namespace razor::asio
