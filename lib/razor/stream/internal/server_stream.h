#pragma once
// ServerStream: the loops, the timer and the transport of one connection of an RpcServer. They obey its ServerConnection,
// which decides. A reader coroutine reads requests, whose handlers run below it; a writer coroutine writes responses, many at a
// time. Private to stream.

#include "razor/base/ref.h"
#include "razor/runtime/event.h"
#include "razor/runtime/task_scope.h"
#include "razor/stream/internal/server_connection.h"
#include "razor/stream/internal/server_shared.h"

namespace razor::stream {

/// Owned by its loops while they run, and by its Responders; its server lists it until it is closed.
class ServerStream final : public ResponseOutlet, public base::ListLink<>, private RequestHandler {
 public:
  ServerStream(base::Ref<ServerShared> server, std::unique_ptr<runtime::ByteStream> stream);

  /// Spawns the loops and enters the server's list.
  void start();
  /// Dispatches nothing more, lets the handlers that run answer, then closes so that the peer can read everything. A peer that
  /// understands that is asked before to send no more, and has `notice` to say that it does.
  void drain(base::Duration notice = base::Duration::zero(),
             wire::ServerControl::Reason reason = wire::ServerControl::Reason::shutdown);
  /// Closes at once; what was not written is lost.
  void close(std::string_view why);
  void set_crowded(bool crowded);
  ConnectionStats stats() const { return connection_.stats(); }

  // ResponseOutlet
  wire::ByteSink& begin(bool counts) override { return connection_.begin(counts); }
  void abandon() override { connection_.abandon(); }
  void commit(wire::Seq seq, wire::ResponseFlag flag, base::Blob&& blob) override;
  void refuse(wire::Seq seq, const Failure& failure) override;
  void commit_number(wire::Seq seq, std::uint32_t number) override;
  void note_exception(std::string_view handler, const std::exception_ptr& exception) override;
  void note_undecodable(std::string_view method, std::string_view why) override;
  void note_repeated_response() override { ++server_->common.stats.responses_repeated; }
  bool is_open() const override { return !connection_.is_closed(); }
  base::TimePoint deadline(wire::Seq seq) const override { return connection_.deadline(seq); }
  base::TimePoint stop_at(wire::Seq seq) const override { return connection_.stop_at(seq); }
  bool is_cancelled(wire::Seq seq) const override { return connection_.is_cancelled(seq); }
  void listen(wire::Seq seq, CancelListener& listener) override { connection_.listen(seq, listener); }
  bool is_draining() const override { return connection_.is_leaving(); }
  const wire::OwnedExtension* extension(wire::Seq seq) const override { return connection_.extension(seq); }
  const runtime::Address& peer() const override { return peer_; }
  runtime::Runtime& runtime() const override { return server_->runtime; }
  runtime::TaskScope& handlers() const override { return server_->handlers; }

 private:
  struct ConnectionTimer final : runtime::Timer {
    ConnectionTimer(runtime::Clock& clock, ServerStream& owner)
        : Timer(clock, [](Timer& timer) { static_cast<ConnectionTimer&>(timer).stream.on_timer(); }), stream(owner) {}
    ServerStream& stream;
  };

  static runtime::Task<void> read_loop(base::Ref<ServerStream> self);
  static runtime::Task<void> write_loop(base::Ref<ServerStream> self);
  void pause(base::TimePoint now);
  void resume(base::TimePoint now);
  void obey();
  void finish();
  void on_timer();
  void retire();
  void arm_timer();

  // RequestHandler
  void handle(const wire::RequestFrame& frame, const wire::WireFormat* format, base::TimePoint deadline) override;

  base::Ref<ServerShared> server_;
  runtime::Clock& clock_;
  std::unique_ptr<runtime::ByteStream> stream_;  // null once closed
  runtime::Address local_;
  runtime::Address peer_;
  ServerCallObserver observer_;
  ServerConnection connection_;
  runtime::Event write_wanted_;
  runtime::Event may_read_on_;
  base::TimePoint old_at_;  // max: never
  ConnectionTimer timer_;
  runtime::TaskScope loops_;
};

}  // namespace razor::stream
