#pragma once
// Restart: a server is replaced by a new process, of a new version or with new settings, without a lost call.
//
//   razor::Restart restart;                                   // first in main: takes over what a predecessor hands on
//   razor::AsioRuntime runtime({.restart = &restart});        // listeners use those sockets, instead of binding their own
//   ...
//   server.listen(address);
//   restart.notify_ready();                                   // the predecessor may go
//   runtime.block_on(restart.close_when_told(runtime, [&] { return server.close(5s); }));
//
// On SIGHUP the process starts its successor, which inherits the listening sockets. Connections that wait to be accepted wait
// at the sockets, so none is refused. Until the successor says that it is ready, the predecessor accepts; then it closes its
// servers gracefully and ends. A successor that ends, or is not ready in time, is killed, and nothing has changed.
//
// A process that systemd starts with listening sockets (LISTEN_FDS, "socket activation") uses them too, and tells systemd when it is
// ready (NOTIFY_SOCKET).
//
// Which socket is used for which address: the one that is bound to the same address and port. 0.0.0.0:80 is that of
// 0.0.0.0:80 only, and not that of 127.0.0.1:80 or [::]:80 (where systemd's ListenStream=80 listens); a Unix path is compared
// as text. Port 0 means the socket for which the predecessor asked with port 0 of the same host, in its order, and none of
// systemd's. An address without such a socket is bound as usual. Sockets that nothing listens on when the process is ready
// are closed.
//
// The path of a Unix socket is removed by the process that listens there last; systemd's are left to systemd.

#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "razor/base/log.h"
#include "razor/base/time.h"
#include "razor/runtime/address.h"
#include "razor/runtime/asio/asio_runtime.h"
#include "razor/runtime/asio/inherited_listeners.h"

namespace razor::asio {

class ListeningSockets;
class SignalQueue;

struct RestartOptions {
  /// The signal that asks for a restart; 0: none does.
  int on_signal = SIGHUP;
  /// How long a successor may take until it is ready. Then it is killed.
  base::Duration ready_timeout = std::chrono::seconds(10);
};

static_assert(std::is_trivially_copyable_v<RestartOptions>);

/// A process has one Restart, which must live until the AsioRuntimes that are given it are made.
///
/// Threads: as each member says.
class Restart {
 public:
  /// Takes over what the environment says, and removes it from there, so that no other child program finds it. Make it before
  /// there are other threads. Lines about what cannot be used go to `log`, which must outlive it; null: to stderr.
  explicit Restart(base::LogSink* log = nullptr);
  /// As if the process had been started with these variables besides; its own are not read: for tests.
  Restart(const Environment& variables, base::LogSink* log);
  Restart(const Restart&) = delete;
  /// Closes the sockets that nothing listens on.
  ~Restart();

  /// Sets the command of successors: a program, by its path or looked up in PATH, and its arguments. The default command is that of
  /// this process, with the path of its own program where the first word is no path of a file that may be run. Call it before a
  /// hand-over.
  void set_command(std::vector<std::string> words) { command_ = std::move(words); }

  /// Whether a predecessor waits for `notify_ready`. Any thread.
  bool has_predecessor() const { return ready_socket_ >= 0; }
  /// Where sockets that were handed to this process listen, and nothing here listens yet. Any thread.
  std::vector<runtime::Address> not_adopted() const;

  /// This process serves: its predecessor may go, and connections are accepted from here on at the sockets that it handed on
  /// (not before, so none is lost with a successor that fails). Tells systemd, if that asked. Call it also without a
  /// predecessor; a second call does nothing.
  ///
  /// Errors:  operation_canceled: the predecessor no longer waited, and goes on serving. End the process.
  /// Threads: one at a time.
  base::Result<void> notify_ready();

  /// Starts a successor and waits until it is ready. True: close the servers, and end. False: nothing has changed, and the
  /// log says why. One at a time; on the runtime's thread.
  ///
  /// Time:   `options.ready_timeout`.
  /// Cancel: destroying the Task kills the successor.
  runtime::Task<bool> hand_over(AsioRuntime& runtime, RestartOptions options = {});

  /// Waits for SIGTERM or SIGINT, or until a successor, which `options.on_signal` asks for, is ready. Then awaits `close()`,
  /// which closes the servers. All these signals count from this call on, and have no other effect until it has ended; one
  /// that asks for a restart while there is one, or while servers close, changes nothing.
  runtime::Task<void> close_when_told(AsioRuntime& runtime, std::function<runtime::Task<void>()> close,
                                      RestartOptions options = {});

  /// For AsioRuntime.
  std::shared_ptr<ListeningSockets> sockets() const { return sockets_; }

 private:
  void take(const Environment& variables);
  void notify_systemd(const std::string& message);
  runtime::Task<void> run(AsioRuntime& runtime, std::function<runtime::Task<void>()> close, RestartOptions options,
                          std::unique_ptr<SignalQueue> signals);
  runtime::Task<bool> restart_unless_told_to_end(AsioRuntime& runtime, RestartOptions options, SignalQueue& signals);

  base::StderrLog stderr_log_;
  base::LogSink& log_;
  Environment environment_;  // of successors, without what is handed on
  std::vector<std::string> command_;
  std::shared_ptr<ListeningSockets> sockets_;
  int ready_socket_ = -1;
  bool has_notified_ = false;
  bool is_handing_over_ = false;
  bool has_successor_ = false;
};

}  // namespace razor::asio

namespace razor {
using asio::Restart;
using asio::RestartOptions;
}  // namespace razor
