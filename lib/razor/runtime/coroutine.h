#pragma once
// What all coroutines of the library share: how one is resumed, finished and destroyed.
//
// Three rules differ from textbook coroutines (lib/design.md, decision 1):
//  - No symmetric transfer. `co_await child` runs the child inline, on the stack of its parent; a child that finishes
//    later resumes the parent from its final suspension. Stack depth is the nesting of calls.
//  - A coroutine that is destroyed while it, or one that it waits for, is on the stack is destroyed when control leaves
//    them: at the next suspension. Code between the destruction and that point still runs, and what it refers to lives.
//  - Destroying a suspended coroutine cancels what it waits for: every awaiter takes itself out of the list it is in.

#include <concepts>
#include <coroutine>
#include <exception>
#include <utility>

#include "razor/base/check.h"
#include "razor/runtime/frame_pool.h"
#include "razor/runtime/runnable.h"

namespace razor::runtime {

/// Told when a coroutine has finished. May destroy that coroutine.
class Continuation {
 public:
  virtual void child_finished() = 0;

 protected:
  ~Continuation() = default;
};

class ChildAwaiter;

/// The part of a coroutine's promise that does not depend on its result type.
class PromiseBase {
 public:
  PromiseBase() = default;
  PromiseBase(const PromiseBase&) = delete;
  PromiseBase& operator=(const PromiseBase&) = delete;

  static void* operator new(std::size_t bytes) { return FramePool::allocate(bytes); }
  static void operator delete(void* frame, std::size_t bytes) noexcept { FramePool::deallocate(frame, bytes); }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  auto final_suspend() const noexcept { return FinalAwaiter{}; }
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }

  /// Runs the coroutine until it suspends or finishes. It must be suspended and not finished. `this` may be gone after.
  void resume();

  /// Destroys the coroutine: now, or, when it or one that it waits for is on the stack, as soon as that suspends. Its
  /// continuation is not told.
  void destroy();

  /// It is awaited, or spawned, from now on: that happens once.
  void claim(const char* how) {
    RAZOR_CHECK(!claimed_,
                "a Task or Call is {} that was awaited or spawned before: each is used once; keep its result, or "
                "make another one",
                how);
    claimed_ = true;
  }

  /// It ran to its end; its result, or `exception()`, can be taken.
  bool finished() const { return finished_; }
  /// What escaped the coroutine; null when nothing did.
  const std::exception_ptr& exception() const { return exception_; }

  /// Who is told when the coroutine finishes from now on; null for nobody. Must outlive the coroutine or be taken back.
  void set_continuation(Continuation* continuation) { continuation_ = continuation; }

  /// This coroutine if it is on the stack, else the outermost one there of those that it waits for; null for none.
  PromiseBase* running();

 protected:
  ~PromiseBase() = default;

  void set_handle(std::coroutine_handle<> handle) { handle_ = handle; }

 private:
  friend ChildAwaiter;

  // Lives on the stack of `resume`: how destroy() reaches a coroutine that is further down the same stack.
  struct Activation {
    bool frame_is_gone = false;
    PromiseBase* destroy_at_end = nullptr;  // this coroutine, or one that waits for it
  };

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <std::derived_from<PromiseBase> Promise>
    void await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      PromiseBase& promise = self.promise();
      promise.finished_ = true;
      // May destroy the frame, and this awaiter with it: nothing may follow.
      if (promise.continuation_ != nullptr) promise.continuation_->child_finished();
    }
    void await_resume() const noexcept {}
  };

  std::coroutine_handle<> handle_;
  Continuation* continuation_ = nullptr;
  ChildAwaiter* awaited_ = nullptr;  // while it waits for other coroutines
  Activation* activation_ = nullptr;
  std::exception_ptr exception_;
  bool finished_ = false;
  bool claimed_ = false;
};

inline void PromiseBase::resume() {
  Activation activation;
  activation_ = &activation;
  handle_.resume();
  if (!activation.frame_is_gone) activation_ = nullptr;
  if (activation.destroy_at_end != nullptr) [[unlikely]]
    activation.destroy_at_end->handle_.destroy();
}

inline void PromiseBase::destroy() {
  continuation_ = nullptr;
  if (finished_) {
    if (activation_ != nullptr) activation_->frame_is_gone = true;
  } else if (PromiseBase* on_the_stack = running()) {
    on_the_stack->activation_->destroy_at_end = this;
    return;
  }
  handle_.destroy();
}

/// An awaiter through which a coroutine, the parent, waits for others, its children.
class ChildAwaiter : public Continuation {
 public:
  /// Which of the children, or of those that they wait for, is on the stack, the outermost there; null for none.
  virtual PromiseBase* running_child() = 0;

 protected:
  ~ChildAwaiter() = default;

  /// False before `suspend_parent` and after `resume_parent`.
  bool parent_waits() const { return parent_ != nullptr; }
  void suspend_parent(PromiseBase& parent) {
    parent_ = &parent;
    parent.awaited_ = this;
  }
  /// `this` may be gone after.
  void resume_parent() {
    parent_->awaited_ = nullptr;
    std::exchange(parent_, nullptr)->resume();
  }
  /// The parent is being destroyed: as it saw that nothing below is on the stack, `child` need not look again.
  static void abandon(PromiseBase& child) {
    child.continuation_ = nullptr;
    child.awaited_ = nullptr;
  }

 private:
  PromiseBase* parent_ = nullptr;
};

inline PromiseBase* PromiseBase::running() {
  if (activation_ != nullptr) return this;
  return awaited_ != nullptr ? awaited_->running_child() : nullptr;
}

/// A coroutine that waits in a list or in the ready queue. The base of the library's awaiters: destroying it, which is
/// what destroying the coroutine does, takes it out of whatever it waits in.
class Waiter : public Runnable {
 public:
  Waiter() : Runnable(&Waiter::resume_waiting) {}

  /// Notes who waits. Call it from `await_suspend`.
  template <class Promise>
  void suspend(std::coroutine_handle<Promise> waiting) {
    static_assert(std::derived_from<Promise, PromiseBase>,
                  "razor awaitables are awaited in razor coroutines (Task, Call); in an asio::awaitable wrap them: "
                  "co_await razor::asio::use(...)");
    waiting_ = &waiting.promise();
  }

  /// Resumes the coroutine right here, instead of through the ready queue.
  void resume_now() { waiting_->resume(); }

 private:
  static void resume_waiting(Runnable& ready) { static_cast<Waiter&>(ready).resume_now(); }

  PromiseBase* waiting_ = nullptr;
};

}  // namespace razor::runtime
