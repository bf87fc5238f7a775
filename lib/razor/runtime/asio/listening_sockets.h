#pragma once
// ListeningSockets: those that a process was started with and has not used yet, and those that its Runtimes listen on, which
// a successor can be given. The state behind a Restart (restart.h). Private to runtime/asio.
//
// The mutex also keeps a descriptor from being closed, and its number from being used again, while a successor is started
// with it.
//
// Threads: any.

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "razor/base/log.h"
#include "razor/runtime/asio/inherited_listeners.h"

namespace razor::asio {

/// Shared by the Restart and by the AsioRuntimes that were given it, with their listeners; whoever goes last.
class ListeningSockets {
 public:
  using Id = std::uint64_t;

  ListeningSockets(std::vector<InheritedListener> inherited, bool has_predecessor)
      : not_adopted_(std::move(inherited)), is_ready_(!has_predecessor) {}
  ListeningSockets(const ListeningSockets&) = delete;
  /// Closes what nobody listened on. Paths stay: a predecessor may still serve there.
  ~ListeningSockets();

  /// The inherited socket for this address, from now on the caller's; none where there is none. With port 0: the one for
  /// which the predecessor asked with the same address, in its order. `socket_name` is what `requested` means here.
  std::optional<InheritedListener> adopt(const runtime::Address& requested, const std::string& socket_name);

  /// A listener has opened, with its own or with an adopted descriptor.
  Id add(InheritedListener listener);
  /// It closes its descriptor after this call. Returns whether the path of a Unix socket is this process's to remove: not if
  /// a successor has it now, nor if a predecessor may still have it.
  bool remove(Id id);

  /// Whether this process accepts connections of a predecessor's sockets: not before it is ready, since they would be lost
  /// with a process that never is.
  bool is_ready() const;
  /// Calls `wake` when it is ready, on any thread, unless `remove` comes first; at once if it is.
  void wake_when_ready(Id id, std::function<void()> wake);

  std::vector<runtime::Address> not_adopted() const;
  /// The process serves. Closes what was not adopted, or callers would wait there for ever.
  void set_ready(base::LogSink& log);

  /// Calls `start` with all open listeners, none of which closes meanwhile. Returns their ids.
  std::vector<Id> give(const std::function<void(const std::vector<InheritedListener>&)>& start);
  /// They are a successor's now, and so are their paths.
  void given(const std::vector<Id>& ids);

 private:
  struct Open {
    InheritedListener listener;
    std::function<void()> wake;
  };

  mutable std::mutex mutex_;
  std::vector<InheritedListener> not_adopted_;  // GUARDED_BY(mutex_)
  std::map<Id, Open> open_;  // GUARDED_BY(mutex_); in the order of listening
  Id next_id_ = 1;  // GUARDED_BY(mutex_)
  bool is_ready_;  // GUARDED_BY(mutex_)
};

}  // namespace razor::asio
