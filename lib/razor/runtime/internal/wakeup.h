#pragma once
// Wakeup: wakes its owner on the thread of a Runtime, once for any number of requests meanwhile. Private to runtime.

#include <atomic>
#include <memory>
#include <utility>

#include "razor/runtime/runtime.h"

namespace razor::runtime {

/// Threads: `request` and `stop` are called with the owner's mutex held.
class Wakeup final : private PostedTask {
 public:
  using Run = void (*)(void* owner);
  Wakeup(Executor& executor, Run run, void* owner) : executor_(&executor), run_(run), owner_(owner) {}

  /// `keep` owns the owner until it was woken.
  void request(std::shared_ptr<void> keep) {
    if (executor_ == nullptr || is_posted_.exchange(true, std::memory_order_acquire)) return;
    keep_ = std::move(keep);
    executor_->post(*this);
  }
  /// Nothing is woken any more. On the Runtime's thread.
  void stop() { executor_ = nullptr; }

 private:
  void run() override {
    const std::shared_ptr<void> keep = std::move(keep_);
    is_posted_.store(false, std::memory_order_release);  // what is requested from here on needs another run
    run_(owner_);
  }
  // The Runtime is gone, and nothing is woken there again. It may happen inside `request`, whose caller owns the owner too.
  void drop() override { const std::shared_ptr<void> keep = std::move(keep_); }

  Executor* executor_;
  Run run_;
  void* owner_;
  std::atomic<bool> is_posted_ = false;
  std::shared_ptr<void> keep_;  // of who posted it, then of who runs it
};

}  // namespace razor::runtime
