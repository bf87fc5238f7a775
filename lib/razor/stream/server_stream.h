#pragma once
// ServerStream: one connection of an RpcServer. A reader coroutine cuts what arrives into requests and hands them to the
// Dispatch; a writer coroutine writes what the handlers answered, many answers at a time. Private to stream.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "razor/base/ref.h"
#include "razor/runtime/event.h"
#include "razor/runtime/task_scope.h"
#include "razor/stream/answer_queue.h"
#include "razor/stream/dispatch.h"
#include "razor/stream/held_pongs.h"
#include "razor/stream/server_session.h"
#include "razor/stream/server_stats.h"
#include "razor/wire/frame_reader.h"

namespace razor::stream {

class ServerStreamCore;

/// What the connections of one server share. Outlives the server while a Responder is kept.
struct ServerShared final : base::RefCounted {
  ServerShared(runtime::Runtime& server_runtime, const ServerConfig& server_config)
      : runtime(server_runtime),
        config(server_config),
        handlers(server_runtime.spawner()),
        connection_closed(server_runtime.spawner()) {
    turn.reserve(kTurnRequestsMax);
  }

  runtime::Runtime& runtime;
  const ServerConfig config;
  Dispatch* dispatch = nullptr;  // null once the server is gone
  std::vector<const wire::WireFormat*> formats;  // that requests may be written in, beside msgpack

  /// Null: none of this id.
  const wire::WireFormat* find_format(std::uint8_t id) const;
  ServerStats stats;
  base::IntrusiveList<ServerStreamCore> connections;
  runtime::TaskScope handlers;
  runtime::Event connection_closed;
  std::uint32_t connections_max = ~std::uint32_t{0};  // as known once the server listens
  bool crowded = false;
  std::set<std::string> slow_handlers;  // whose slowness was logged
  std::map<std::string, base::TimePoint, std::less<>> undecodable_logged;  // of methods that are served: when the last time

  // The turn in which a connection dispatches what it has read: of the requests since the clock was read last, what they
  // asked for. Names are borrowed from the connection's reader, and dropped before the turn ends.
  static constexpr std::size_t kTurnRequestsMax = 16;
  std::vector<wire::Action> turn;
  base::TimePoint turn_began;

  /// A connection was added or has gone: tells all of them when connections become short, or are not any more.
  void note_connections();
};

/// Owned by its loops while they run, and by its Responders; its server lists it until it is closed.
class ServerStreamCore final : public ServerConnection, public base::ListLink<> {
 public:
  ServerStreamCore(base::Ref<ServerShared> server, std::unique_ptr<runtime::ByteStream> stream);

  /// Spawns the loops and enters the server's list.
  void start();

  /// Dispatches nothing more, lets the handlers that run answer, then closes so that the peer can read everything.
  void drain();
  /// Closes at once; what was not written is lost.
  void close(std::string_view why);
  void set_crowded(bool crowded);

  // ServerConnection
  wire::ByteSink& begin_answer(bool counts) override;
  void abandon_answer() override;
  void end_answer(wire::Seq seq, wire::ResponseFlag flag, base::Blob&& blob) override;
  void end_answer_failed(wire::Seq seq, const Failure& failure) override;
  void answer_number(wire::Seq seq, std::uint32_t number) override;
  void note_exception(std::string_view handler, const std::exception_ptr& exception) override;
  void note_undecodable(std::string_view method, std::string_view why) override;
  void note_repeated_answer() override { ++server_->stats.answers_repeated; }
  bool is_open() const override { return state_ != State::closed; }
  const runtime::Address& peer() const override { return peer_; }
  runtime::Runtime& runtime() const override { return server_->runtime; }
  runtime::TaskScope& handlers() const override { return server_->handlers; }

  ConnectionStats stats() const;

 private:
  enum class State {
    serving,
    draining,     // requests are answered rpc_draining
    refusing,     // the peer broke the protocol; what it asked before is still answered
    peer_closed,  // the peer sends no more; it may still read answers
    lingering,    // our side is shut; what the peer still sends is dropped until it has closed too
    closed,
  };

