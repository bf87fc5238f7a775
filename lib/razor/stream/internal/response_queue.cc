#include "razor/stream/internal/response_queue.h"

#include <algorithm>
#include <array>

#include "razor/base/check.h"
#include "razor/wire/frame_writer.h"

namespace razor::stream {
namespace {

constexpr std::size_t kViewsMax = 64;

// The pongs are small and few, so most views are left to responses.
std::size_t bytes_in(std::span<const base::ByteView> views) {
  std::size_t total = 0;
  for (const base::ByteView view : views) total += view.size();
  return total;
}

}  // namespace

void ResponseQueue::put_prompt_pong(wire::Seq seq) {
  if (!pongs_) pongs_.emplace();
  pongs_->begin_frame();
  try {
    wire::begin_response(*pongs_);
  } catch (...) {
    pongs_->abandon_frame();
    throw;
  }
  wire::ResponseHead pong;
  pong.seq = seq;
  wire::store_head(pongs_->frame().data(), pong);
  pongs_->end_frame();
}

std::size_t ResponseQueue::prompt_pongs() const {
  return pongs_ ? (pongs_->queued() + wire::kResponseHeadBytes - 1) / wire::kResponseHeadBytes : 0;
}

std::size_t ResponseQueue::gather(std::span<base::ByteView> views) {
  whole_frames_ = responses_.appended();
  pongs_gathered_ = 0;
  if (!pongs_wait()) [[likely]]
    return responses_.gather(views);
  const auto until_frame_end = static_cast<std::size_t>(frame_end_ - responses_.consumed());
  if (until_frame_end == 0) {
    const std::size_t pongs = pongs_->gather(views);
    pongs_gathered_ = bytes_in(views.first(pongs));
    return pongs + responses_.gather(views.subspan(pongs));
  }
  // A frame is half written: its rest first, and nothing behind it.
  const std::size_t gathered = responses_.gather(views);
  std::size_t left = until_frame_end;
  std::size_t count = 0;
  while (count < gathered && left > 0) {
    views[count] = views[count].first(std::min(left, views[count].size()));
    left -= views[count++].size();
  }
  return count;
}

void ResponseQueue::consume(std::size_t count) {
  if (pongs_gathered_ > 0) [[unlikely]] {
    const std::size_t pongs = std::min(count, pongs_gathered_);
    pongs_->consume(pongs);
    count -= pongs;
    pongs_gathered_ -= pongs;
    if (count == 0) return;
  }
  const base::ByteCount consumed = responses_.consumed() + count;
  if (consumed == whole_frames_) {
    frame_end_ = consumed;
  } else if (consumed > frame_end_) {
    find_frame_end(consumed);
  }
  responses_.consume(count);
}

// Called before they are consumed: from the last end that is known on, the heads up to there are still in memory.
void ResponseQueue::find_frame_end(base::ByteCount consumed) {
  std::array<base::ByteView, kViewsMax> views;
  const std::size_t count = responses_.gather(views);
  base::ByteCount view_begin = responses_.consumed();
  for (std::size_t i = 0; i < count && frame_end_ < consumed; ++i) {
    const base::ByteCount view_end = view_begin + views[i].size();
    // A head is never cut in two: frames are built in one run of memory.
    while (frame_end_ < consumed && frame_end_ < view_end) {
      const std::byte* const head = views[i].data() + (frame_end_ - view_begin);
      frame_end_ += wire::kResponseHeadBytes + wire::load_response_head(head).body_bytes();
    }
    view_begin = view_end;
  }
  RAZOR_CHECK(frame_end_ >= consumed, "no frame ends behind byte {} of {}", consumed, responses_.appended());
}

}  // namespace razor::stream
