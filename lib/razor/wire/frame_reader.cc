#include "razor/wire/frame_reader.h"

#include <algorithm>
#include <cstring>

#include "razor/base/check.h"

namespace razor::wire {

template <class Frame>
base::MutableBytes FrameReader<Frame>::prepare() {
  if (large_is_used_) end_large_frame();
  if (large_total_ > 0) begin_large_frame();
  if (large_) {
    if (large_->filled == large_->buffer.capacity()) {
      large_->buffer.reserve(std::min(large_->total, large_->filled + ReadBufferSizes::kLargeFrameStep));
    }
    const std::size_t room = std::min(large_->buffer.capacity(), large_->total) - large_->filled;
    return {large_->buffer.data() + large_->filled, room};
  }
  if (begin_ == end_ || fault_ != HeadFault::none) {
    begin_ = end_ = 0;
    if (narrow_reads_ >= ReadBufferSizes::kNarrowReads) {
      buffer_.release();
      narrow_reads_ = 0;
    }
  } else if (begin_ > 0) {
    // Only the start of one frame is left, less than a buffer: moving it is cheaper than a ring.
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (filled_to_the_brim_ || end_ == buffer_.capacity()) {
    filled_to_the_brim_ = false;
    buffer_.reserve(std::clamp(2 * buffer_.capacity(), ReadBufferSizes::kFirst, ReadBufferSizes::kMax));
  }
  return {buffer_.data() + end_, buffer_.capacity() - end_};
}

template <class Frame>
void FrameReader<Frame>::commit(std::size_t count) {
  if (large_) {
    large_->filled += count;
    RAZOR_CHECK(large_->filled <= large_->total, "read {} bytes beyond a frame", large_->filled - large_->total);
    return;
  }
  end_ += count;
  RAZOR_CHECK(end_ <= buffer_.capacity(), "read beyond the buffer");
  filled_to_the_brim_ = end_ == buffer_.capacity();
  if (buffer_.capacity() > ReadBufferSizes::kMax) [[unlikely]]
    narrow_reads_ = count <= ReadBufferSizes::kMax ? narrow_reads_ + 1 : 0;
}

template <class Frame>
void FrameReader<Frame>::begin_large_frame() {
  LargeFrame large;
  large.total = large_total_;
  large.filled = end_ - begin_;
  large.buffer.reserve(std::min(large.total, large.filled + ReadBufferSizes::kLargeFrameStep));
  std::memcpy(large.buffer.data(), buffer_.data() + begin_, large.filled);
  large_.emplace(std::move(large));
  large_total_ = 0;
  begin_ = end_ = 0;
}

// The read buffer is empty as long as there is a large frame.
template <class Frame>
void FrameReader<Frame>::end_large_frame() {
  const std::size_t capacity = large_->buffer.capacity();  // of a block that a Blob keeps: 0
  if (capacity > buffer_.capacity() && capacity <= ReadBufferSizes::kWideMax) {
    buffer_ = std::move(large_->buffer);
    narrow_reads_ = 0;
  }
  large_.reset();
  large_is_used_ = false;
  frame_.source = nullptr;
}

template <class Frame>
typename FrameReader<Frame>::Found FrameReader<Frame>::next_large_frame() {
  if (fault_ != HeadFault::none) return Found::fault;
  if (large_is_used_ || large_->filled < large_->total) return Found::need_more;
  large_is_used_ = true;
  frame_.set_body(large_->buffer.data() + Frame::kHeadBytes);
  frame_.source = &*large_;
  return Found::frame;
}

template <class Frame>
base::Blob FrameReader<Frame>::LargeFrame::share(base::ByteView blob) {
  if (shared == nullptr) shared = std::make_shared<const base::ByteBuffer>(std::move(buffer));
  return base::Blob::borrow(blob, shared);
}

template class FrameReader<RequestFrame>;
template class FrameReader<ResponseFrame>;

}  // namespace razor::wire
