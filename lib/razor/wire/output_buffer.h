#pragma once
// OutputBuffer: what waits to be written to one connection, in order. Frames are built at its back, in place; writes
// take from its front, many frames at a time. Bytes never move while a write holds views of them.

#include <deque>
#include <span>

#include "razor/base/blob.h"
#include "razor/base/byte_buffer.h"
#include "razor/wire/byte_sink.h"

namespace razor::wire {

class OutputBuffer final : public ByteSink {
 public:
  /// Memory is taken in blocks of up to this size; a larger frame, or a larger blob, is a block of its own.
  static constexpr std::size_t kBlockBytesMax = 64 * base::kKiB;
  /// The block of a larger frame is used again up to this size, as long as such frames come. An empty buffer holds one of these and
  /// one of the usual size at most.
  static constexpr std::size_t kKeptBytesMax = 128 * base::kKiB;
  /// A blob from this size on is kept as it is when it is handed over, instead of being copied.
  static constexpr std::size_t kOwnedBlobFrom = 16 * base::kKiB;

  OutputBuffer() = default;

  /// Starts a frame at the back: what is put from here on is one contiguous run, until `end_frame` or `abandon_frame`.
  /// Errors: throws std::bad_alloc, as all that appends; what was there before stays as it was.
  void begin_frame() {
    if (position_ == nullptr) [[unlikely]]
      grow(1);
    frame_ = position_;
  }
  /// The frame so far; moves with the next `reserve` or `put`.
  base::MutableBytes frame() { return {frame_, position_}; }
  /// The frame is whole: it belongs to what is written.
  void end_frame() {
    appended_ += static_cast<std::size_t>(position_ - frame_);
    frame_ = nullptr;
  }
  /// Likewise, and `blob`, which large ones are kept as, comes behind it. Gives where the frame begins, for its head.
  /// Errors: throws std::bad_alloc; then the frame has not ended.
  std::byte* end_frame(base::Blob&& blob) {
    std::byte* const begin = frame_;
    end_frame();
    if (!blob.empty()) append_behind(begin, std::move(blob));
    return begin;
  }
  /// Takes the frame back, as if it had never been begun; nothing when there is none.
  void abandon_frame() {
    if (frame_ == nullptr) return;
    position_ = frame_;
    frame_ = nullptr;
    if (static_cast<std::size_t>(end_ - position_) > kBlockBytesMax) [[unlikely]]
      drop_large_block();
  }

  /// Appends bytes that belong to the frame that just ended. Large ones are kept, not copied.
  void append_owned(base::Blob bytes);
  void append_copy(base::ByteView bytes);

  /// Views of what is to be written next, at most `views.size()`; gives their number. They live until `consume`.
  std::size_t gather(std::span<base::ByteView> views) const;
  /// The first `count` bytes were taken by the transport.
  void consume(std::size_t count);

  /// Bytes that ended frames have, and that were consumed, since the beginning.
  base::ByteCount appended() const { return appended_; }
  base::ByteCount consumed() const { return consumed_; }
  base::ByteCount queued() const { return appended_ - consumed_; }
  bool empty() const { return appended_ == consumed_; }

  /// Memory held, used or not.
  base::ByteCount capacity() const;

 private:
  // A run of bytes in memory of its own. Of the last block only the part up to `position_` is filled.
  struct Block {
    base::ByteBuffer buffer;
    base::Blob owned;  // in use when `buffer` is empty
    const std::byte* begin = nullptr;
    const std::byte* end = nullptr;
  };

  void grow(std::size_t count) override;
  void append_behind(std::byte* frame, base::Blob&& blob);
  void seal_last_block();
  void drop_large_block();
  bool is_kept(const Block& block);
  bool last_block_is_empty() const { return !blocks_.empty() && blocks_.back().begin == filled_end(); }
  const std::byte* end_of(const Block& block) const { return &block == &blocks_.back() ? filled_end() : block.end; }
  const std::byte* filled_end() const { return frame_ != nullptr ? frame_ : position_; }

  std::deque<Block> blocks_;
  base::ByteBuffer spare_;  // an emptied block, for the next grow
  int idle_uses_ = 0;  // of a block that is larger than usual, one after the other, that needed no such
  std::byte* frame_ = nullptr;
  base::ByteCount appended_ = 0;
  base::ByteCount consumed_ = 0;
};

}  // namespace razor::wire
