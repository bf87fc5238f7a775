#pragma once
// Listening sockets made without the library, as another process hands them on.

#include <utility>

#include "razor/runtime/asio/asio_socket.h"
#include "tests/runtime/asio/local_addresses.h"

namespace razor::test {

/// Listens from the start, and is inherited by child programs. Leaves the path of a Unix socket behind.
class RawListener {
 public:
  explicit RawListener(const runtime::Address& at) : socket_(::socket(family_of(at), SOCK_STREAM, 0)) {
    const asio::Endpoint where = *asio::endpoint_to_listen(at);
    RAZOR_CHECK(::bind(*socket_, where.data(), static_cast<socklen_t>(where.size())) == 0, "{}", std::strerror(errno));
    RAZOR_CHECK(::listen(*socket_, 100) == 0, "{}", std::strerror(errno));
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    RAZOR_CHECK(::getsockname(*socket_, reinterpret_cast<sockaddr*>(&name), &size) == 0, "{}", std::strerror(errno));
    address_ = *asio::address_of_name({reinterpret_cast<const char*>(&name), size});
  }

  int operator*() const { return *socket_; }
  const runtime::Address& address() const { return address_; }

  /// The descriptor, for an owner who closes it.
  int duplicate() const { return ::fcntl(*socket_, F_DUPFD_CLOEXEC, 0); }

 private:
  static int family_of(const runtime::Address& address) { return asio::family_of(*asio::endpoint_to_listen(address)); }

  Descriptor socket_;
  runtime::Address address_;
};

}  // namespace razor::test
