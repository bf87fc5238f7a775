#pragma once
// A server of the swarm: its service notes in the ledger what it runs and how it answers. What it does with a request, the
// request says: takes long, fails, throws, drops.

#include <list>

#include "razor/api/server_group.h"
#include "razor/runtime/event.h"
#include "tests/swarm/scene.h"
#include "tests/swarm/watched_handlers.h"

namespace razor::swarm {

class SwarmServer {
 public:
  /// Serves on a host of this name, at once and after each restart.
  SwarmServer(Scene& scene, std::string name);
  SwarmServer(const SwarmServer&) = delete;

  const std::string& name() const { return name_; }
  sim::Host& host() const { return scene_.world.host(name_); }
  /// Closes gracefully within `limit`, and serves again.
  void restart_gracefully(base::Duration limit);
  /// Serves no more, from now on.
  void stop();
  /// What is wrong with how many handlers run, CONTRACT 20, and with the answers that it keeps for slow readers, CONTRACT 24;
  /// empty: nothing.
  std::string wrong_handlers() const;
  /// Cancellable handlers that run on though nobody waits for them; empty: none.
  std::string wrong_watches();
  std::string wrong_queues() const;
  /// What it takes for a broken frame, and nobody has broken.
  std::string wrong_frames() const;
  /// What is wrong with the time that a peer has to take its answers, CONTRACT 24; empty: nothing.
  std::string wrong_stalls();

  std::uint64_t dispatched() const { return dispatched_; }
  /// Frames of this peer that have come may not have been read.
  bool may_leave_unread(const std::string& peer) const;

 private:
  class WorkService;
  class StoreDispatch;
  class WasteService;
  class WatchService;
  struct Serving;
  struct Running;
  struct RunningHandler {
    runtime::Address peer;
    base::TimePoint deadline;  // of its caller, by the clock of this host; max: not known
  };
  struct Stall {
    base::ByteCount bytes_sent;
    base::TimePoint since;
    base::TimePoint since_by_clock;  // of the server's host, which may drift
  };

  std::vector<ConnectionStats> connections() const;
  std::size_t handlers_wanted_by(const runtime::Address& peer) const;
  static Product product_for(const SwarmServer& server, const Order& order);
  runtime::Task<void> serve(Runtime& runtime);
  void begin(const Order& order, const runtime::Address& peer, base::TimePoint deadline, bool may_be_sent_again);

  Scene& scene_;
  std::string name_;
  std::uint64_t dispatched_ = 0;
  WatchedHandlers watched_;
  std::list<RunningHandler> running_;  // of this incarnation
  bool stopped_ = false;
  base::Duration close_limit_{};
  std::map<std::string, std::uint64_t> last_of_;  // by connection: the last call that may come only once
  std::map<std::string, Stall> stalled_;  // by connection
  std::vector<const Server*> serving_;  // one for each thread, while they serve
  runtime::Event* changed_ = nullptr;
};

}  // namespace razor::swarm
