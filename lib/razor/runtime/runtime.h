#pragma once
// Runtime: the seam. Time, chance, the network and the thread reach the library only through it, so the same compiled
// library runs on Boost.Asio (runtime/asio) and inside a simulated world.
//
// One Runtime, one thread: all that is made from a Runtime belongs to its thread, unless it says otherwise. Other
// threads come in through `Executor::post`.

#include <cstdint>
#include <memory>
#include <string_view>

#include "razor/base/log.h"
#include "razor/base/time.h"
#include "razor/runtime/byte_stream.h"
#include "razor/runtime/foreign_queue.h"
#include "razor/runtime/handler_fault.h"
#include "razor/runtime/lookup_error.h"
#include "razor/runtime/root_task.h"
#include "razor/runtime/runnable.h"
#include "razor/runtime/runtime_object.h"
#include "razor/runtime/task.h"
#include "razor/runtime/timer.h"
#include "razor/runtime/trace.h"
#include "razor/runtime/transport.h"

namespace razor::runtime {

/// The Runtime's monotonic clock.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Costs about 25 ns on real machines: loops read it once per batch.
  virtual base::TimePoint now() const = 0;

  class Sleep;
  /// `co_await clock.sleep_until(at)`; destroying the await disarms it.
  Sleep sleep_until(base::TimePoint at);
  Sleep sleep_for(base::Duration span);

 protected:
  friend class Timer;
  virtual void arm(Timer& timer, base::TimePoint at) = 0;
  virtual void disarm(Timer& timer) = 0;
};

/// Runs work on the Runtime's thread.
class Executor {
 public:
  Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor();

  /// Runs `work` in a turn of its own, soon. It must be in no list. On the Runtime's thread only.
  virtual void schedule(Runnable& work) = 0;

  /// Runs `work` on the Runtime's thread, in the order of posting. Any thread. After the Runtime is gone, or while it
  /// goes, `work` is dropped, possibly before `post` returns. The Runtime object must outlive the call.
  virtual void post(PostedTask& work) = 0;

  /// False when another thread runs this Runtime now: then only `post` may be used.
  virtual bool runs_in_this_thread() const = 0;

  /// Why the calling thread must not use what was made from this Runtime now, and what to do instead, for a person; empty
  /// when it may: it runs the Runtime, or nobody does. Any thread.
  virtual std::string why_not_here() const { return {}; }

  /// True when it is certain that no other thread runs this Runtime now, nor is about to. Any thread.
  virtual bool is_free_here() const { return why_not_here().empty(); }

  /// Ends the program, with a message that names `object`, unless the calling thread may use it now. Costs one compare.
  void check_use(std::string_view object) const {
    if (life_->owner.load(std::memory_order_relaxed) != ThreadMark::here()) [[unlikely]]
      check_use_slowly(object);
  }

  /// Runs `task` to its end, from the next turn on. `name` appears when an exception escapes it, which ends the
  /// program; it must outlive the task (a literal). The Runtime owns the task and destroys it when it is closed.
  void spawn(std::string_view name, Task<void> task);

 protected:
  friend class TaskScope;
  RootList& roots() { return roots_; }
  /// For makers: destroys all roots, also those that are destroyed by destroying others.
  void destroy_roots() { cancel_all(roots_); }
  /// For makers: ends all RuntimeObjects whose handles are still there, oldest first. Their completions run.
  void end_objects();
  /// For makers whose Executor outlives the Runtime: the Runtime is gone, for its RuntimeObjects too.
  void end_life();
  RuntimeLife& life() const { return *life_; }

 private:
  friend class RuntimeObject;

  void check_use_slowly(std::string_view object) const;

  RootList roots_;
  std::shared_ptr<RuntimeLife> life_;
};

/// Chance. Real entropy in production; derived from the world's seed in simulation.
class Random {
 public:
  virtual ~Random() = default;

  /// A seed for a generator of the caller's own. Every purpose has its own sequence of seeds: drawing for one moves no
  /// draw of another.
  virtual std::uint64_t seed_for(std::string_view purpose) = 0;
};

/// The Runtime's own Transport: the network of its machine.
class Network : public Transport {
 public:
  /// How many connections one server should hold at most: the smaller of 10,000 and what the system leaves us.
  virtual std::uint32_t connections_max() const = 0;
  /// A connection that a Runtime of the same maker, on the same machine, has accepted and detached belongs to this one from now on.
  /// On this Runtime's thread.
  ///
  /// Errors: operation_not_supported for one of another maker or machine; what the system says. The connection is closed then.
  virtual base::Result<std::unique_ptr<ByteStream>> adopt(std::unique_ptr<DetachedStream>) {
    return std::errc::operation_not_supported;
  }
};

class Runtime {
 public:
  virtual ~Runtime() = default;

  virtual Clock& clock() = 0;
  virtual Executor& executor() = 0;
  virtual Random& random() = 0;
  virtual Network& network() = 0;
  virtual base::LogSink& log() = 0;

  /// Who is told of calls and the like; null: nobody, as by default. May change between two turns.
  TraceSink* trace() const { return trace_; }
  /// Who lets requests go wrong that are served here (request_trouble.h); null: nobody, as in production.
  HandlerFaultRule* handler_faults() const { return handler_faults_; }

 protected:
  /// For makers. The sink outlives the Runtime, or is taken back before.
  void set_trace(TraceSink* sink) { trace_ = sink; }
  /// For makers. It outlives the Runtime.
  void set_handler_faults(HandlerFaultRule* rule) { handler_faults_ = rule; }

 private:
  TraceSink* trace_ = nullptr;
  HandlerFaultRule* handler_faults_ = nullptr;
};

// ---------------------------------------------------------------------------------------------------------------------

class [[nodiscard]] Clock::Sleep final : public Waiter {
 public:
  Sleep(Clock& clock, base::TimePoint at) : clock_(clock), timer_(clock, *this), at_(at) {}
  /// Only before it is awaited, as with all awaiters.
  Sleep(Sleep&& other) noexcept : Sleep(other.clock_, other.at_) {}

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) {
    suspend(waiting);
    timer_.arm(at_);
  }
  void await_resume() const noexcept {}

 private:
  struct WakeTimer final : Timer {
    WakeTimer(Clock& clock, Sleep& owner)
        : Timer(clock, [](Timer& timer) { static_cast<WakeTimer&>(timer).sleep.resume_now(); }), sleep(owner) {}
    Sleep& sleep;
  };

  Clock& clock_;
  WakeTimer timer_;
  base::TimePoint at_;
};

inline Clock::Sleep Clock::sleep_until(base::TimePoint at) { return Sleep(*this, at); }
inline Clock::Sleep Clock::sleep_for(base::Duration span) { return Sleep(*this, base::saturating_add(now(), span)); }

}  // namespace razor::runtime

namespace razor {
using runtime::Runtime;
}  // namespace razor
