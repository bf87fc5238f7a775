// HeldPongs against a model that keeps the set of requests before each ping. A pong too early makes a reference client stop
// reading; one that is never released makes it time out.

#include "razor/stream/internal/held_pongs.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "tests/support/pick.h"

namespace razor::stream {
namespace {

RC_GTEST_PROP(HeldPongs, EachIsReleasedExactlyWhenAllBeforeItIsAnswered, ()) {
  HeldPongs held;
  std::set<wire::Seq> running;
  std::vector<wire::Seq> waiting;
  wire::Seq next = 1;
  const int steps = test::pick(0, 300);
  for (int i = 0; i < steps; ++i) {
    switch (test::pick(0, 3)) {
      case 0:
        if (running.empty()) break;  // a pong that need not wait is not held
        held.hold(next, static_cast<std::uint32_t>(running.size()));
        waiting.push_back(next++);
        break;
      case 1: running.insert(next++); break;
      default: {
        if (running.empty()) break;
        const auto one =
            std::next(running.begin(), test::pick<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(running.size()) - 1));
        const wire::Seq seq = *one;
        running.erase(one);
        held.on_answered(seq, static_cast<std::uint32_t>(running.size()));
        break;
      }
    }
    while (!waiting.empty() && (running.empty() || *running.begin() > waiting.front())) {
      RC_ASSERT(held.take_ready() == waiting.front());
      waiting.erase(waiting.begin());
    }
    RC_ASSERT(!held.take_ready());
    RC_ASSERT(held.size() == waiting.size());
  }
}

RC_GTEST_PROP(HeldPongs, NoneIsKeptWhenNothingRunsWhateverThePeerCounts, ()) {
  HeldPongs held;
  std::uint32_t running = 0;
  const int steps = test::pick(0, 100);
  for (int i = 0; i < steps; ++i) {
    const auto seq = test::pick<wire::Seq>(0, 5);
    switch (test::pick(0, 2)) {
      case 0: ++running; break;
      case 1:
        if (running > 0) held.hold(seq, running);
        break;
      default:
        if (running > 0) held.on_answered(seq, --running);
        break;
    }
    while (held.take_ready()) {
    }
    if (running == 0) RC_ASSERT(held.empty());
  }
}

}  // namespace
}  // namespace razor::stream
