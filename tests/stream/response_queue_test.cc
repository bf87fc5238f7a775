// ResponseQueue: whatever part of what is given a transport takes, the peer reads whole frames, the answers in their order,
// and each prompt pong before every response that was not begun when the pong was next to be written. A queue that forgets
// where frames end puts a pong into the middle of one.

#include "razor/stream/internal/response_queue.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <deque>

#include "razor/wire/frame_writer.h"
#include "tests/support/frames.h"
#include "tests/support/pick.h"

namespace razor::stream {
namespace {

void put_answer(ResponseQueue& queue, wire::Seq seq, std::size_t msg, std::size_t blob) {
  wire::OutputBuffer& to = queue.responses();
  to.begin_frame();
  wire::begin_response(to);
  to.put(base::Bytes(msg, std::byte{1}));
  wire::ResponseHead head;
  head.seq = seq;
  head.msg_bytes_or_number = static_cast<std::uint32_t>(msg);
  head.blob_bytes = static_cast<std::uint32_t>(blob);
  wire::store_head(to.frame().data(), head);
  to.end_frame(base::Bytes(blob, std::byte{2}));
}

constexpr wire::Seq kPongs = 1'000'000;  // seqs of pongs begin here

RC_GTEST_PROP(ResponseQueue, PutsPongsBetweenFramesAndAheadOfAnswersThatAreNotBegun, ()) {
  ResponseQueue queue;
  test::FrameCutter<test::SeenAnswer> cutter;
  wire::Seq answers = 0, pongs = 0, answers_read = 0, pongs_read = 0;
  wire::Seq answers_before_pong = 0;  // that may still come before the pongs that wait: the one that is half written
  const auto queue_some = [&] {
    if (test::pick(0, 2) == 0) {
      queue.put_prompt_pong(kPongs + pongs++);
      return;
    }
    const auto small = test::pick<std::size_t>(0, 100);
    const bool is_large = test::pick(0, 5) == 0;
    put_answer(queue, answers++, is_large ? 1000 * small : small, test::pick(0, 3) == 0 ? 400 * small : 0);
  };
  const int steps = test::pick(0, 150);
  for (int i = 0; i < steps || !queue.empty(); ++i) {
    if (i < steps && test::pick(0, 1) == 0) queue_some();
    if (queue.empty()) continue;
    std::array<base::ByteView, 16> views;
    const std::size_t count = queue.gather(views);
    RC_ASSERT(count > 0u);
    std::size_t total = 0;
    for (std::size_t v = 0; v < count; ++v) total += views[v].size();
    RC_ASSERT(total > 0u);
    answers_before_pong = answers_read + (cutter.partial() > 0 ? 1 : 0);
    const wire::Seq pongs_waiting = pongs;
    if (i < steps && test::pick(0, 3) == 0) queue_some();  // while the write waits
    std::size_t taken = test::pick(0, 2) == 0 ? total : test::pick<std::size_t>(1, std::min<std::size_t>(total, 5000));
    std::size_t left = taken;
    for (std::size_t v = 0; v < count && left > 0; ++v) {
      const std::size_t part = std::min(left, views[v].size());
      cutter.add(views[v].first(part));
      left -= part;
    }
    queue.consume(taken);
    for (const test::SeenAnswer& frame : cutter.take()) {
      if (frame.seq >= kPongs) {
        RC_ASSERT(frame.seq == kPongs + pongs_read++);
        continue;
      }
      RC_ASSERT(frame.seq == answers_read++);
      if (pongs_read < pongs_waiting) RC_ASSERT(answers_read <= answers_before_pong);
    }
    RC_ASSERT(!cutter.broken());
  }
  RC_ASSERT(answers_read == answers);
  RC_ASSERT(pongs_read == pongs);
  RC_ASSERT(queue.queued() == 0u);
  RC_ASSERT(queue.prompt_pongs() == 0u);
}

}  // namespace
}  // namespace razor::stream
