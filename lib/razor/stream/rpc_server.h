#pragma once
// RpcServer: listens, accepts, and hands every request to a Dispatch.
//
// One reader and one writer coroutine per connection (server_stream.h). Answers go out in any order. More cores: a ServerGroup, which
// has a server on each of several Runtimes (api/server_group.h). `razor::Server` (api/server.h) is an RpcServer for services.

#include <memory>
#include <vector>

#include "razor/base/ref.h"
#include "razor/stream/dispatch.h"
#include "razor/stream/group_member.h"
#include "razor/stream/server_config.h"
#include "razor/stream/server_stats.h"

namespace razor::stream {

struct ServerShared;

/// Takes the connections that a server accepts, in place of the server. On the server's thread.
class ConnectionTaker {
 public:
  virtual ~ConnectionTaker() = default;
  /// One more may be accepted. While not, the server waits until `RpcServer::accept_on`.
  virtual bool has_room() = 0;
  virtual void take(std::unique_ptr<runtime::ByteStream> stream) = 0;
};

class RpcServer final : private runtime::RuntimeObject {
 public:
  /// `dispatch` outlives the server. When `runtime` goes first the server ends with it, as if it were destroyed.
  RpcServer(runtime::Runtime& runtime, Dispatch& dispatch, const ServerConfig& config = {});
  RpcServer(RpcServer&&) = delete;
  /// Closes at once: unfinished handlers are destroyed, unwritten answers lost. On the runtime's thread, or while nobody runs
  /// the runtime.
  ~RpcServer();

  /// Serves this address too, from now on; gives it with the port that the system chose.
  /// Errors: as Network::listen.
  base::Result<runtime::Address> listen(const runtime::Address& address);

  /// Serves a connection that exists, as one that was accepted; while the server closes, as those that it has. `connections_max` does not count here: who hands connections
  /// over bounds them.
  /// Errors: throws std::bad_alloc; the connection is closed then.
  void serve(std::unique_ptr<runtime::ByteStream> stream);

  /// This server is one of a group from now on: `member` knows its load, and limits its handlers. Before it serves anything. Who
  /// gives it a connection calls `on_assigned`.
  void join(std::shared_ptr<GroupMember> member);
  /// What is accepted is `taker`'s from now on. Before `listen`.
  void hand_over_to(std::shared_ptr<ConnectionTaker> taker);
  /// The taker has room again.
  void accept_on();

  /// Requests may be written in `format` too, and are answered in it. Those in a format that nobody told the server of are
  /// answered rpc_decode; ran: no. The program ends, with a line that says why, when the id is another format's or not 1 … 63.
  /// `format` outlives the server, and the Responders that are kept.
  void accept_format(const wire::WireFormat& format);

  /// Closes gracefully: takes no new connections; every request that was dispatched is answered, later ones are answered
  /// rpc_draining; each connection ends when its peer has read all that. What is left after `limit` is cut off.
  /// May be called again.
  ///
  /// Time:   returns by `limit`.
  /// Cancel: destroying the Task leaves the server draining.
  runtime::Task<void> close(base::Duration limit);

  ServerStats stats() const;
  std::vector<ConnectionStats> connections() const;

 private:
  struct Listening;

  void end();
  void end_with_runtime() override { end(); }
  std::string object_name() const override;

  static runtime::Task<void> accept_loop(base::Ref<ServerShared> shared, runtime::Listener& listener);

  base::Ref<ServerShared> shared_;
  std::vector<std::unique_ptr<Listening>> listening_;
};

}  // namespace razor::stream

namespace razor {
using stream::RpcServer;
}  // namespace razor
