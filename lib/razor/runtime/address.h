#pragma once
// Where a server listens: a TCP host and port, or the path of a Unix socket.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "razor/base/result.h"

namespace razor::runtime {

class Address {
 public:
  enum class Family { tcp, unix_socket };

  /// The empty TCP address: connects nowhere.
  Address() = default;

  /// Reads "127.0.0.1:8082", "[::1]:8082", "localhost:8082" or "unix:/run/x.sock". Names are looked up when connecting.
  /// Errors: invalid_argument, for a missing or impossible port, an empty host or path, a path over 107 bytes.
  static base::Result<Address> parse(std::string_view text);
  static Address tcp(std::string host, std::uint16_t port);
  static Address unix_socket(std::string path);

  Family family() const { return family_; }
  /// The host without brackets; for a Unix socket its path.
  const std::string& host() const { return host_; }
  /// 0 for a Unix socket; 0 when listening asks the system to choose.
  std::uint16_t port() const { return port_; }

  /// The form that `parse` reads.
  std::string to_string() const;

  auto operator<=>(const Address&) const = default;

 private:
  Address(Family family, std::string host, std::uint16_t port)
      : family_(family), host_(std::move(host)), port_(port) {}

  Family family_ = Family::tcp;
  std::string host_;
  std::uint16_t port_ = 0;
};

}  // namespace razor::runtime

namespace razor {
using runtime::Address;
}  // namespace razor
