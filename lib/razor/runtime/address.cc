#include "razor/runtime/address.h"

#include <arpa/inet.h>  // inet_pton: texts only

#include <algorithm>
#include <charconv>
#include <optional>

#include "razor/base/format.h"

namespace razor::runtime {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::string_view kSlashes = "//";
constexpr std::string_view kTcpScheme = "tcp://";
// sizeof(sockaddr_un::sun_path) - 1: a path ends with a zero byte, and an abstract name begins with one.
constexpr std::size_t kUnixPathMax = 107;
// Of a text that is shown in a message; of what to write instead.
constexpr std::size_t kShownMax = 120;
constexpr std::size_t kAdviceMax = 240;

// --- Errors ----------------------------------------------------------------------------------------------------------

std::string_view text_of(AddressError error) {
  switch (error) {
    case AddressError::empty: return "an empty text is no address";
    case AddressError::no_port: return "has no port";
    case AddressError::bad_port: return "its port is no number from 0 to 65535";
    case AddressError::no_host: return "has no host";
    case AddressError::bad_host: return "its host has characters that neither a name nor a numeric address has";
    case AddressError::bad_ipv4: return "its host is digits and dots, and no IPv4 address";
    case AddressError::bad_ipv6: return "its host is no IPv6 address";
    case AddressError::needs_brackets: return "an IPv6 address must stand in brackets";
    case AddressError::unknown_scheme: return "only tcp:// and unix:// may stand in front";
    case AddressError::no_path: return "has no path";
    case AddressError::path_too_long: return "the path of a Unix socket is at most 107 bytes long";
    case AddressError::path_with_zero: return "its path has a zero byte";
    case AddressError::path_not_rooted: return "unix:// takes an absolute path";
    case AddressError::no_prefix: return "a path must have unix: in front";
    case AddressError::wildcard: return "a server may listen there, but it is nowhere to connect to";
    case AddressError::port_zero: return "port 0 cannot be connected to";
  }
  return "is no address";
}

class AddressCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "razor.address"; }
  std::string message(int value) const override { return std::string(text_of(static_cast<AddressError>(value))); }
  bool equivalent(int value, const std::error_condition& condition) const noexcept override {
    const auto error = static_cast<AddressError>(value);
    if (condition == std::errc::invalid_argument) return true;
    const bool is_nowhere = error == AddressError::no_host || error == AddressError::wildcard;
    return is_nowhere && condition == std::errc::address_not_available;
  }
};

// On one line, and not endless.
std::string printable(std::string_view text, std::size_t bytes_max) {
  const std::string_view front = text.substr(0, bytes_max);
  std::string printed;
  for (const char c : front) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      printed += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 0xf]};
    } else {
      printed += c;
    }
  }
  return printed + (front.size() < text.size() ? "..." : "");
}

// The text as a message shows it.
std::string shown(std::string_view text) { return base::format("\"{}\"", printable(text, kShownMax)); }

// What is wrong, and what the user may have meant.
struct Fault {
  AddressError error;
  std::string advice = {};
};

base::Result<Address> refused(std::string_view text, const Fault& fault) {
  std::string said =
      text.empty() ? std::string(text_of(fault.error)) : base::format("{}: {}", shown(text), text_of(fault.error));
  if (!fault.advice.empty()) said += base::format(" ({})", printable(fault.advice, kAdviceMax));
  return {make_error_code(fault.error), std::move(said)};
}

// --- Hosts and paths -------------------------------------------------------------------------------------------------

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_ipv4(const std::string& host) {
  in_addr ignored{};
  return ::inet_pton(AF_INET, host.c_str(), &ignored) == 1;
}

// Without a zone.
std::optional<in6_addr> ipv6_of(const std::string& host) {
  if (host.find('\0') != host.npos) return std::nullopt;  // inet_pton would see only what is in front of it
  in6_addr address{};
  if (::inet_pton(AF_INET6, host.c_str(), &address) != 1) return std::nullopt;
  return address;
}

