#pragma once
// Where a server listens: a TCP host and port, or the path or abstract name of a Unix socket.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "razor/base/result.h"

namespace razor::runtime {

/// Why a text, or an Address that was not made from a text, is no address. Equals std::errc::invalid_argument; `no_host`
/// and `wildcard` also equal std::errc::address_not_available.
enum class AddressError {
  empty = 1,        ///< no text at all
  no_port,          ///< "10.0.0.2", "[::1]", "localhost:"
  bad_port,         ///< no number from 0 to 65535
  no_host,          ///< ":8082"
  bad_host,         ///< with spaces, slashes and the like: no name and no numeric address
  bad_ipv4,         ///< digits and dots that are no IPv4 address: "256.0.0.1:80", "1.2.3:80"
  bad_ipv6,         ///< in brackets, with colons, and no IPv6 address
  needs_brackets,   ///< an IPv6 address whose port cannot be told apart: "::1:8082"
  unknown_scheme,   ///< "http://host:80"; only tcp:// and unix:// are known
  no_path,          ///< "unix:", "@"
  path_too_long,    ///< longer than the system takes, 107 bytes
  path_with_zero,   ///< a zero byte in a path or an abstract name
  path_not_rooted,  ///< "unix://relative": after unix:// comes an absolute path
  no_prefix,        ///< a path without "unix:" in front of it
  wildcard,         ///< 0.0.0.0 or [::], which stand for "everywhere" when listening, and for nowhere when connecting
  port_zero,        ///< port 0, which asks for any port when listening, and stands for none when connecting
};

std::error_code make_error_code(AddressError error);

class Address {
 public:
  enum class Family { tcp, unix_socket };

  /// The empty TCP address: connects nowhere.
  Address() = default;

  /// Reads what users write; names are looked up when connecting, with a dot at the end as they stand.
  ///
  ///   127.0.0.1:8082   example.org:8082   example.org.:8082   localhost:8082   [::1]:8082   [fe80::1%eth0]:8082
  ///   unix:/run/x.sock   unix:relative.sock   unix:@abstract   @abstract      and the same behind tcp:// and unix://
  ///
  /// Errors: an AddressError; the Result's message names the text, what is wrong with it, and what to write instead.
  static base::Result<Address> parse(std::string_view text);
  static Address tcp(std::string host, std::uint16_t port);
  /// A path that begins with '@' is a name in Linux's abstract namespace, which has no file; a file that is called so is
  /// "./@name". Several slashes at the front are one.
  static Address unix_socket(std::string path);

  Family family() const { return family_; }
  /// The host without brackets; for a Unix socket its path, or '@' and its abstract name.
  const std::string& host() const { return host_; }
  bool is_abstract() const { return family_ == Family::unix_socket && host_.starts_with('@'); }
  /// 0 for a Unix socket; 0 when listening asks the system to choose.
  std::uint16_t port() const { return port_; }

  /// The form that `parse` reads.
  std::string to_string() const;

  /// Whether a listener, or a client, can use it: what `parse` refuses can still be made without it.
  /// Errors: an AddressError, with a text as from `parse`; wildcard and port_zero only when connecting.
  base::Result<Address> to_listen() const;
  base::Result<Address> to_connect() const;

  auto operator<=>(const Address&) const = default;

 private:
  Address(Family family, std::string host, std::uint16_t port) : family_(family), host_(std::move(host)), port_(port) {}

  Family family_ = Family::tcp;
  std::string host_;
  std::uint16_t port_ = 0;
};

}  // namespace razor::runtime

template <>
struct std::is_error_code_enum<razor::runtime::AddressError> : std::true_type {};

namespace razor {
using runtime::Address;
using runtime::AddressError;
}  // namespace razor
