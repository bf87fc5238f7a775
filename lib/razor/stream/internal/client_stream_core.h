#pragma once
// ClientStreamCore: the loops, the timer and the transport of one ClientStream. They obey its ClientConnection, which decides.
// Private to stream.

#include "razor/base/format.h"
#include "razor/base/ref.h"
#include "razor/runtime/event.h"
#include "razor/runtime/task_scope.h"
#include "razor/stream/channel.h"
#include "razor/stream/internal/client_connection.h"

namespace razor::stream {

// The loops and the timer of one connection: they obey its ClientConnection. Owned by its ClientStream, and by its loops while
// they run.
class ClientStreamCore final : public Channel, public base::RefCounted, public runtime::RuntimeObject {
 public:
  ClientStreamCore(runtime::Runtime& runtime, std::unique_ptr<runtime::ByteStream> stream, const ClientStreamConfig& config);

  void start() {
    connection_.start();
    loops_.spawn("ClientStream::read_loop", read_loop(base::Ref(this)));
    loops_.spawn("ClientStream::write_loop", write_loop(base::Ref(this)));
  }

  ClientConnection& connection() { return connection_; }
  Channel& pings() { return pings_; }
  const runtime::Address& peer() const { return peer_; }
  bool has_room() { return connection_.has_room(); }

  static runtime::Task<void> close(base::Ref<ClientStreamCore> self, base::Duration limit);
  /// The handle goes: nothing completes after this.
  void shut_down();

 private:
  // Channel
  wire::ByteSink& begin(Exchange& exchange, const wire::Action& action, const CallOptions& options) override;
  void commit(Exchange& exchange, base::Blob&& blob) override;
  void refuse(Exchange& exchange, base::CallError why) override;
  void cancel(Exchange& exchange) override {
    connection_.cancel(exchange);
    if (connection_.batch_is_open()) obey();  // its peer is told
  }
  void unwanted(Exchange& exchange) override {
    connection_.tell_unwanted(exchange);
    if (connection_.batch_is_open()) obey();
  }
  void relocated(Exchange& to) override { connection_.relocated(to); }

  // RuntimeObject
  void end_with_runtime() override { shut_down(); }
  std::string object_name() const override { return base::format("the ClientStream to {}", peer_); }

  static runtime::Task<void> read_loop(base::Ref<ClientStreamCore> self);
  static runtime::Task<void> write_loop(base::Ref<ClientStreamCore> self);
  bool on_read(const base::Result<std::size_t>& count);
  void end_batch();
  void check_deadlines(base::TimePoint now);
  void check_peer(base::TimePoint now);
  void on_timer();
  void arm_timer(base::TimePoint now);
  SentBytes sent_bytes() const;
  void terminate(base::Errc errc, std::string why);
  void deliver_failures();
  void obey();

  // Where pings are drafted: else as the channel of calls.
  struct Pings final : Channel {
    explicit Pings(ClientStreamCore& owner) : Channel(owner.runtime()), core(owner) {}
    wire::ByteSink& begin(Exchange& exchange, const wire::Action&, const CallOptions& options) override;
    void commit(Exchange& exchange, base::Blob&& blob) override { core.commit(exchange, std::move(blob)); }
    void refuse(Exchange& exchange, base::CallError why) override { core.refuse(exchange, std::move(why)); }
    void cancel(Exchange&) override {}  // they are the core's from `begin` on
    void relocated(Exchange&) override {}
    ClientStreamCore& core;
  };
  template <void (ClientStreamCore::*Method)()>
  struct Turn final : runtime::Runnable {
    explicit Turn(ClientStreamCore& owner)
        : Runnable([](Runnable& ready) { (static_cast<Turn&>(ready).core.*Method)(); }), core(owner) {}
    ClientStreamCore& core;
  };
  struct ConnectionTimer final : runtime::Timer {
    ConnectionTimer(runtime::Clock& clock, ClientStreamCore& owner)
        : Timer(clock, [](Timer& timer) { static_cast<ConnectionTimer&>(timer).core.on_timer(); }), core(owner) {}
    ClientStreamCore& core;
  };

  runtime::Clock& clock_;
  std::unique_ptr<runtime::ByteStream> stream_;  // null once ended
  runtime::Address local_;
  runtime::Address peer_;
  ClientCallObserver observer_;
  ClientConnection connection_;
  Pings pings_;
  runtime::Event write_wanted_;
  runtime::Event drained_;
  Turn<&ClientStreamCore::end_batch> ending_batch_;
  Turn<&ClientStreamCore::deliver_failures> delivering_;
  ConnectionTimer timer_;
  runtime::TaskScope loops_;
};

}  // namespace razor::stream
