#pragma once
// ServerGroup: one server on several Runtimes, each with a thread of its own: how a service uses the cores of a machine.
//
//   razor::ServerGroup group(runtimes);                  // on the first of them, which accepts
//   group.add([](razor::Runtime& runtime) { return std::make_shared<CalculatorImpl>(runtime); });
//   auto address = group.listen(*razor::Address::parse("0.0.0.0:7000"));
//   ...
//   co_await group.close(5s);
//
// The first Runtime accepts, and hands each connection to the Runtime with the fewest. Every Runtime has handlers of its own, which
// only its thread calls: handlers need no locks. Limits hold for the whole group.

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "razor/api/server.h"
#include "razor/stream/group_member.h"

namespace razor::api {

namespace detail {
class Answer;
}

struct ServerGroupConfig {
  /// Of each server; `connections_max` and `handlers_max` are those of the whole group. A Runtime may leave up to 1/8 of
  /// `handlers_max` unused while others are idle (stream/token_pool.h). `transport` makes streams of the first Runtime, which stay
  /// there unless they can move (ByteStream::detach).
  stream::ServerConfig server{};
  /// The Runtime that accepts serves connections, too. A handler that holds it up keeps the whole group from accepting; false
  /// leaves it nothing else to do. Of a single Runtime it makes no difference.
  bool acceptor_serves = true;
};
static_assert(std::is_trivially_copyable_v<ServerGroupConfig>);

/// Threads: that of the first Runtime, also for destroying it.
class ServerGroup {
 public:
  /// `runtimes`, of one maker and on one machine, outlive the group, and each is run by a thread of its own; one at least.
  explicit ServerGroup(std::span<runtime::Runtime* const> runtimes, const ServerGroupConfig& config = {});
  ServerGroup(ServerGroup&&) = delete;
  /// Closes at once, as the destructor of a Server; on other threads than this one in a turn of theirs, so that what handlers use
  /// there has to live for longer, unless `close` was awaited.
  ~ServerGroup();

  /// Serves what `make(runtime)` gives, a shared pointer to an implementation, called once for each Runtime on its thread.
  template <class Make>
    requires std::invocable<Make&, runtime::Runtime&>
  void add(Make make) {
    for_each_server([make](runtime::Runtime& runtime, Server& server) mutable { server.add(make(runtime)); });
  }
  /// Serves one implementation on all threads, at the same time: it is made for that.
  template <class Implementation>
  void add_shared(std::shared_ptr<Implementation> implementation) {
    for_each_server([implementation](runtime::Runtime&, Server& server) { server.add(implementation); });
  }
  /// Calls `prepare(runtime, server)` for each Runtime on its thread, before it serves a connection that is accepted later: for
  /// what a Server has beyond services.
  void for_each_server(std::function<void(runtime::Runtime&, Server&)> prepare);

  /// As Server's.
  base::Result<runtime::Address> listen(const runtime::Address& address);

  /// Closes all servers as Server::close does, at the same time; a thread that stands still holds nobody up. Serves nothing any more
  /// when it returns, except on such a thread.
  ///
  /// Time:   returns by `limit`, and 1 ms where other threads have not closed by then.
  /// Cancel: destroying the Task leaves the servers draining.
  runtime::Task<void> close(base::Duration limit);

  /// How much each server does now, in the order of the Runtimes.
  std::vector<stream::MemberLoad> loads() const;
  /// The sum of the servers' counters. The Task waits for a turn of each Runtime; a Runtime that is gone adds nothing.
  runtime::Task<stream::ServerStats> stats() const;

 private:
  class Member;
  class Acceptor;
  struct State;

  static runtime::Task<void> close_there(std::shared_ptr<Member> member, base::TimePoint until, detail::Answer);

  std::shared_ptr<State> state_;
};

}  // namespace razor::api

namespace razor {
using api::ServerGroup;
using api::ServerGroupConfig;
using stream::MemberLoad;
}  // namespace razor
