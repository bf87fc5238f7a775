#pragma once
// Code on a thread of its own, beside a runtime that is certainly run: a blocking call that begins before that ends the program.

#include <functional>
#include <thread>

#include "razor/razor.h"

namespace razor::test {

/// A task for the runtime's thread: starts the other one, and ends when `code` has.
inline runtime::Task<void> on_another_thread(runtime::Runtime& runtime, std::function<void()> code) {
  struct Ended final : runtime::PostedTask {
    explicit Ended(runtime::Event& ended) : event(ended) {}
    void run() override { event.set(); }
    void drop() override {}
    runtime::Event& event;
  };
  runtime::Event event(runtime.executor());
  Ended ended(event);
  std::thread thread([&] {
    code();
    runtime.executor().post(ended);
  });
  co_await event.wait();
  thread.join();
}

}  // namespace razor::test
