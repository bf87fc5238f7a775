#include "razor/runtime/address.h"

#include <charconv>

#include "razor/base/format.h"

namespace razor::runtime {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::size_t kUnixPathMax = 107;  // sizeof(sockaddr_un::sun_path) - 1

}  // namespace

base::Result<Address> Address::parse(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) {
    const std::string_view path = text.substr(kUnixPrefix.size());
    if (path.empty() || path.size() > kUnixPathMax || path.find('\0') != path.npos) return std::errc::invalid_argument;
    return unix_socket(std::string(path));
  }
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return std::errc::invalid_argument;
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != host.npos) {
    return std::errc::invalid_argument;  // a bare IPv6 address: its port cannot be told apart
  }
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (error != std::errc() || end != port_text.data() + port_text.size()) return std::errc::invalid_argument;
  if (host.empty() || host.find('\0') != host.npos) return std::errc::invalid_argument;
  return tcp(std::string(host), port);
}

Address Address::tcp(std::string host, std::uint16_t port) { return {Family::tcp, std::move(host), port}; }

Address Address::unix_socket(std::string path) { return {Family::unix_socket, std::move(path), 0}; }

std::string Address::to_string() const {
  switch (family_) {
    case Family::unix_socket: return base::format("unix:{}", host_);
    case Family::tcp: break;
  }
  // A host named as the prefix would be read as a path.
  const bool needs_brackets = host_.find(':') != host_.npos || host_ == "unix";
  return needs_brackets ? base::format("[{}]:{}", host_, port_) : base::format("{}:{}", host_, port_);
}

}  // namespace razor::runtime
