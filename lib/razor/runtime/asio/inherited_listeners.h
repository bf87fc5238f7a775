#pragma once
// Listening sockets that a process is started with, as its environment describes them: from a predecessor of ours, which
// restarts (restart.h), or from systemd.
//
//   RAZOR_LISTENERS=7,own,127.0.0.1:0,127.0.0.1:43121;8,keep,unix:/run/x.sock,unix:/run/x.sock
//       the descriptor; whether the process removes the path of a Unix socket when it ends; the address that was asked for;
//       the address that it is bound to. Other bytes of an address than letters, digits and ._:/@[]- are %XX.
//   RAZOR_READY=9
//       a socket on which the process says that it serves (successor.h)
//   LISTEN_FDS=2 LISTEN_PID=4711
//       the protocol of sd_listen_fds(3): descriptors 3 and 4, if the process has this number; LISTEN_FDNAMES is ignored
//
// Whoever starts the process may have written anything there: a descriptor is used only if it is what is said of it.
// Private to runtime/asio.

#include <map>
#include <string>
#include <vector>

#include "razor/runtime/address.h"

namespace razor::asio {

struct InheritedListener {
  int descriptor = -1;
  runtime::Address requested;  ///< what the predecessor was told to listen on; empty from systemd
  runtime::Address bound;
  std::string socket_name;    ///< the bytes of `bound` as the system has them (getsockname)
  bool removes_path = false;  ///< the path of a Unix socket goes with it: whoever made it is gone by then
  bool is_from_predecessor = false;
};

struct Inheritance {
  std::vector<InheritedListener> listeners;
  int ready_socket = -1;             ///< -1: nobody waits for this process to be ready
  std::vector<std::string> refused;  ///< lines for the log: what cannot be used, and why
};

using Environment = std::map<std::string, std::string>;

inline constexpr const char* kListenersVariable = "RAZOR_LISTENERS";
inline constexpr const char* kReadyVariable = "RAZOR_READY";
/// All that is read, and that no child program should find again.
inline constexpr const char* kInheritanceVariables[] = {kListenersVariable, kReadyVariable, "LISTEN_FDS", "LISTEN_PID",
                                                        "LISTEN_FDNAMES"};

/// Checks every descriptor. What is used is close-on-exec from here on; what is refused is left as it is, except that
/// systemd's descriptors are all close-on-exec. Closes nothing.
Inheritance read_inheritance(const Environment& environment);

/// The value of RAZOR_LISTENERS. `socket_name` and `is_from_predecessor` are not written.
std::string encode_listeners(const std::vector<InheritedListener>& listeners);

}  // namespace razor::asio
