#pragma once
// AsioRuntime: the Runtime of production, on one Boost.Asio io_context and one thread.
//
//   razor::AsioRuntime runtime;                      // its own io_context, run by whoever calls run() or block_on()
//   razor::AsioRuntime runtime(io_context);          // one that the user owns and runs, on one thread
//   razor::AsioThread background;                    // its own io_context on a thread of its own, for blocking callers
//   razor::AsioThreads threads(4);                   // asio_threads.h: several, for a ServerGroup
//
// To await razor calls in an asio::awaitable, or start them with a completion token: razor/asio.h.

#include <exception>
#include <memory>
#include <stdexcept>
#include <thread>
#include <variant>
#include <vector>

#include "razor/runtime/asio/asio_config.h"
#include "razor/runtime/asio/outcome.h"
#include "razor/runtime/runtime.h"
#include "razor/runtime/task_scope.h"
#include "razor/runtime/thread_signal.h"

// Asio itself takes longer to compile than all of ours: only programs that use it include it.
namespace boost::asio {
class io_context;
}

namespace razor::asio {

class AsioCore;

class AsioRuntime final : public runtime::Runtime {
 public:
  /// Errors: throws boost::system::system_error when the system has no descriptor left for an epoll.
  explicit AsioRuntime(const AsioConfig& config = {});
  /// Lives on `context`, which outlives it and is run on one thread at a time. The runtime belongs to the thread that makes
  /// it, and from the first handler on to the thread that runs the context. Destroy the runtime on that thread, or while
  /// nobody runs the context: after `stop()`, or when the thread has been joined.
  explicit AsioRuntime(boost::asio::io_context& context, const AsioConfig& config = {});
  /// Ends what was made from the runtime (pools, streams, servers, remote channels), so that calls under way end `closed` by
  /// their completions; then destroys all tasks and drops what other threads posted. Handles of the former may be destroyed
  /// before it or after it, in any order, and used only before. ByteStreams, Listeners, Timers and Events are destroyed before
  /// it; on an io_context of the user's, at the latest with that.
  ~AsioRuntime() override;

  runtime::Clock& clock() override;
  runtime::Executor& executor() override;
  runtime::Random& random() override;
  runtime::Network& network() override;
  base::LogSink& log() override;

  boost::asio::io_context& context();

  /// Runs until `stop()`. Only with an io_context of its own.
  void run();
  /// Makes `run` return soon; a call before `run` counts. Any thread; not from a signal handler.
  void stop();

  /// Runs until `task` has finished and gives its result: how a plain main() calls coroutines. Only with an io_context
  /// of its own, while nobody runs it.
  /// Errors: throws what escaped the task; runtime_error after `stop()`, which destroys it.
  template <class T>
  T block_on(runtime::Task<T> task);

  /// The first of `signals` that the process receives from now on, without its usual effect:
  /// `co_await runtime.wait_for_signal(SIGINT, SIGTERM)`.
  /// Cancel: destroying the Task gives the signals their usual effect back.
  template <std::same_as<int>... Signal>
  runtime::Task<int> wait_for_signal(Signal... signals) {
    return wait_for_signals({signals...});  // no list in braces where it is awaited: g++ 12 refuses that
  }

 private:
  friend class AsioThread;
  friend class AsioThreads;
  friend class Restart;
  void run_until(const bool& finished);
  runtime::Task<int> wait_for_signals(std::vector<int> signals);

  AsioConfig config_;
  struct OwnContext;
  std::unique_ptr<OwnContext> own_context_;  // null where it is the user's
  std::shared_ptr<AsioCore> core_;
};

/// An AsioRuntime that runs on a background thread until it is destroyed.
///
/// Threads: all members from any thread but its own.
class AsioThread {
 public:
  explicit AsioThread(const AsioConfig& config = {});
  ~AsioThread();

  AsioRuntime& runtime() { return runtime_; }

  /// Calls `make()` on the background thread, runs the Task that it returns there, and waits for its result.
  /// Errors: throws what escaped `make` or the task; runtime_error when the runtime went first.
  template <class Make>
  auto block_on(Make make) -> typename std::invoke_result_t<Make&>::value_type;

 private:
  AsioRuntime runtime_;
  std::thread thread_;
};

// ---------------------------------------------------------------------------------------------------------------------

namespace detail {

/// Starts a Task on a Runtime's thread for a thread that waits.
template <class Make>
class BlockingRun final : public runtime::PostedTask {
 public:
  using T = typename std::invoke_result_t<Make&>::value_type;

  BlockingRun(runtime::Executor& executor, Make& make) : executor_(executor), make_(make) {}

  T wait() {
    executor_.post(*this);
    finished_.wait();
    return outcome_.take();
  }

  void run() override {
    WakeAtEnd wake(*this);
    try {
      runtime::Task<T> task = make_();
      executor_.spawn("AsioThread::block_on", finish(std::move(task), *this, std::move(wake)));
    } catch (...) {
      outcome_.fail(std::current_exception());
    }
  }
  void drop() override { WakeAtEnd wake(*this); }

 private:
  // Held by the coroutine, so that the thread wakes also when the Task is destroyed.
  class WakeAtEnd {
   public:
    explicit WakeAtEnd(BlockingRun& owner) : owner_(&owner) {}
    WakeAtEnd(WakeAtEnd&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    ~WakeAtEnd() {
      if (owner_ == nullptr) return;
      if (!owner_->outcome_.finished()) owner_->outcome_.fail("AsioThread::block_on: the runtime ended before the task");
      owner_->finished_.wake();
    }

   private:
    BlockingRun* owner_;
  };

  static runtime::Task<void> finish(runtime::Task<T> task, BlockingRun& run, WakeAtEnd) {
    co_await Outcome<T>::capture(std::move(task), run.outcome_);
  }

  runtime::Executor& executor_;
  Make& make_;
  Outcome<T> outcome_;
  runtime::ThreadSignal finished_;
};

}  // namespace detail

template <class T>
T AsioRuntime::block_on(runtime::Task<T> task) {
  Outcome<T> outcome;
  runtime::TaskScope scope(executor());  // after stop() nobody may write to this stack any more
  scope.spawn("AsioRuntime::block_on", Outcome<T>::capture(std::move(task), outcome));
  run_until(outcome.finished_flag());
  if (!outcome.finished()) outcome.fail("AsioRuntime::block_on: the runtime was stopped before the task ended");
  return outcome.take();
}

template <class Make>
auto AsioThread::block_on(Make make) -> typename std::invoke_result_t<Make&>::value_type {
  RAZOR_CHECK(!runtime_.executor().runs_in_this_thread(), "AsioThread::block_on from its own thread waits for itself");
  return detail::BlockingRun<Make>(runtime_.executor(), make).wait();
}

}  // namespace razor::asio

namespace razor {
using asio::AsioConfig;
using asio::AsioRuntime;
using asio::AsioThread;
}  // namespace razor
