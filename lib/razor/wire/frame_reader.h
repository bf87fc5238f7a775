#pragma once
// FrameReader: cuts what arrives on one connection into frames. Pure: it is given bytes and gives frames.
//
//   while (true) {
//     n = read into reader.prepare();  reader.commit(n);
//     while (reader.next() == FrameReader::Found::frame) use(reader.frame());
//   }
//
// Small frames are used where they were read. A frame larger than the read buffer is collected in a block of its own
// that grows with the bytes that have arrived, never with what the head promises (CONTRACT 23). That block is the read buffer from
// then on, as long as such frames come: the next one is read at once, and takes no memory anew.

#include <optional>

#include "razor/base/byte_buffer.h"
#include "razor/wire/frame.h"

namespace razor::wire {

/// Sizes of the memory that a reader holds.
struct ReadBufferSizes {
  static constexpr std::size_t kFirst = 4 * base::kKiB;  ///< until a read fills it
  /// Larger ones swallow whole windows, so that both ends alternate: of 16, 32 and 64 KiB this one was the fastest.
  static constexpr std::size_t kMax = 32 * base::kKiB;
  static constexpr std::size_t kLargeFrameStep = 60 * base::kKiB;  ///< 64 KiB when rounded to whole pages
  static constexpr std::size_t kWideMax = 128 * base::kKiB;  ///< of a read buffer that a large frame has left
  static constexpr int kNarrowReads = 64;  ///< of up to kMax bytes, one after the other, after which it is given back
  static constexpr std::size_t kSharedBlobFrom = 16 * base::kKiB;  ///< such a blob has its frame in a block of its own
};

/// `Frame` is RequestFrame or ResponseFrame.
template <class Frame>
class FrameReader {
 public:
  using Head = typename Frame::Head;
  enum class Found { frame, need_more, fault };

  /// Takes no memory yet.
  explicit FrameReader(const FrameLimits& limits) : limits_(limits) {}

  /// From now on, frames may be such as only peers send that began with a hello: framework errors, extension blocks. Frames that
  /// were found are none of them; those that have arrived behind them may be.
  void extend() { is_extended_ = true; }

  /// Where the next bytes are to be put: at least one. Ends the life of the views of earlier frames.
  /// Errors: throws std::bad_alloc; nothing else here does.
  base::MutableBytes prepare();
  /// `count` bytes were put there.
  void commit(std::size_t count);

  /// Looks for the next frame. After `fault` there is none any more: what still arrives is dropped.
  Found next();
  /// The frame that `next` found; its views live until `prepare` or `next`. A blob that is taken from it lives on.
  const Frame& frame() const { return frame_; }
  /// The head that `next` found faulty.
  const Head& faulty_head() const { return frame_.head; }
  HeadFault fault() const { return fault_; }

  /// Bytes of a frame that has begun and is not whole; 0 between frames.
  base::ByteCount partial_bytes() const {
    if (large_) return large_is_used_ ? 0 : large_->filled;
    return end_ - begin_;
  }
  /// True once the head of the frame that has begun is there.
  bool has_partial_head() const { return partial_bytes() >= Frame::kHeadBytes; }
  /// Memory held.
  base::ByteCount capacity() const { return buffer_.capacity() + (large_ ? large_->buffer.capacity() : 0); }

 private:
  // A frame that is larger than the read buffer, on its way.
  struct LargeFrame final : BlobSource {
    base::Blob share(base::ByteView blob) override;

    base::ByteBuffer buffer;
    std::size_t filled = 0;
    std::size_t total = 0;
    std::shared_ptr<const base::ByteBuffer> shared;  // what was `buffer`, once a Blob keeps it
  };

  // It does not fit into the read buffer, or has a blob that is shared with its block instead of copied.
  bool needs_block(std::size_t total) const {
    return total > buffer_.capacity() || frame_.head.blob_bytes >= ReadBufferSizes::kSharedBlobFrom;
  }
  Found next_large_frame();
  void begin_large_frame();
  void end_large_frame();

  FrameLimits limits_;
  base::ByteBuffer buffer_;
  std::size_t begin_ = 0;  // the first byte that no frame has used
  std::size_t end_ = 0;  // behind the last byte that has arrived
  bool filled_to_the_brim_ = false;
  int narrow_reads_ = 0;  // in a row, into a wide buffer
  std::size_t large_total_ = 0;  // of the frame that has begun, when it needs a block of its own; 0: it does not
  std::optional<LargeFrame> large_;
  bool large_is_used_ = false;
  bool is_extended_ = false;
  Frame frame_;
  HeadFault fault_ = HeadFault::none;
};

// On the path of every frame, so inline.
template <class Frame>
inline typename FrameReader<Frame>::Found FrameReader<Frame>::next() {
  if (large_ || fault_ != HeadFault::none) [[unlikely]]
    return next_large_frame();
  const std::size_t available = end_ - begin_;
  if (available < Frame::kHeadBytes) return Found::need_more;
  const std::byte* from = buffer_.data() + begin_;
  frame_.head = Frame::load_head(from, is_extended_);
  fault_ = frame_.head.check(limits_, is_extended_);
  if (fault_ != HeadFault::none) [[unlikely]]
    return Found::fault;
  const std::size_t total = Frame::kHeadBytes + frame_.head.body_bytes();
  if (available < total) {
    if (total > ReadBufferSizes::kMax && needs_block(total)) large_total_ = total;
    return Found::need_more;
  }
  begin_ += total;
  frame_.set_body(from + Frame::kHeadBytes);
  return Found::frame;
}

extern template class FrameReader<RequestFrame>;
extern template class FrameReader<ResponseFrame>;

using RequestReader = FrameReader<RequestFrame>;
using ResponseReader = FrameReader<ResponseFrame>;

}  // namespace razor::wire