// Printable, and none of the characters that other kinds of addresses are made of. Bytes of UTF-8 are left to whoever
// looks the name up.
bool is_in_names(char c) {
  constexpr std::string_view kForeign = " \"#%*/<>?@[\\]^`{|}";
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte != 0x7f && kForeign.find(c) == kForeign.npos;
}

std::optional<Fault> fault_of_ipv6(std::string_view host) {
  const std::size_t percent = host.find('%');
  if (!ipv6_of(std::string(host.substr(0, percent)))) return Fault{AddressError::bad_ipv6};
  if (percent == host.npos) return std::nullopt;
  const std::string_view zone = host.substr(percent + 1);
  if (zone.empty()) return Fault{AddressError::bad_ipv6, "a network interface must follow the %, as in fe80::1%eth0"};
  if (!std::ranges::all_of(zone, is_in_names)) return Fault{AddressError::bad_ipv6};
  return std::nullopt;
}

std::optional<Fault> fault_of_host(const std::string& host, std::uint16_t port) {
  if (host.empty()) {
    return Fault{AddressError::no_host, base::format("write 127.0.0.1:{}, or 0.0.0.0:{} to listen everywhere", port, port)};
  }
  if (host == "*") {
    return Fault{AddressError::bad_host, base::format("write 0.0.0.0:{} or [::]:{} to listen everywhere", port, port)};
  }
  if (host.find(':') != host.npos) return fault_of_ipv6(host);
  if (std::ranges::any_of(host, [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; })) {
    return Fault{AddressError::bad_host, "it has a space in it"};
  }
  if (!std::ranges::all_of(host, is_in_names)) return Fault{AddressError::bad_host};
  if (std::ranges::all_of(host, [](char c) { return is_digit(c) || c == '.'; }) && !is_ipv4(host)) {
    return Fault{AddressError::bad_ipv4, "write four numbers from 0 to 255, without zeros in front"};
  }
  return std::nullopt;
}

std::optional<Fault> fault_of_path(std::string_view path) {
  const bool is_abstract = path.starts_with('@');
  const std::size_t size = path.size() - (is_abstract ? 1 : 0);
  if (size == 0) return Fault{AddressError::no_path, "write unix:/run/x.sock, or unix:@name for an abstract one"};
  if (size > kUnixPathMax) return Fault{AddressError::path_too_long, base::format("this one has {}", size)};
  if (path.find('\0') != path.npos) return Fault{AddressError::path_with_zero};
  return std::nullopt;
}

bool is_wildcard(const std::string& host) {
  if (host == "0.0.0.0") return true;
  const std::optional<in6_addr> address = ipv6_of(host);
  return address && IN6_IS_ADDR_UNSPECIFIED(&*address);
}

// --- Texts -----------------------------------------------------------------------------------------------------------

base::Result<Address> parse_path(std::string_view text, std::string_view path) {
  if (path.starts_with(kSlashes)) {
    path.remove_prefix(kSlashes.size());
    if (!path.starts_with('/') && !path.starts_with('@')) {
      const AddressError error = path.empty() ? AddressError::no_path : AddressError::path_not_rooted;
      return refused(text, {error, path.empty() ? "write unix:///run/x.sock" : base::format("write unix:{}", path)});
    }
  }
  if (const auto fault = fault_of_path(path)) return refused(text, *fault);
  return Address::unix_socket(std::string(path));
}