  struct ConnectionTimer final : runtime::Timer {
    ConnectionTimer(runtime::Clock& clock, ServerStreamCore& owner)
        : Timer(clock, [](Timer& timer) { static_cast<ConnectionTimer&>(timer).connection.on_timer(); }),
          connection(owner) {}
    ServerStreamCore& connection;
  };

  static runtime::Task<void> read_loop(base::Ref<ServerStreamCore> self);
  static runtime::Task<void> write_loop(base::Ref<ServerStreamCore> self);

  void transition(State to);
  bool reads_requests() const { return state_ == State::serving || state_ == State::draining; }
  bool must_pause() const { return out_.queued() >= server_->config.write_queue_max || has_too_many_pongs(); }
  bool has_too_many_pongs() const {
    const std::size_t most = server_->config.control_answers_max;
    return held_pongs_.size() >= most || out_.prompt_pongs() >= most;
  }
  bool must_wait_for_handlers(const wire::RequestFrame& frame) const;
  void stop_reading();
  void read_again();
  ServerSession::Reading reading() const;

  void on_request(const wire::RequestFrame& frame);
  void on_ping(const wire::RequestFrame& frame);
  void append_pong(wire::Seq seq);
  void release_pongs(wire::Seq answered);
  void dispatch(const wire::RequestFrame& frame);
  // Throws what the handler does.
  void run_handler(const Request& request, Responder respond);
  [[gnu::cold]] void answer_unknown_format(const wire::RequestFrame& frame);
  // Where a test wants trouble (runtime/request_trouble.h). Throws as the handler does.
  [[gnu::cold]] void run_troubled(const Request& request, Responder respond, const runtime::RequestTrouble& trouble);
  struct KeptRequest;
  static runtime::Task<void> run_later(base::Ref<ServerStreamCore> self, KeptRequest request, Responder respond,
                                       runtime::RequestTrouble trouble);
  void on_broken_head(const wire::RequestHead& head, wire::HeadFault fault);
  void on_peer_closed();

  void append_answer(const wire::ResponseHead& head, base::ByteView msg, base::ByteView blob = {});
  void finish_answer(wire::Seq seq, wire::ResponseFlag flag, base::Blob&& blob);
  void handled(wire::Seq seq);
  void answer_failed(wire::Seq seq, base::Errc errc) { answer_failed(seq, Failure(errc)); }
  void answer_failed(wire::Seq seq, const Failure& failure);
  void finish_if_done();
  // Called only where somebody traces, or did when the request came.
  [[gnu::cold]] void trace_begin(const wire::RequestFrame& frame);
  [[gnu::cold]] void trace_end(wire::Seq seq, std::string_view outcome);
  void on_timer();
  void arm_timer();
  void sample_acknowledged(base::TimePoint now);
  void begin_turn(base::TimePoint now);
  void end_turn(base::TimePoint now);
  [[gnu::cold]] void log_slow_turn(base::Duration took);

  base::Ref<ServerShared> server_;
  runtime::Clock& clock_;
  std::unique_ptr<runtime::ByteStream> stream_;  // null once closed
  runtime::Address peer_;
  State state_ = State::serving;
  ServerSession session_;

  wire::RequestReader reader_;
  AnswerQueue out_;
  HeldPongs held_pongs_;
  wire::BytesSink dropped_;  // where answers go that nobody waits for
  bool answer_counts_ = false;
  bool answer_has_memory_ = true;
  runtime::Event write_wanted_;
  runtime::Event may_read_on_;
  bool waits_for_handlers_ = false;
  bool takes_details_ = false;  // the peer is one of ours: it has sent what others do not

  base::ByteCount drained_after_received_ = 0;
  base::TimePoint linger_until_ = base::TimePoint::max();
  bool seemed_overdue_ = false;  // when last looked
  ConnectionTimer timer_;
  ConnectionStats stats_;
  // Of the requests whose handlers run, while somebody traces. A peer may use a seq twice.
  std::multimap<wire::Seq, runtime::SpanId> spans_;
  runtime::TaskScope loops_;
};

}  // namespace razor::stream
