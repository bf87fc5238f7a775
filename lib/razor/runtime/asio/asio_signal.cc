// AsioRuntime::wait_for_signal.

#include <boost/asio/signal_set.hpp>

#include "razor/runtime/asio/asio_core.h"
#include "razor/runtime/asio/asio_runtime.h"

namespace razor::asio {
namespace {

// Shared by the Task that waits and the handler that Asio holds.
struct SignalWait {
  SignalWait(std::shared_ptr<AsioCore> runtime_core, const std::vector<int>& signals)
      : core(std::move(runtime_core)), set(core->context()) {
    for (const int signal : signals) set.add(signal);
  }

  std::shared_ptr<AsioCore> core;
  boost::asio::signal_set set;
  runtime::Waiter* waiter = nullptr;
  int received = 0;
};

void listen_for(const std::shared_ptr<SignalWait>& wait) {
  wait->set.async_wait([wait](const boost::system::error_code& error, int signal) {
    if (error || wait->core->closed()) return;
    wait->received = signal;
    if (wait->waiter == nullptr) return;
    AsioCore::Turn turn(*wait->core);
    wait->core->schedule(*std::exchange(wait->waiter, nullptr));
  });
}

class Received final : public runtime::Waiter {
 public:
  explicit Received(SignalWait& wait) : wait_(wait) {}
  ~Received() { wait_.waiter = nullptr; }
  bool await_ready() const { return wait_.received != 0; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) {
    suspend(waiting);
    wait_.waiter = this;
  }
  void await_resume() const {}

 private:
  SignalWait& wait_;
};

class CancelAtEnd {
 public:
  explicit CancelAtEnd(std::shared_ptr<SignalWait> wait) : wait_(std::move(wait)) {}
  CancelAtEnd(CancelAtEnd&&) = default;
  ~CancelAtEnd() {
    if (wait_ == nullptr) return;
    boost::system::error_code ignored;
    wait_->set.cancel(ignored);  // clear() alone forgets the handler, which holds the set: both would leak
    wait_->set.clear(ignored);
  }
  SignalWait& operator*() const { return *wait_; }

 private:
  std::shared_ptr<SignalWait> wait_;
};

runtime::Task<int> receive(CancelAtEnd wait) {
  co_await Received(*wait);
  co_return (*wait).received;
}

}  // namespace

runtime::Task<int> AsioRuntime::wait_for_signals(std::vector<int> signals) {
  auto wait = std::make_shared<SignalWait>(core_, signals);
  listen_for(wait);
  return receive(CancelAtEnd(std::move(wait)));
}

}  // namespace razor::asio
