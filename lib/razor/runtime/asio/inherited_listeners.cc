#include "razor/runtime/asio/inherited_listeners.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <set>
#include <string_view>

#include "razor/base/format.h"
#include "razor/runtime/asio/asio_socket.h"

namespace razor::asio {
namespace {

using runtime::Address;

// More than any server has; what comes above is refused.
constexpr std::size_t kListenersMax = 1024;
constexpr int kFirstOfSystemd = 3;
constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@[]-";
constexpr std::string_view kOwn = "own";
constexpr std::string_view kKeep = "keep";
constexpr std::size_t kShownMax = 120;

// --- Texts -----------------------------------------------------------------------------------------------------------

// The whole text, as a number that is not negative.
std::optional<int> number_of(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

std::string escaped(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string written;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (kPlain.find(c) != kPlain.npos) {
      written += c;
    } else {
      written += {'%', kDigits[byte >> 4], kDigits[byte & 0xf]};
    }
  }
  return written;
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string read;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      read += text[at];
      continue;
    }
    const std::string_view digits = text.substr(at + 1, 2);
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || error != std::errc() || end != digits.data() + 2) return std::nullopt;
    read += static_cast<char>(byte);
    at += 2;
  }
  return read;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// On one line of a log, and not endless.
std::string shown(std::string_view text) { return base::format("\"{}\"", escaped(text.substr(0, kShownMax))); }

std::optional<Address> read_address(std::string_view text) {
  const auto plain = unescaped(text);
  if (!plain) return std::nullopt;
  auto address = Address::parse(*plain);
  if (!address) return std::nullopt;
  return *std::move(address);
}

// --- Descriptors -----------------------------------------------------------------------------------------------------

int option_of(int descriptor, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(descriptor, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

// The bytes of the address that a listening stream socket is bound to; otherwise `why` says why it is none.
std::optional<std::string> name_of_listener(int descriptor, std::string& why) {
  struct stat status{};
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::fstat(descriptor, &status) != 0) {
    why = last_error().message();
  } else if (!S_ISSOCK(status.st_mode)) {
    why = "it is no socket";
  } else if (option_of(descriptor, SO_TYPE) != SOCK_STREAM) {
    why = "it is no stream socket";
  } else if (option_of(descriptor, SO_ACCEPTCONN) != 1) {
    why = "it does not listen";
  } else if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    why = last_error().message();
  } else if (name.ss_family != AF_INET && name.ss_family != AF_INET6 && name.ss_family != AF_UNIX) {
    why = "it is neither of TCP nor a Unix socket";
  } else if (name.ss_family != AF_UNIX && option_of(descriptor, SO_PROTOCOL) != IPPROTO_TCP) {
    why = "it is not of TCP";
  } else {
    return std::string(reinterpret_cast<const char*>(&name), std::min<std::size_t>(size, sizeof name));
  }
  return std::nullopt;
}

bool close_on_exec(int descriptor) {
  const int flags = ::fcntl(descriptor, F_GETFD);
  return flags >= 0 && ::fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) == 0;
}

// --- Sources ---------------------------------------------------------------------------------------------------------

class Reader {
 public:
  explicit Reader(const Environment& environment) : environment_(environment) {}

  Inheritance read() {
    if (const std::string* text = find(kListenersVariable)) read_predecessors(*text);
    if (const std::string* text = find(kReadyVariable)) read_ready(*text);
    const std::string* count = find("LISTEN_FDS");
    const std::string* process = find("LISTEN_PID");
    if (count != nullptr && process != nullptr) read_systemds(*count, *process);
    return std::move(inheritance_);
  }

 private:
  const std::string* find(const char* name) const {
    const auto found = environment_.find(name);
    return found == environment_.end() ? nullptr : &found->second;
  }

  template <class... Args>
  void refuse(base::TextFormat<std::type_identity_t<Args>...> why, const Args&... args) {
    inheritance_.refused.push_back(base::format<Args...>(why, args...));
  }

