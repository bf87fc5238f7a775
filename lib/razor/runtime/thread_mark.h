#pragma once
// ThreadMark: says which thread something belongs to, in one compare, and whether that thread has ended. A std::thread::id
// tells neither: comparing it costs a call, and the system gives the same one to a later thread.

#include <atomic>
#include <memory>

namespace razor::runtime {

/// Threads: any.
class ThreadMark {
 public:
  /// Of the calling thread; null unless it has asked for one by `make_here`.
  static const ThreadMark* here() { return here_; }

  /// The same, made when it is first asked for.
  /// Errors: throws std::bad_alloc.
  static std::shared_ptr<const ThreadMark> make_here();

  /// A mark that no thread has.
  static const ThreadMark* of_nobody();

  /// Its thread has ended. Who joined the thread sees that.
  bool thread_has_ended() const { return ended_.load(std::memory_order_acquire); }

 private:
  struct Owner;

  static inline constinit thread_local const ThreadMark* here_ = nullptr;
  std::atomic<bool> ended_ = false;
};

}  // namespace razor::runtime
