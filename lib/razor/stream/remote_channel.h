#pragma once
// RemoteChannel: a channel of another Runtime, for coroutines of this one. Calls go over there and their ends come back
// through the two Runtimes' queues for other threads, with one wake-up a batch.
//
//   // `pool` belongs to the runtime that runs the network
//   razor::RemoteChannel remote(my_runtime, pool);
//   razor::Client<Calculator> calc(remote);
//   razor::Reply<int> sum = co_await calc.add(1, 2);      // on my_runtime's thread, before and after
//
// Submitting never waits: what does not fit into the queue fails at once.

#include <cstdint>

#include "razor/base/ref.h"
#include "razor/stream/channel.h"

namespace razor::stream {

struct RemoteChannelConfig {
  /// Calls on their way to the other thread, which it has not taken yet. Above it a call fails: overloaded, ran: no.
  std::uint32_t queue_calls_max = 1024;
};

class RemoteChannelCore;

/// Threads: `home`'s.
class RemoteChannel {
 public:
  /// Calls that are made here go over `target`.
  ///
  /// Time:    a call's timeout begins when the target takes it; of its deadline the time that is left counts there.
  /// Life:    `target` outlives the RemoteChannel, or the program ends with a line that says so. Where `home` goes first, the
  ///          RemoteChannel ends with it, and only its destruction is left to do.
  /// Cancel:  a call whose caller stops waiting before the target has taken it is not sent; a later one is dropped there, and its
  ///          server hears that.
  RemoteChannel(runtime::Runtime& home, Channel& target, const RemoteChannelConfig& config = {});
  RemoteChannel(RemoteChannel&&) noexcept;
  RemoteChannel& operator=(RemoteChannel&&) noexcept;
  /// What is under way fails with `closed`.
  ~RemoteChannel();

  /// What `Client<Service>` is made with.
  Channel& channel();
  operator Channel&() { return channel(); }

 private:
  base::Ref<RemoteChannelCore> core_;
};

}  // namespace razor::stream

namespace razor {
using stream::RemoteChannel;
}  // namespace razor
