#pragma once
// CancelGuard: ends the handler of a method in RAZOR_CANCELLABLE once nobody waits for it any more. In a turn of its own: the
// handler is suspended then, whoever ran when the news came.

#include "razor/runtime/runtime.h"
#include "razor/stream/responder.h"

namespace razor::api::detail {

class CancelGuard final : private stream::CancelListener, private runtime::Runnable, private runtime::Timer {
 public:
  /// The owner of a handler's coroutine. `stop` destroys the coroutine, and the guard with it.
  class Handler {
   public:
    virtual void stop() = 0;

   protected:
    ~Handler() = default;
  };

  /// All outlive it. Throws nothing.
  CancelGuard(stream::Responder& respond, Handler& handler)
      : Runnable([](Runnable& self) { static_cast<CancelGuard&>(self).handler_.stop(); }),
        Timer(respond.runtime().clock(), [](Timer& self) { static_cast<CancelGuard&>(self).handler_.stop(); }),
        handler_(handler),
        executor_(respond.runtime().executor()) {
    if (respond.stop_at() != base::TimePoint::max()) arm(respond.stop_at());
    respond.listen(*this);
  }

 private:
  void on_cancelled() override {
    if (!Runnable::is_linked()) executor_.schedule(*this);
  }

  Handler& handler_;
  runtime::Executor& executor_;
};

}  // namespace razor::api::detail
