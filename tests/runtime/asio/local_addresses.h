#pragma once
// Addresses on this machine where something particular happens, made with plain sockets.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "razor/base/check.h"
#include "razor/runtime/address.h"

namespace razor::test {

/// A socket that is closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) { RAZOR_CHECK(number >= 0, "{}", std::strerror(errno)); }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int operator*() const { return number_; }

 private:
  int number_;
};

/// A port of this machine that is taken and that nobody listens on.
class BoundPort {
 public:
  /// `host` is "127.0.0.1" or "::1".
  explicit BoundPort(const std::string& host) : socket_(::socket(family_of(host), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (family_of(host) == AF_INET) {
      auto& address = reinterpret_cast<sockaddr_in&>(storage_);
      address.sin_family = AF_INET;
      size_ = sizeof address;
      ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
    } else {
      auto& address = reinterpret_cast<sockaddr_in6&>(storage_);
      address.sin6_family = AF_INET6;
      size_ = sizeof address;
      ::inet_pton(AF_INET6, host.c_str(), &address.sin6_addr);
    }
    RAZOR_CHECK(::bind(*socket_, sockaddr_of(storage_), size_) == 0, "{}", std::strerror(errno));
    RAZOR_CHECK(::getsockname(*socket_, sockaddr_of(storage_), &size_) == 0, "{}", std::strerror(errno));
    const std::uint16_t port = family_of(host) == AF_INET ? reinterpret_cast<sockaddr_in&>(storage_).sin_port
                                                          : reinterpret_cast<sockaddr_in6&>(storage_).sin6_port;
    address_ = runtime::Address::tcp(host, ntohs(port));
  }

  const runtime::Address& address() const { return address_; }

  /// From here on, who connects waits: the queue of connections to accept is full, and nobody accepts.
  void fill_backlog() {
    RAZOR_CHECK(::listen(*socket_, 0) == 0, "{}", std::strerror(errno));
    for (int i = 0; i < 3; ++i) {
      clients_.emplace_back(::socket(storage_.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      (void)::connect(*clients_.back(), sockaddr_of(storage_), size_);
    }
  }

 private:
  static int family_of(const std::string& host) { return host.find(':') == host.npos ? AF_INET : AF_INET6; }
  static sockaddr* sockaddr_of(sockaddr_storage& storage) { return reinterpret_cast<sockaddr*>(&storage); }

  Descriptor socket_;
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
  runtime::Address address_;
  std::vector<Descriptor> clients_;
};

inline bool has_ipv6_loopback() {
  const int probe = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const Descriptor descriptor(probe);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  return ::bind(*descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

inline sockaddr_un unix_sockaddr(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  RAZOR_CHECK(path.size() < sizeof address.sun_path, "{} is too long", path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  return address;
}

/// A Unix socket bound to `path`, which stays behind when it is closed, as after a process died.
inline Descriptor bind_unix(const std::string& path) {
  Descriptor descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = unix_sockaddr(path);
  RAZOR_CHECK(::bind(*descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "{}", std::strerror(errno));
  return descriptor;
}

/// The path of a Unix socket with a full backlog, where nobody accepts: who connects waits.
class FullUnixSocket {
 public:
  explicit FullUnixSocket(const std::string& path) : listener_(bind_unix(path)) {
    RAZOR_CHECK(::listen(*listener_, 0) == 0, "{}", std::strerror(errno));
    sockaddr_un address = unix_sockaddr(path);
    do {
      clients_.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    } while (::connect(*clients_.back(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    RAZOR_CHECK(errno == EAGAIN, "{}", std::strerror(errno));
  }

 private:
  Descriptor listener_;
  std::vector<Descriptor> clients_;
};

}  // namespace razor::test
