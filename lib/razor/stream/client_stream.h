#pragma once
// ClientStream: one connection to a server, carrying many calls at a time.
//
// Requests go out in the order they are submitted, as many as the window admits; all that became ready together goes
// out in one write. Answers come in any order. Deadlines are checked once a tick. A server that stays silent while it
// owes an answer is pinged. When its machine acknowledges nothing, the connection ends; when its process does not answer,
// which a long computation does as well, calls wait until their own deadlines (keepalive.h). When the connection ends,
// every call on it ends, each with an error that says whether it may have run; a ClientStream never reconnects.
//
// Where a call goes next: client_session.h (window, seq, deadline) -> wire/output_buffer.h -> runtime/byte_stream.h;
// its answer comes back by `read_loop` in client_stream.cc.

#include <memory>

#include "razor/base/ref.h"
#include "razor/runtime/runtime.h"
#include "razor/stream/channel.h"
#include "razor/stream/client_stats.h"
#include "razor/stream/client_stream_config.h"
#include "razor/stream/client_stream_watcher.h"
#include "razor/stream/client_task.h"
#include "razor/stream/stream_call.h"

namespace razor::stream {

class ClientStreamCore;

class ClientStream {
 public:
  /// Connects to a server.
  ///
  /// Time:   at most `config.connect_timeout`.
  /// Errors: as Network::connect; timed_out; not_enough_memory.
  /// Threads: `runtime`'s. The stream ends with `runtime`, if that goes first; then it may
  ///          only be destroyed.
  static runtime::Task<base::Result<ClientStream>> connect(runtime::Runtime& runtime, runtime::Address address,
                                                           ClientStreamConfig config = {});
  /// Takes over a connection that exists.
  /// Errors: throws std::bad_alloc.
  ClientStream(runtime::Runtime& runtime, std::unique_ptr<runtime::ByteStream> stream, ClientStreamConfig config = {});

  ClientStream(ClientStream&&) noexcept;
  ClientStream& operator=(ClientStream&&) noexcept;
  /// Closes at once: what is under way fails with `closed`.
  /// Threads: any. From another thread than the runtime's the closing is done there, soon.
  ~ClientStream();

  /// Hands a task over.
  /// Errors: by its completion: unreachable (ran: no) when the connection has ended, overloaded (ran: no) when the queue
  ///         is full or memory is refused, too_large and encode (ran: no), deadline_exceeded, connection_lost.
  void submit(ClientTask task);

  /// `co_await stream.call(action, message)`: an OwnedResponse. The call starts now; destroying it stops waiting.
  template <class Message>
  StreamCall call(const wire::Action& action, const Message& message, const CallOptions& options = {}, base::Blob blob = {});
  /// The same with a message that is encoded already, or none.
  StreamCall call_encoded(const wire::Action& action, base::ByteView message, const CallOptions& options = {},
                          base::Blob blob = {});

  /// Asks the server for a sign of life: `success` when it gave one. It takes a place in the window, as a call does.
  StreamCall ping(const CallOptions& options = {});

  /// Takes no new calls, waits for the answers that are owed for at most `limit`, then fails what is left with `closed`
  /// and ends the connection. May be called again, and beside `submit`.
  /// Cancel: destroying the Task stops waiting, not the closing.
  runtime::Task<void> close(base::Duration limit);

  /// True until the connection has ended or `close` was called.
  bool is_open() const;
  /// Why it is not open any more, for a person; empty while it is.
  std::string end_reason() const;
  /// True while a call would go out at once; false while it would wait, or be refused.
  bool has_room() const;
  /// The server's process has not answered pings for a while, though its machine is alive. What was sent may still be
  /// answered.
  bool is_silent() const;
  /// When bytes came last, or the server began to owe an answer, whichever was later.
  base::TimePoint heard_at() const;
  /// False once its seqs are used up: it stays open, and takes no more calls.
  bool has_seqs() const;
  /// What is spoken, as far as it is known yet.
  HelloState hello() const;
  /// Its server closes, or wants the connection to end: no calls are lost by that.
  bool was_asked_to_leave() const;
  /// It ended, and all that had happened was that it sent a hello.
  bool was_closed_on_hello() const;
  /// `watcher` is told from now on, and lives until another one is, or null.
  void watch(ClientStreamWatcher* watcher);
  const runtime::Address& peer_address() const;
  ClientStats stats() const;

  /// What `Client<Service>` is made with. Lives as long as the ClientStream, which may be moved.
  Channel& channel();
  operator Channel&() { return channel(); }

 private:
  base::Ref<ClientStreamCore> core_;
};

// ---------------------------------------------------------------------------------------------------------------------

template <class Message>
StreamCall ClientStream::call(const wire::Action& action, const Message& message, const CallOptions& options,
                              base::Blob blob) {
  return StreamCall(
      channel(), action, options, [&message](wire::Encoder& to) { wire::encode(to, message); }, std::move(blob));
}

}  // namespace razor::stream

namespace razor {
using stream::ClientStream;
}  // namespace razor
