#pragma once
// Event: coroutines wait until it is set. It stays set until it is reset (a manual-reset event).

#include "razor/runtime/runtime.h"

namespace razor::runtime {

class Event {
 public:
  /// `executor` outlives the event.
  explicit Event(Executor& executor) : executor_(executor) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  /// Nobody may wait any more; who does is never woken.
  ~Event() = default;

  /// Wakes all who wait, through the ready queue, in the order they came.
  void set() {
    is_set_ = true;
    while (Runnable* waiter = waiters_.pop_front()) executor_.schedule(*waiter);
  }
  /// Who was woken before is woken still.
  void reset() { is_set_ = false; }
  bool is_set() const { return is_set_; }

  class [[nodiscard]] Wait final : public Waiter {
   public:
    explicit Wait(Event& event) : event_(event) {}
    bool await_ready() const noexcept { return event_.is_set_; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> waiting) {
      suspend(waiting);
      event_.waiters_.push_back(*this);
    }
    void await_resume() const noexcept {}

   private:
    Event& event_;
  };

  /// `co_await event.wait()`: at once when the event is set; destroying the await stops waiting.
  Wait wait() { return Wait(*this); }

 private:
  Executor& executor_;
  ReadyQueue waiters_;
  bool is_set_ = false;
};

/// For `with_deadline` and others that take a Task: ends when `event`, which outlives it, is set.
inline Task<void> until_set(Event& event) { co_await event.wait(); }

}  // namespace razor::runtime

namespace razor {
using runtime::Event;
}  // namespace razor
