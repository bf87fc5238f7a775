#pragma once
// A Executor and a Clock that a test drives by hand: nothing runs, and no time passes, unless the test says so. For
// tests of what is built on them (Event, Channel, Task); what a whole Runtime promises is tested in
// tests/runtime/conformance_test.h.

#include <optional>

#include "razor/runtime/runtime.h"

namespace razor::test {

/// Threads: one, whichever it is; `post` too.
class ManualExecutor final : public runtime::Executor {
 public:
  ~ManualExecutor() override {
    foreign_.close();
    destroy_roots();
  }

  void schedule(runtime::Runnable& work) override { ready_.push_back(work); }
  void post(runtime::PostedTask& work) override {
    if (foreign_.push(work) == runtime::ForeignQueue::Pushed::closed) work.drop();
  }
  bool runs_in_this_thread() const override { return true; }

  /// Runs what became ready first; false when nothing is ready.
  bool run_one() {
    runtime::Runnable* work = ready_.pop_front();
    if (work != nullptr) work->run();
    return work != nullptr;
  }
  /// Runs the n-th, from 0, of what is ready: some other order than the one it came in.
  void run_nth(std::size_t n) {
    runtime::ReadyQueue later;
    for (; n > 0; --n) later.push_back(*ready_.pop_front());
    runtime::Runnable& work = *ready_.pop_front();
    later.splice_back(ready_);
    ready_.splice_back(later);
    work.run();
  }
  /// Runs what is ready, and what becomes ready meanwhile, until nothing is.
  void run_all() {
    run_posted();
    while (run_one()) {
    }
  }
  /// Runs what was posted.
  void run_posted() { foreign_.run_all(); }
  std::size_t ready_count() const { return ready_.size(); }
  /// Coroutines that were spawned and have not finished.
  std::size_t roots_count() { return roots().size(); }

 private:
  runtime::ReadyQueue ready_;
  runtime::ForeignQueue foreign_;
};

class ManualClock final : public runtime::Clock {
 public:
  base::TimePoint now() const override { return now_; }
  /// Fires the timers whose time has come by `at`, all of them with `now()` at `at`.
  void advance_to(base::TimePoint at) {
    now_ = at;
    while (timers_.fire_one(now_)) {
    }
  }
  void advance(base::Duration span) { advance_to(now_ + span); }
  std::size_t timers_armed() const { return timers_.size(); }
  /// When the next timer fires; max when none is armed.
  base::TimePoint next_timer() const { return timers_.empty() ? base::TimePoint::max() : timers_.earliest(); }

 protected:
  void arm(runtime::Timer& timer, base::TimePoint at) override { timers_.insert(timer, at); }
  void disarm(runtime::Timer& timer) override { timers_.remove(timer); }

 private:
  base::TimePoint now_{};
  runtime::TimerQueue timers_;
};

/// Starts a Task that nobody awaits, here and now, and keeps what it ends with: for tests that look at a coroutine from
/// outside, step by step. Destroying it cancels the Task.
template <class T>
class Running final : public runtime::Continuation {
 public:
  explicit Running(runtime::Task<T> task) : task_(std::move(task)) {
    task_.promise().set_continuation(this);
    task_.promise().resume();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  bool finished() const { return finished_; }
  /// Errors: throws what escaped the Task.
  T take() { return task_.promise().take(); }
  void cancel() { task_.reset(); }

  void child_finished() override { finished_ = true; }

 private:
  runtime::Task<T> task_;
  bool finished_ = false;
};

}  // namespace razor::test