  void read_predecessors(std::string_view text) {
    const std::vector<std::string_view> entries = split(text, ';');
    if (entries.size() > kListenersMax) {
      return refuse("{} names {} sockets: at most {} are taken, so none is", kListenersVariable, entries.size(),
                    kListenersMax);
    }
    for (const std::string_view entry : entries) {
      if (!entry.empty()) read_predecessors_entry(entry);
    }
  }

  void read_predecessors_entry(std::string_view entry) {
    const std::vector<std::string_view> fields = split(entry, ',');
    const auto descriptor = fields.size() == 4 ? number_of(fields[0]) : std::nullopt;
    if (!descriptor || (fields[1] != kOwn && fields[1] != kKeep)) {
      return refuse("{}: cannot be read: {}", kListenersVariable, shown(entry));
    }
    const auto requested = read_address(fields[2]);
    const auto bound = read_address(fields[3]);
    if (!requested || !bound) return refuse("{}: names no address: {}", kListenersVariable, shown(entry));
    std::string why;
    const auto name = name_of_listener(*descriptor, why);
    if (!name) return refuse("{}: descriptor {}, for {}: {}", kListenersVariable, *descriptor, *bound, why);
    const auto endpoint = endpoint_to_listen(*bound);
    if (!endpoint || socket_name_of(*endpoint) != *name) {
      return refuse("{}: descriptor {} does not listen on {}", kListenersVariable, *descriptor, *bound);
    }
    take({*descriptor, *requested, *bound, *name, fields[1] == kOwn, true}, kListenersVariable);
  }

  void read_ready(std::string_view text) {
    const auto descriptor = number_of(text);
    if (!descriptor || option_of(*descriptor, SO_DOMAIN) != AF_UNIX || option_of(*descriptor, SO_TYPE) != SOCK_STREAM ||
        option_of(*descriptor, SO_ACCEPTCONN) != 0 || !close_on_exec(*descriptor)) {
      return refuse("{} is no connected Unix socket: {}", kReadyVariable, shown(text));
    }
    inheritance_.ready_socket = *descriptor;
  }

  void read_systemds(std::string_view count_text, std::string_view process_text) {
    const auto process = number_of(process_text);
    if (!process) return refuse("LISTEN_PID is no process id: {}", shown(process_text));
    if (*process != ::getpid()) return;  // meant for another process, which started this one
    const auto count = number_of(count_text);
    if (!count || static_cast<std::size_t>(*count) > kListenersMax) {
      return refuse("LISTEN_FDS is no number from 0 to {}: {}", kListenersMax, shown(count_text));
    }
    for (int descriptor = kFirstOfSystemd; descriptor < kFirstOfSystemd + *count; ++descriptor) {
      std::string why;
      const auto name = name_of_listener(descriptor, why);
      close_on_exec(descriptor);
      const auto bound = name ? address_of_name(*name) : std::nullopt;
      if (name && !bound) why = "it has no address";
      if (bound) {
        take({descriptor, Address(), *bound, *name, false, false}, "LISTEN_FDS");
      } else {
        refuse("LISTEN_FDS: descriptor {}: {}", descriptor, why);
      }
    }
  }

  void take(InheritedListener listener, const char* source) {
    if (!taken_.insert(listener.descriptor).second) {
      return refuse("{}: descriptor {} is named twice", source, listener.descriptor);
    }
    if (!close_on_exec(listener.descriptor)) return refuse("{}: descriptor {} is gone", source, listener.descriptor);
    inheritance_.listeners.push_back(std::move(listener));
  }

  const Environment& environment_;
  Inheritance inheritance_;
  std::set<int> taken_;
};

}  // namespace

Inheritance read_inheritance(const Environment& environment) { return Reader(environment).read(); }

std::string encode_listeners(const std::vector<InheritedListener>& listeners) {
  std::string text;
  for (const InheritedListener& listener : listeners) {
    text += base::format("{}{},{},{},{}", text.empty() ? "" : ";", listener.descriptor, listener.removes_path ? kOwn : kKeep,
                         escaped(listener.requested.to_string()), escaped(listener.bound.to_string()));
  }
  return text;
}

}  // namespace razor::asio
