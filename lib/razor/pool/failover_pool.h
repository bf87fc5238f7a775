#pragma once
// FailoverPool: a service that lives on several addresses, behind one handle. Each call goes to a healthy one: in turn, to
// the leader, or to the less busy of two. What was never sent moves freely; what may have run is sent again, elsewhere, only
// when it is idempotent, after a back-off, within a budget. An address that is not healthy is not
// used until it has answered a probe, and then gets its share of the calls back by and by.
//
//   razor::FailoverPoolConfig config;
//   config.balance = razor::Balance::least_in_flight;
//   razor::FailoverPool pool(runtime, {server1, server2, server3}, config);
//   razor::Client<Calculator> calc(pool);
//
// A handler's error type may send calls elsewhere ("I do not lead; ask server2:8082"): stream/failover.h.
//
// Order: the frames of one submitting thread keep their order on a connection. Across connections and retries there is none.

#include <vector>

#include "razor/base/ref.h"
#include "razor/pool/failover_pool_config.h"
#include "razor/pool/pool_state.h"
#include "razor/runtime/runtime.h"
#include "razor/stream/client_task.h"
#include "razor/stream/stream_call.h"

namespace razor::pool {

class PoolCore;

class FailoverPool {
 public:
  /// Ends with `runtime`, if that goes first; then it may only be destroyed. Nothing is connected before the first call. Without any address calls wait for one.
  FailoverPool(runtime::Runtime& runtime, std::vector<runtime::Address> addresses, const FailoverPoolConfig& config = {});
  FailoverPool(FailoverPool&&) noexcept;
  FailoverPool& operator=(FailoverPool&&) noexcept;
  /// Closes at once: what is under way fails with `closed`.
  /// Threads: any. From another thread than the runtime's the closing is done there, soon.
  ~FailoverPool();

  /// As ClientPool's.
  void submit(stream::ClientTask task);

  /// As ClientPool's.
  template <class Message>
  stream::StreamCall call(const wire::Action& action, const Message& message, const stream::CallOptions& options = {},
                          base::Blob blob = {});

  /// These are the addresses from now on. No call is lost: those under way on an address that is gone are still answered, and
  /// its connections end behind them. Addresses that stay keep their connections and their health.
  void update_addresses(std::vector<runtime::Address> addresses);

  /// As ClientPool's.
  runtime::Task<void> close(base::Duration limit);

  PoolState state() const;

  /// What `Client<Service>` is made with. Lives as long as the FailoverPool, which may be moved.
  stream::Channel& channel();
  operator stream::Channel&() { return channel(); }

 private:
  base::Ref<PoolCore> core_;
};

// ---------------------------------------------------------------------------------------------------------------------

template <class Message>
stream::StreamCall FailoverPool::call(const wire::Action& action, const Message& message, const stream::CallOptions& options,
                                      base::Blob blob) {
  return stream::StreamCall(
      channel(), action, options, [&message](wire::Encoder& to) { wire::encode(to, message); }, std::move(blob));
}

}  // namespace razor::pool

namespace razor {
using pool::FailoverPool;
}  // namespace razor
