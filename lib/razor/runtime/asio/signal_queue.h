#pragma once
// SignalQueue: signals that the process receives, one after the other, none lost between two. Private to runtime/asio.
// AsioRuntime::wait_for_signal waits for one alone.

#include <deque>
#include <memory>
#include <vector>

#include "razor/runtime/asio/asio_core.h"
#include "razor/runtime/event.h"

namespace razor::asio {

class SignalQueue {
 public:
  /// From here on the signals have no other effect. It goes before `core` is closed.
  SignalQueue(std::shared_ptr<AsioCore> core, const std::vector<int>& signals);
  SignalQueue(const SignalQueue&) = delete;
  /// Gives the signals their usual effect back.
  ~SignalQueue();

  bool empty() const;
  /// The first of those that have come.
  int take();
  /// Set when a signal comes; whoever waits resets it before.
  runtime::Event& changed();

 private:
  struct State;
  static void receive(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;  // shared with the handler that Asio holds
};

}  // namespace razor::asio
