#pragma once
// OneAtATime: coroutines have their turns one after the other, in the order in which they asked. A server's only worker, say.
//
//   const OneAtATime::Turn turn = co_await worker.turn();   // until it is destroyed

#include <utility>

#include "razor/runtime/bounded_queue.h"
#include "razor/runtime/task.h"

namespace razor::test {

class OneAtATime {
  using Place = runtime::BoundedQueue<char>;

 public:
  /// `executor` outlives it.
  explicit OneAtATime(runtime::Executor& executor) : place_(executor, 1) { place_.try_send('x'); }

  class Turn {
   public:
    explicit Turn(Place& place) : place_(&place) {}
    Turn(Turn&& other) noexcept : place_(std::exchange(other.place_, nullptr)) {}
    ~Turn() {
      if (place_ != nullptr) place_->try_send('x');
    }

   private:
    Place* place_;
  };
  /// Cancel: destroying the Task gives up the place in the queue, or the turn.
  runtime::Task<Turn> turn() {
    (void)co_await place_.receive();
    co_return Turn(place_);
  }

 private:
  Place place_;  // the only one: whoever has received it has the turn
};

}  // namespace razor::test
