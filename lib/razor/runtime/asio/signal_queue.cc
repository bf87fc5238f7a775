#include "razor/runtime/asio/signal_queue.h"

#include <boost/asio/signal_set.hpp>

namespace razor::asio {

struct SignalQueue::State {
  State(std::shared_ptr<AsioCore> runtime_core, const std::vector<int>& signals)
      : core(std::move(runtime_core)), set(core->context()), changed(*core) {
    for (const int signal : signals) set.add(signal);
  }

  std::shared_ptr<AsioCore> core;
  boost::asio::signal_set set;  // one for all of them: it keeps those that come while nobody waits
  std::deque<int> received;
  runtime::Event changed;
};

SignalQueue::SignalQueue(std::shared_ptr<AsioCore> core, const std::vector<int>& signals)
    : state_(std::make_shared<State>(std::move(core), signals)) {
  receive(state_);
}

SignalQueue::~SignalQueue() {
  boost::system::error_code ignored;
  state_->set.cancel(ignored);  // clear() alone forgets the handler, which holds the set: both would leak
  state_->set.clear(ignored);
}

void SignalQueue::receive(const std::shared_ptr<State>& state) {
  state->set.async_wait([state](const boost::system::error_code& error, int signal) {
    if (error || state->core->closed()) return;
    AsioCore::Turn turn(*state->core);
    state->received.push_back(signal);
    state->changed.set();
    receive(state);
  });
}

bool SignalQueue::empty() const { return state_->received.empty(); }

int SignalQueue::take() {
  const int signal = state_->received.front();
  state_->received.pop_front();
  return signal;
}

runtime::Event& SignalQueue::changed() { return state_->changed; }

}  // namespace razor::asio
