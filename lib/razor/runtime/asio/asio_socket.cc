#include "razor/runtime/asio/asio_socket.h"

#include <net/if.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <cctype>
#include <cstddef>
#include <cstring>

namespace razor::asio {

using runtime::Address;
using Tcp = boost::asio::ip::tcp;

Address address_of(const Endpoint& endpoint, const std::string& unix_path) {
  if (is_unix(endpoint)) return Address::unix_socket(unix_path);
  Tcp::endpoint tcp;
  tcp.resize(endpoint.size());
  std::memcpy(tcp.data(), endpoint.data(), endpoint.size());
  return Address::tcp(tcp.address().to_string(), tcp.port());
}

Endpoint unix_endpoint(const Address& address) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  const std::string& path = address.host();
  RAZOR_CHECK(path.size() <= sizeof where.sun_path, "a path of {} bytes", path.size());
  std::memcpy(where.sun_path, path.data(), path.size());
  // An abstract name has a zero byte in front, and none behind it.
  if (address.is_abstract()) where.sun_path[0] = '\0';
  const std::size_t size = offsetof(sockaddr_un, sun_path) + path.size() + (address.is_abstract() ? 0 : 1);
  return Endpoint(&where, size);
}

Endpoint tcp_endpoint(const boost::asio::ip::address& host, std::uint16_t port) { return Tcp::endpoint(host, port); }

bool is_localhost(const std::string& host) {
  std::string name = host;
  if (name.ends_with('.')) name.pop_back();
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name == "localhost" || name.ends_with(".localhost");
}

bool zone_is_known(const Address& address) {
  const std::size_t percent = address.host().find('%');
  if (address.family() == Address::Family::unix_socket || percent == std::string::npos) return true;
  const std::string zone = address.host().substr(percent + 1);
  return ::if_nametoindex(zone.c_str()) != 0 || std::ranges::all_of(zone, [](char c) { return c >= '0' && c <= '9'; });
}

// Listening takes addresses of this machine, not names that would have to be looked up meanwhile.
std::optional<Endpoint> endpoint_to_listen(const Address& address) {
  if (address.family() == Address::Family::unix_socket) return unix_endpoint(address);
  if (is_localhost(address.host())) return tcp_endpoint(boost::asio::ip::address_v4::loopback(), address.port());
  error_code error;
  const auto numeric = boost::asio::ip::make_address(address.host(), error);
  if (error) return std::nullopt;
  return tcp_endpoint(numeric, address.port());
}

std::string socket_name_of(const Endpoint& endpoint) {
  return {reinterpret_cast<const char*>(endpoint.data()), endpoint.size()};
}

std::optional<Address> address_of_name(const std::string& socket_name) {
  const Endpoint endpoint(socket_name.data(), socket_name.size());
  if (!is_unix(endpoint)) return address_of(endpoint, "");
  std::string path = socket_name.substr(std::min(socket_name.size(), offsetof(sockaddr_un, sun_path)));
  if (path.starts_with('\0')) {
    path[0] = '@';
  } else {
    path = path.substr(0, path.find('\0'));
    if (path.starts_with('@')) path.insert(0, "./");
  }
  const Address address = Address::unix_socket(path);
  if (path.empty() || !address.to_listen()) return std::nullopt;
  return address;
}

base::Result<int> open_socket(int family) {
  const int descriptor = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return last_error();
  return descriptor;
}

}  // namespace razor::asio