// `text` is shown, `place` is what stands behind the scheme.
base::Result<Address> parse_tcp(std::string_view text, std::string_view place) {
  const bool is_ipv6 = ipv6_of(std::string(place.substr(0, place.find('%')))).has_value();
  const std::size_t colon = place.ends_with(']') ? place.npos : place.rfind(':');
  if (colon == place.npos) {
    if (place.starts_with('/') || place.starts_with("./") || place.starts_with("../")) {
      return refused(text, {AddressError::no_prefix, base::format("write unix:{}", place)});
    }
    return refused(text, {AddressError::no_port, place.empty() ? std::string() : base::format("write {}:8082", place)});
  }
  std::string_view host = place.substr(0, colon);
  const std::string_view port_text = place.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != host.npos) {
    const std::size_t first = place.find("://");
    if (first != place.npos) {
      return refused(text, {AddressError::unknown_scheme, base::format("write {}", place.substr(first + 3))});
    }
    if (host.starts_with('[') || host.ends_with(']')) {
      return refused(text, {AddressError::bad_host, "its brackets do not match"});
    }
    // "::1:8082" is one, too; but who writes it means the port.
    if (ipv6_of(std::string(host))) {
      return refused(text, {AddressError::needs_brackets, base::format("write [{}]:{}", host, port_text)});
    }
    if (is_ipv6) return refused(text, {AddressError::needs_brackets, base::format("write [{}]:8082", place)});
    return refused(text, {AddressError::bad_host, "it has several colons"});
  } else if (port_text.starts_with(kSlashes)) {
    return refused(text, {AddressError::unknown_scheme, base::format("write {}:8082", port_text.substr(kSlashes.size()))});
  }
  if (port_text.empty()) return refused(text, {AddressError::no_port, base::format("write {}8082", place)});
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (error != std::errc() || end != port_text.data() + port_text.size()) {
    return refused(text, {AddressError::bad_port, base::format("it is {}", shown(port_text))});
  }
  const std::string name(host);
  if (const auto fault = fault_of_host(name, port)) return refused(text, *fault);
  return Address::tcp(name, port);
}

}  // namespace

std::error_code make_error_code(AddressError error) {
  // Never destroyed: other threads may still hold its errors while the program ends.
  static const AddressCategory& category = *new AddressCategory;
  return {static_cast<int>(error), category};
}

base::Result<Address> Address::parse(std::string_view text) {
  if (text.empty()) return refused(text, {AddressError::empty, "write HOST:PORT, [IPV6]:PORT or unix:PATH"});
  if (text.starts_with(kUnixPrefix)) return parse_path(text, text.substr(kUnixPrefix.size()));
  if (text.starts_with('@')) return parse_path(text, text);
  return parse_tcp(text, text.starts_with(kTcpScheme) ? text.substr(kTcpScheme.size()) : text);
}

Address Address::tcp(std::string host, std::uint16_t port) { return {Family::tcp, std::move(host), port}; }

Address Address::unix_socket(std::string path) {
  // Else "unix:" and the path could read as "unix://" and another path.
  const std::size_t root = path.find_first_not_of('/');
  if (path.starts_with(kSlashes)) path.erase(0, root == path.npos ? path.size() - 1 : root - 1);
  return {Family::unix_socket, std::move(path), 0};
}

std::string Address::to_string() const {
  switch (family_) {
    case Family::unix_socket: return base::format("unix:{}", host_);
    case Family::tcp: break;
  }
  // A host named as the prefix would be read as a path.
  const bool needs_brackets = host_.find(':') != host_.npos || host_ == "unix";
  return needs_brackets ? base::format("[{}]:{}", host_, port_) : base::format("{}:{}", host_, port_);
}

base::Result<Address> Address::to_listen() const {
  const auto fault = family_ == Family::unix_socket ? fault_of_path(host_) : fault_of_host(host_, port_);
  if (fault) return refused(to_string(), *fault);
  return *this;
}

base::Result<Address> Address::to_connect() const {
  base::Result<Address> usable = to_listen();
  if (!usable || family_ == Family::unix_socket) return usable;
  if (is_wildcard(host_)) {
    const std::string_view here = host_ == "0.0.0.0" ? "127.0.0.1" : "[::1]";
    return refused(to_string(), {AddressError::wildcard, base::format("write {}:{} for this machine", here, port_)});
  }
  if (port_ == 0) return refused(to_string(), {AddressError::port_zero});
  return usable;
}

}  // namespace razor::runtime
