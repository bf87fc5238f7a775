#pragma once
// BoundedQueue<T>: a bounded queue between coroutines of one Runtime, first in, first out. Senders wait while it is full,
// receivers while it is empty; both are served in the order they came.

#include <deque>
#include <optional>
#include <utility>

#include "razor/runtime/runtime.h"

namespace razor::runtime {

template <class T>
class BoundedQueue {
 public:
  /// `capacity` is at least 1. `executor` outlives the queue.
  BoundedQueue(Executor& executor, std::size_t capacity) : executor_(executor), capacity_(capacity) {
    RAZOR_CHECK(capacity > 0, "a queue without capacity passes nothing on");
  }
  BoundedQueue(const BoundedQueue&) = delete;
  BoundedQueue& operator=(const BoundedQueue&) = delete;
  /// Who waits is never woken. Who was woken finds the queue closed and empty.
  ~BoundedQueue() {
    woken_.for_each([](Woken& waiter) {
      waiter.queue = nullptr;
      waiter.promised = false;
    });
  }

  class Send;
  class Receive;

  /// `co_await queue.send(value)`: true when it was queued, false when the queue is or was closed meanwhile.
  /// Cancel: destroying the await takes the value back, unless it was queued.
  Send send(T value) { return Send(*this, std::move(value)); }

  /// `co_await queue.receive()`: the next value, or nothing once the queue is closed and empty.
  /// Cancel: destroying the await takes no value; one that it had been promised goes to the next receiver.
  Receive receive() { return Receive(*this); }

  /// Queues `value` if there is room and nobody waits to send; false (and `value` untouched) otherwise.
  bool try_send(T&& value) {
    if (closed_ || queue_.size() >= capacity_ || promised_places_ > 0 || !senders_.empty()) return false;
    queue_.push_back(std::move(value));
    promise_value();
    return true;
  }

  /// The next value that is not promised to a waiting receiver.
  std::optional<T> try_receive() {
    if (queue_.size() <= promised_values_) return std::nullopt;
    return take();
  }

  /// No more sends. What is queued can still be received.
  void close() {
    closed_ = true;
    while (Runnable* sender = senders_.pop_front()) wake(static_cast<Send&>(*sender));
    while (Runnable* receiver = receivers_.pop_front()) wake(static_cast<Receive&>(*receiver));
  }

  bool closed() const { return closed_; }
  std::size_t size() const { return queue_.size(); }
  std::size_t capacity() const { return capacity_; }

 private:
  struct WokenTag {};

  // A waiter that was woken and has not run yet: the queue may be destroyed before it does.
  struct Woken : base::ListLink<WokenTag> {
    explicit Woken(BoundedQueue& owner) : queue(&owner) {}
    BoundedQueue* queue;       // null once that is gone
    bool promised = false;  // a value, or a place
  };

  template <class Waiting>
  void wake(Waiting& waiter) {
    woken_.push_back(waiter);
    executor_.schedule(waiter);
  }

  // A woken waiter runs only in a later turn. What it was woken for is promised to it until then: a value to a
  // receiver, a place to a sender. Both give the promise on when they are destroyed instead.

  void promise_value() {
    if (queue_.size() <= promised_values_) return;
    if (Runnable* receiver = receivers_.pop_front()) {
      ++promised_values_;
      static_cast<Receive*>(receiver)->promised = true;
      wake(static_cast<Receive&>(*receiver));
    }
  }

  void promise_place() {
    if (queue_.size() + promised_places_ >= capacity_) return;
    if (Runnable* sender = senders_.pop_front()) {
      ++promised_places_;
      static_cast<Send*>(sender)->promised = true;
      wake(static_cast<Send&>(*sender));
    }
  }

  T take() {
    T value = std::move(queue_.front());
    queue_.pop_front();
    promise_place();
    return value;
  }

  Executor& executor_;
  std::size_t capacity_;
  std::deque<T> queue_;
  std::size_t promised_values_ = 0;
  std::size_t promised_places_ = 0;
  ReadyQueue senders_;
  ReadyQueue receivers_;
  base::IntrusiveList<Woken, WokenTag> woken_;
  bool closed_ = false;
};

// ---------------------------------------------------------------------------------------------------------------------

template <class T>
class [[nodiscard]] BoundedQueue<T>::Send final : public Waiter, private Woken {
 public:
  Send(BoundedQueue& queue, T value) : Woken(queue), value_(std::move(value)) {}
  /// Only before it is awaited.
  Send(Send&& other) noexcept : Send(*other.queue, std::move(other.value_)) {}
  ~Send() {
    if (!this->promised) return;
    --this->queue->promised_places_;
    this->queue->promise_place();
  }

  bool await_ready() {
    if (this->queue->closed_) return true;
    queued_ = this->queue->try_send(std::move(value_));
    return queued_;
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) {
    suspend(waiting);
    this->queue->senders_.push_back(*this);
  }
  bool await_resume() {
    static_cast<base::ListLink<WokenTag>&>(*this).unlink();
    if (this->promised) {
      this->promised = false;
      --this->queue->promised_places_;
      if (!this->queue->closed_) {
        this->queue->queue_.push_back(std::move(value_));
        this->queue->promise_value();
        this->queue->promise_place();  // a place may have become free while this one was promised
        queued_ = true;
      }
    }
    return queued_;
  }

 private:
  friend BoundedQueue;
  T value_;
  bool queued_ = false;
};

template <class T>
class [[nodiscard]] BoundedQueue<T>::Receive final : public Waiter, private Woken {
 public:
  explicit Receive(BoundedQueue& queue) : Woken(queue) {}
  /// Only before it is awaited.
  Receive(Receive&& other) noexcept : Receive(*other.queue) {}
  ~Receive() {
    if (!this->promised) return;
    --this->queue->promised_values_;
    this->queue->promise_value();
  }

  bool await_ready() {
    received_ = this->queue->try_receive();
    return received_.has_value() || this->queue->closed_;
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) {
    suspend(waiting);
    this->queue->receivers_.push_back(*this);
  }
  std::optional<T> await_resume() {
    static_cast<base::ListLink<WokenTag>&>(*this).unlink();
    if (this->queue == nullptr) return std::move(received_);
    if (this->promised) {
      this->promised = false;
      --this->queue->promised_values_;
      received_ = this->queue->take();
    } else if (!received_) {
      received_ = this->queue->try_receive();  // woken by close(); but a cancelled receiver may have left a value behind
    }
    return std::move(received_);
  }

 private:
  friend BoundedQueue;
  std::optional<T> received_;
};

}  // namespace razor::runtime

namespace razor {
using runtime::BoundedQueue;
}  // namespace razor
