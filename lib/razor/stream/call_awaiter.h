#pragma once
// CallAwaiter: a call that a coroutine awaits. The call is under way from the moment it is made, so calls are pipelined
// by making several before the first is awaited; no frame, no allocation.

#include <string>

#include "razor/base/check.h"
#include "razor/runtime/coroutine.h"
#include "razor/stream/channel.h"

namespace razor::stream {

/// Threads: the channel's.
class CallAwaiter : public Exchange, public runtime::Waiter {
 public:
  /// At most once, and not after the call was moved from: that ends the program.
  bool await_ready() noexcept {
    use("awaited");
    return done_;
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) {
    suspend(waiting);
    suspended_ = true;
  }

  /// True once awaiting gives the result at once.
  bool done() const { return done_; }

  /// The one that the call is made on. Not for a call in this process, which has none.
  runtime::Runtime& runtime() const {
    RAZOR_CHECK(channel() != nullptr, "the runtime of {} was asked for, but it is a call in this process and has none",
                name());
    return channel()->runtime();
  }
  /// What it calls: "CalculatorService.add".
  std::string name() const { return describe(); }

  /// Stops waiting, as destroying the call does; awaiting it gives `cancelled` then. The server may still run the
  /// request. Nothing happens when the call is done.
  void reset() {
    if (!done_) end_cancelled();
  }

 protected:
  CallAwaiter() = default;
  /// Not while a coroutine awaits it.
  CallAwaiter(CallAwaiter&& other) noexcept : Exchange(std::move(other)), Waiter(), done_(other.done_), used_(other.used_) {
    RAZOR_CHECK(!other.suspended_ || other.done_, "a call is moved while it is awaited");
    other.used_ = true;
  }
  ~CallAwaiter() = default;

  /// Its result is taken, once.
  void use(const char* how) {
    RAZOR_CHECK(!used_,
                "a call is {} that was awaited before, or moved from: a call ends once; keep its result, or make "
                "another call",
                how);
    used_ = true;
  }

  /// The answer has come: who awaits it goes on right here, below the read loop, which is at a point where anything may
  /// happen. Through the ready queue, a batch of answers would wait decoded, in memory that has left the cache by the time
  /// its callers run: that costs a fifth of the throughput.
  void finish_now() {
    done_ = true;
    if (suspended_) resume_now();
  }

  /// The call has failed. Failures are noticed anywhere, also below the code of other callers: who awaits this one goes on
  /// in a turn of its own.
  void finish_soon() {
    done_ = true;
    if (!suspended_) return;
    if (channel() == nullptr) return resume_now();  // a call in this process: it has no runtime of its own
    channel()->executor().schedule(*this);
  }

 private:
  bool done_ = false;
  bool suspended_ = false;
  bool used_ = false;
};

}  // namespace razor::stream
