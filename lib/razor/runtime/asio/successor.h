#pragma once
// Successor: a child process that is to take this one's place, from its start until it is ready or given up.
//
// Parent and child share a pair of connected sockets. The child says kReady once, when it serves. The parent that no longer
// waits says kGivenUp and shuts its side for reading, in this order: then the child's kReady fails, and it knows that
// the parent goes on. So both agree on who serves, whatever happens in the last moment. A parent whose socket ends without a word
// knows that the child is gone, and a child, that the parent is.
// Private to runtime/asio.

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "razor/runtime/asio/asio_core.h"
#include "razor/runtime/asio/inherited_listeners.h"
#include "razor/runtime/byte_stream.h"

namespace razor::asio {

inline constexpr char kReady = 'R';
inline constexpr char kGivenUp = 'G';

class Successor {
 public:
  /// Starts `command`, whose first word is a path, or a name that is looked up in PATH. It gets `environment`, and of this
  /// process's close-on-exec descriptors only those of `listeners`.
  /// Errors: what the system says (no_such_file_or_directory, permission_denied …).
  static base::Result<std::unique_ptr<Successor>> start(const std::shared_ptr<AsioCore>& core,
                                                        const std::vector<std::string>& command,
                                                        const Environment& environment,
                                                        const std::vector<InheritedListener>& listeners);
  /// Kills it, unless it has said that it is ready, and waits until it is gone.
  ~Successor();

  /// Waits until it is ready. Gives why it is not and never will be, for the log; empty when it is.
  runtime::Task<std::string> wait_until_ready(base::TimePoint give_up_at);

  pid_t pid() const { return pid_; }

 private:
  Successor(pid_t pid, int socket, std::unique_ptr<runtime::ByteStream> stream, runtime::Clock& clock)
      : clock_(clock), stream_(std::move(stream)), socket_(socket), pid_(pid) {}

  runtime::Task<std::string> read_word();
  bool was_ready_after_all();
  runtime::Task<std::string> how_it_ended();
  void kill();

  runtime::Clock& clock_;
  std::unique_ptr<runtime::ByteStream> stream_;
  int socket_;  // of stream_
  pid_t pid_;
  bool is_ready_ = false;
  bool is_gone_ = false;  // and its number may come to mean another process
};

/// The child's part. Closes `socket`.
/// Errors: operation_canceled: the predecessor has given this process up, and goes on serving.
base::Result<void> say_ready(int socket);

}  // namespace razor::asio
