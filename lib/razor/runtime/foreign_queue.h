#pragma once
// The one way from another thread into a Runtime: a lock-free stack that the Runtime empties in batches, with one
// wake-up per batch. Allocates nothing: the work is in objects that the sender owns.

#include <atomic>

namespace razor::runtime {

/// Work handed to a Runtime from any thread. Exactly one of `run` and `drop` is called, once; the object may be gone
/// after.
class PostedTask {
 public:
  virtual ~PostedTask() = default;
  /// On the Runtime's thread.
  virtual void run() = 0;
  /// The Runtime is gone. On whatever thread notices.
  virtual void drop() = 0;

 private:
  friend class ForeignQueue;
  PostedTask* next_ = nullptr;
};

/// For makers of Runtimes. Threads: `push` from any; the rest from the Runtime's own.
class ForeignQueue {
 public:
  enum class Pushed { wake_the_runtime, runtime_knows, closed };

  /// On `closed` the item was not taken: the caller drops it.
  Pushed push(PostedTask& item) {
    PostedTask* head = head_.load(std::memory_order_relaxed);
    do {
      if (head == &closed_) return Pushed::closed;
      item.next_ = head;
    } while (!head_.compare_exchange_weak(head, &item, std::memory_order_release, std::memory_order_relaxed));
    return head == nullptr ? Pushed::wake_the_runtime : Pushed::runtime_knows;
  }

  /// Runs what was pushed so far, in the order it was pushed.
  void run_all() {
    for (PostedTask* item = taken_in_order(nullptr); item != nullptr;) {
      PostedTask* next = item->next_;
      item->run();
      item = next;
    }
  }

  /// Drops what was pushed and takes no more.
  void close() {
    for (PostedTask* item = taken_in_order(&closed_); item != nullptr;) {
      PostedTask* next = item->next_;
      item->drop();
      item = next;
    }
  }

 private:
  struct Closed final : PostedTask {
    void run() override {}
    void drop() override {}
  };

  PostedTask* taken_in_order(PostedTask* replacement) {
    PostedTask* item = head_.exchange(replacement, std::memory_order_acquire);
    if (item == &closed_) return nullptr;
    PostedTask* reversed = nullptr;
    while (item != nullptr) {
      PostedTask* next = item->next_;
      item->next_ = reversed;
      reversed = item;
      item = next;
    }
    return reversed;
  }

  std::atomic<PostedTask*> head_ = nullptr;
  Closed closed_;
};

}  // namespace razor::runtime
