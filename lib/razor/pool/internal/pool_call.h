#pragma once
// PoolCall: a call that a pool carries, from its submission to its end: the message, kept for further attempts, and the
// attempts in flight. Private to pool.

#include <memory>
#include <optional>

#include "razor/base/out_of_memory.h"
#include "razor/pool/internal/call_queue.h"
#include "razor/pool/internal/call_report.h"
#include "razor/runtime/frame_pool.h"
#include "razor/runtime/timer.h"
#include "razor/stream/call_options.h"
#include "razor/stream/exchange.h"
#include "razor/wire/byte_sink.h"

namespace razor::pool {

class Attempt;
class CallDriver;

/// Owned by its pool.
class PoolCall final : public QueuedCall {
 public:
  static void* operator new(std::size_t bytes) { return runtime::FramePool::allocate(bytes); }
  static void operator delete(void* call, std::size_t bytes) noexcept { runtime::FramePool::deallocate(call, bytes); }

  PoolCall(stream::Exchange& its_caller, const wire::Action& action, const stream::CallOptions& call_options)
      : caller(&its_caller), options(call_options), is_name_(action.is_name()), number_(action.number()) {
    memory_refused = !base::catching_bad_alloc([&] {
      extension_ = stream::keep_extension(options);
      name_and_message_.put(base::as_bytes(action.name()));
      name_bytes_ = action.name().size();
    });
  }

  wire::ByteSink& sink() { return name_and_message_; }
  wire::Action action() const {
    if (!is_name_) return wire::Action(number_);
    return wire::Action(base::as_text(name_and_message_.view().first(name_bytes_)));
  }
  base::ByteView message() const { return name_and_message_.view().subspan(name_bytes_); }
  base::ByteCount bytes() const { return name_and_message_.view().size() + blob.size(); }

  /// It is submitted: what its options leave to the pool is settled.
  void set_limits(base::TimePoint now, base::Duration timeout, base::Duration pool_hedge_after);

  bool has_attempts() const { return first != nullptr || hedge != nullptr; }
  void drop(Attempt& attempt) { (first == &attempt ? first : hedge) = nullptr; }

  struct CallTimer final : runtime::Timer {
    CallTimer(runtime::Clock& clock, CallDriver& owner, PoolCall& timed)
        : Timer(clock, [](Timer& timer) { static_cast<CallTimer&>(timer).fire(); }), driver(owner), call(timed) {}
    void fire();
    CallDriver& driver;
    PoolCall& call;
  };
  /// What only a call has that is tried again, hedged, or fails.
  struct RetryState {
    RetryState(runtime::Clock& clock, CallDriver& driver, PoolCall& call) : timer(clock, driver, call) {}
    CallTimer timer;  // of the back-off, or of the hedge
    TriedAddresses tried;
    std::optional<base::CallError> error;
  };
  void disarm() {
    if (retry_state) retry_state->timer.disarm();
  }

  /// What is kept of it while a hook is set.
  struct Observation : stream::CallObservation {
    runtime::Address peer{};  // of the last attempt
    std::uint32_t attempts = 0;
  };

  stream::Exchange* caller;
  base::Blob blob;
  stream::CallOptions options;  // its timeout is the effective one, once submitted
  Attempt* first = nullptr;
  Attempt* hedge = nullptr;
  std::unique_ptr<RetryState> retry_state;
  std::unique_ptr<Observation> observation;  // null where no hook is set
  bool memory_refused;          // for its name, or its metadata

 private:
  bool is_name_;
  std::uint32_t number_;
  std::size_t name_bytes_ = 0;
  std::unique_ptr<const wire::OwnedExtension> extension_;  // that the options refer to
  wire::InlineSink<160> name_and_message_;
};

/// All calls of a CallQueue that a pool owns are PoolCalls.
inline PoolCall& pool_call(QueuedCall& call) { return static_cast<PoolCall&>(call); }

}  // namespace razor::pool
