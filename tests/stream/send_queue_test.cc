// SendQueue against a deque: order, limits by calls and by bytes, and what a call that leaves from the middle gives back. A queue
// that miscounts refuses calls for ever, or takes memory without end.

#include "razor/stream/internal/send_queue.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>

#include "tests/stream/noted_call.h"
#include "tests/support/pick.h"

namespace razor::stream {
namespace {

using Reason = Exchange::Reason;

base::Bytes frame_of(std::size_t bytes) { return base::Bytes(bytes, std::byte{7}); }

TEST(SendQueue, GivesFramesBackInTheOrderOfTheirCalls) {
  SendQueue queue(10, 1000);
  NotedCall first, second;
  queue.push(first, frame_of(40), base::Blob(frame_of(3)), 11);
  queue.push(second, frame_of(50), {}, 12);
  EXPECT_EQ(queue.calls(), 2u);
  EXPECT_EQ(queue.bytes(), 93u);
  ASSERT_EQ(&queue.front(), &first);
  const auto frame = queue.take(first, Reason::room);
  EXPECT_EQ(frame->frame.size(), 40u);
  EXPECT_EQ(frame->blob.size(), 3u);
  EXPECT_EQ(frame->action, 11u);
  EXPECT_EQ(&queue.front(), &second);
  EXPECT_EQ(queue.bytes(), 50u);
  (void)queue.take(second, Reason::room);
  EXPECT_TRUE(queue.empty());
}

TEST(SendQueue, IsFullByCallsOrByBytes) {
  SendQueue queue(2, 100);
  NotedCall first, second;
  EXPECT_TRUE(queue.has_place_for(100));
  EXPECT_FALSE(queue.has_place_for(101));
  queue.push(first, frame_of(60), {}, 1);
  EXPECT_TRUE(queue.has_place_for(40));
  EXPECT_FALSE(queue.has_place_for(41));
  queue.push(second, frame_of(1), {}, 1);
  EXPECT_FALSE(queue.has_place_for(0)) << "two calls wait";
  (void)queue.take(first, Reason::deadline);
  (void)queue.take(second, Reason::deadline);
}

// A call that waits cannot be queued again, nor be in flight beside.
TEST(SendQueueDeathTest, ACallWaitsOnce) {
  SendQueue queue(2, 100);
  NotedCall call;
  queue.push(call, frame_of(1), {}, 1);
  EXPECT_DEATH(queue.push(call, frame_of(1), {}, 1), "cannot go from queued to queued");
  (void)queue.take(call, Reason::cancelled);
}

RC_GTEST_PROP(SendQueue, AgreesWithADeque, ()) {
  const auto calls_max = test::pick<std::uint32_t>(1, 12);
  const auto bytes_max = test::pick<base::ByteCount>(1, 400);
  SendQueue queue(calls_max, bytes_max);
  struct Waiting {
    NotedCall call;
    std::size_t bytes = 0;
  };
  std::deque<std::unique_ptr<Waiting>> model;
  const auto bytes_waiting = [&] {
    base::ByteCount bytes = 0;
    for (const auto& one : model) bytes += one->bytes;
    return bytes;
  };
  const auto leave = [&](std::size_t index) {
    const auto frame = queue.take(model[index]->call, Reason::cancelled);
    RC_ASSERT(frame->frame.size() + frame->blob.size() == model[index]->bytes);
    model.erase(model.begin() + static_cast<std::ptrdiff_t>(index));
  };
  const int steps = test::pick(0, 200);
  for (int i = 0; i < steps; ++i) {
    if (test::one_in(3) && !model.empty()) {
      leave(test::one_in(2) ? 0 : test::pick<std::size_t>(0, model.size()));
    } else {
      const auto frame = test::pick<std::size_t>(0, 80);
      const auto blob = test::pick<std::size_t>(0, 80);
      const bool fits = model.size() < calls_max && bytes_waiting() + frame + blob <= bytes_max;
      RC_ASSERT(queue.has_place_for(frame + blob) == fits);
      if (fits) {
        model.push_back(std::make_unique<Waiting>());
        model.back()->bytes = frame + blob;
        queue.push(model.back()->call, frame_of(frame), base::Blob(frame_of(blob)), 1);
      }
    }
    RC_ASSERT(queue.calls() == model.size());
    RC_ASSERT(queue.bytes() == bytes_waiting());
    RC_ASSERT(queue.empty() == model.empty());
    if (!model.empty()) RC_ASSERT(&queue.front() == &model.front()->call);
  }
  while (!model.empty()) leave(0);
}

}  // namespace
}  // namespace razor::stream
