#pragma once
// ClientPool: connections to one address, behind one handle. It connects when calls come, again when a connection is lost,
// more than once when the windows are full; and closes what is idle. Calls that were never sent move to another connection;
// those that may have run are sent again only when they are idempotent.
//
//   razor::ClientPool pool(runtime, *razor::Address::parse("10.0.0.2:8082"));
//   razor::Client<Calculator> calc(pool);
//   razor::Reply<int> sum = co_await calc.add(1, 2);      // calc.blocking.add(1, 2) in any other thread; coroutines of
//                                                         // another runtime: stream/remote_channel.h
//   std::puts(pool.state().to_string().c_str());
//
// One deadline holds over everything: waiting, connecting, the window, every attempt and every back-off.
//
// Order: the frames of one submitting thread keep their order on a connection. Across connections and retries there is none.
//
// Where a call goes next: pool_core.cc -> call_driver.cc, where it waits for room, and call_policy.cc decides about retries
// -> endpoint.cc, which connects -> stream/client_stream.h.

#include "razor/base/ref.h"
#include "razor/pool/client_pool_config.h"
#include "razor/pool/pool_state.h"
#include "razor/runtime/runtime.h"
#include "razor/stream/client_task.h"
#include "razor/stream/stream_call.h"

namespace razor::pool {

class PoolCore;

class ClientPool {
 public:
  /// Ends with `runtime`, if that goes first; then it may only be destroyed. Nothing is connected before the first call.
  ClientPool(runtime::Runtime& runtime, runtime::Address address, const ClientPoolConfig& config = {});
  ClientPool(ClientPool&&) noexcept;
  ClientPool& operator=(ClientPool&&) noexcept;
  /// Closes at once: what is under way fails with `closed`.
  /// Threads: any. From another thread than the runtime's the closing is done there, soon.
  ~ClientPool();

  /// Hands a task over.
  /// Errors: by its completion: unreachable (with `fail_fast`, ran: no), overloaded, too_large, encode, closed (ran: no),
  ///         deadline_exceeded (no, maybe), connection_lost (maybe). Their text says which addresses were tried, what they
  ///         said, and how long each stage took.
  void submit(stream::ClientTask task);

  /// `co_await pool.call(action, message)`: an OwnedResponse. As of a ClientStream.
  template <class Message>
  stream::StreamCall call(const wire::Action& action, const Message& message, const stream::CallOptions& options = {},
                          base::Blob blob = {});

  /// Takes no new calls, waits for those that have not ended for at most `limit`, then fails them with `closed`, and ends all
  /// connections. May be called again, and beside `submit`.
  /// Cancel: destroying the Task stops waiting, not the closing.
  runtime::Task<void> close(base::Duration limit);

  PoolState state() const;

  /// What `Client<Service>` is made with. Lives as long as the ClientPool, which may be moved.
  stream::Channel& channel();
  operator stream::Channel&() { return channel(); }

 private:
  base::Ref<PoolCore> core_;
};

// ---------------------------------------------------------------------------------------------------------------------

template <class Message>
stream::StreamCall ClientPool::call(const wire::Action& action, const Message& message, const stream::CallOptions& options,
                                    base::Blob blob) {
  return stream::StreamCall(
      channel(), action, options, [&message](wire::Encoder& to) { wire::encode(to, message); }, std::move(blob));
}

}  // namespace razor::pool

namespace razor {
using pool::ClientPool;
}  // namespace razor
