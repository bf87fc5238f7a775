#pragma once
// Settings of a ClientStream. Each says its unit, what happens at the limit, and which file enforces it. What happens when
// the system refuses memory below these limits: base/out_of_memory.h.

#include <chrono>
#include <optional>
#include <type_traits>

#include "razor/base/bytes.h"
#include "razor/base/time.h"
#include "razor/runtime/transport.h"
#include "razor/stream/call_hook.h"
#include "razor/stream/deadline_wheel.h"
#include "razor/stream/hello_mode.h"
#include "razor/wire/frame.h"

namespace razor::stream {

struct ClientStreamConfig {
  /// Calls that were sent and have no answer yet. Above it, calls wait in the queue. (window.h)
  std::uint32_t window = 128;
  /// Calls that wait for the window, and the bytes of their frames. Above either, a call fails: overloaded, ran: no.
  /// (send_queue.h)
  std::uint32_t queue_calls_max = 1024;
  base::ByteCount queue_bytes_max = 64 * base::kMiB;
  /// Bytes that the transport has not taken yet, above which calls wait in the queue. (client_connection.h)
  base::ByteCount write_buffer_max = 256 * base::kKiB;

  /// Deadline of a call that names none, counted from its submission. (deadline_check.h) Zero or less leaves such a call no
  /// time: it fails, unsent.
  base::Duration call_timeout = std::chrono::seconds(20);
  /// Deadlines are checked in batches, once a tick: a call ends up to one tick after its deadline, never before it. Without
  /// a setting a tick is an eighth of the call's timeout, between 10 ms and 1 s; a setting (of 10 ms at least) is the tick
  /// of all calls: 1 s wakes the fewest times. (deadline_wheel.h)
  std::optional<base::Duration> tick = std::nullopt;
  /// Silence of the server, while it owes an answer, after which it is sent a ping, and how long its machine has to
  /// acknowledge bytes and its process to answer. A machine that does not is dead, and the connection ends. A process that
  /// does not is silent: nothing ends before its own deadline, but a pool sends new calls elsewhere. (keepalive.h)
  base::Duration ping_interval = std::chrono::seconds(1);
  base::Duration ping_timeout = std::chrono::seconds(2);
  /// A process counts as silent only if it answers pings ahead of earlier calls. Until it has shown that, a ping goes out
  /// right behind a call so often: with the first calls, and then again; max: never. A pool has its own. (client_connection.cc)
  base::Duration acquaint_interval = base::Duration::max();
  /// Whether more than plain version 1 is spoken with peers that can: how long callers wait, that they wait no more, and what
  /// failures say of their calls. (client_hello.h)
  HelloMode hello = HelloMode::automatic;
  /// For `ClientStream::connect`. (client_stream.cc)
  base::Duration connect_timeout = std::chrono::seconds(10);

  /// Sizes of what is sent (a larger call fails alone: too_large, ran: no) and accepted (a larger answer is a protocol
  /// error). (client_connection.cc, wire/frame.h)
  wire::FrameLimits limits{};

  /// How `ClientStream::connect` and pools connect; null: over the Runtime's network. Outlives the stream or pool.
  runtime::Transport* transport = nullptr;

  /// Is told of every call; null: nobody is. (call_hook.h)
  ClientCallHook* hook = nullptr;
};
static_assert(std::is_trivially_copyable_v<ClientStreamConfig>);

}  // namespace razor::stream

namespace razor {
using stream::ClientStreamConfig;
}  // namespace razor
