#include "razor/wire/output_buffer.h"

#include <algorithm>
#include <new>

#include "razor/base/check.h"

namespace razor::wire {
namespace {

constexpr std::size_t kFirstBlockBytes = 4 * base::kKiB;
// After so many writes that would have found room in a usual block, a larger one is given back.
constexpr int kIdleUsesMax = 64;

}  // namespace

// The frame has just ended, and begins again when the blob finds no memory.
void OutputBuffer::append_behind(std::byte* frame, base::Blob&& blob) {
  const base::ByteCount frame_bytes = static_cast<base::ByteCount>(position_ - frame);
  try {
    append_owned(std::move(blob));
  } catch (const std::bad_alloc&) {
    frame_ = frame;
    appended_ -= frame_bytes;
    throw;
  }
}

void OutputBuffer::append_copy(base::ByteView bytes) {
  put(bytes);
  appended_ += bytes.size();
}

void OutputBuffer::append_owned(base::Blob bytes) {
  if (bytes.size() < kOwnedBlobFrom) {
    append_copy(bytes);
    return;
  }
  seal_last_block();
  Block& block = blocks_.emplace_back();
  appended_ += bytes.size();
  block.owned = std::move(bytes);
  block.begin = block.owned.data();
  block.end = block.begin + block.owned.size();
  position_ = end_ = const_cast<std::byte*>(block.end);  // full: the next frame begins a block
}

void OutputBuffer::seal_last_block() {
  if (!blocks_.empty()) blocks_.back().end = filled_end();
}

void OutputBuffer::grow(std::size_t count) {
  const std::size_t frame_bytes = frame_ != nullptr ? static_cast<std::size_t>(position_ - frame_) : 0;
  const std::size_t last_capacity = blocks_.empty() ? 0 : blocks_.back().buffer.capacity();
  const std::size_t usual = std::clamp(2 * last_capacity, kFirstBlockBytes, kBlockBytesMax);
  const std::size_t needed = std::max(usual, frame_bytes + std::max(count, frame_bytes));

  base::ByteBuffer buffer = std::move(spare_);
  if (buffer.capacity() < needed) buffer = base::ByteBuffer(needed);

  if (frame_bytes > 0) std::memcpy(buffer.data(), frame_, frame_bytes);
  seal_last_block();
  // A block that held nothing but the frame that moves on is of no use any more.
  Block& block = last_block_is_empty() ? blocks_.back() : blocks_.emplace_back();
  block.begin = buffer.data();
  end_ = buffer.data() + buffer.capacity();
  if (frame_ != nullptr) frame_ = buffer.data();
  position_ = buffer.data() + frame_bytes;
  block.buffer = std::move(buffer);
}

// Keeps the memory of an abandoned frame from waiting for the next `consume`, which may never come.
void OutputBuffer::drop_large_block() {
  if (!last_block_is_empty()) return;
  blocks_.pop_back();
  position_ = end_ = blocks_.empty() ? nullptr : const_cast<std::byte*>(blocks_.back().end);
}

std::size_t OutputBuffer::gather(std::span<base::ByteView> views) const {
  std::size_t count = 0;
  for (const Block& block : blocks_) {
    if (count == views.size()) break;
    const std::byte* end = end_of(block);
    if (block.begin != end) views[count++] = {block.begin, end};
  }
  return count;
}

void OutputBuffer::consume(std::size_t count) {
  RAZOR_CHECK(count <= queued(), "consume {} of {} bytes", count, queued());
  RAZOR_CHECK(frame_ == nullptr, "consume inside a frame");
  consumed_ += count;
  while (!blocks_.empty()) {
    Block& block = blocks_.front();
    const std::size_t taken = std::min(count, static_cast<std::size_t>(end_of(block) - block.begin));
    block.begin += taken;
    count -= taken;
    if (block.begin != end_of(block)) return;
    if (blocks_.size() > 1) {
      const std::size_t capacity = block.buffer.capacity();
      if (capacity >= kBlockBytesMax && capacity <= kKeptBytesMax) spare_ = std::move(block.buffer);
      blocks_.pop_front();
      continue;
    }
    // All is written. The block is used again from its start.
    if (is_kept(block)) {
      if (block.buffer.capacity() > kBlockBytesMax && spare_.capacity() > kBlockBytesMax) spare_.release();
      position_ = block.buffer.data();
      block.begin = position_;
    } else {
      blocks_.clear();
      position_ = end_ = nullptr;
    }
    return;
  }
}

// Its bytes are written. Of a block that is larger than usual, only as long as large frames come.
bool OutputBuffer::is_kept(const Block& block) {
  const std::size_t capacity = block.buffer.capacity();
  if (capacity <= kBlockBytesMax) return capacity > 0;
  const bool was_needed = static_cast<std::size_t>(position_ - block.buffer.data()) > kBlockBytesMax;
  idle_uses_ = was_needed ? 0 : idle_uses_ + 1;
  return capacity <= kKeptBytesMax && idle_uses_ < kIdleUsesMax;
}

base::ByteCount OutputBuffer::capacity() const {
  base::ByteCount total = spare_.capacity();
  for (const Block& block : blocks_) total += block.buffer.capacity() + block.owned.size();
  return total;
}

}  // namespace razor::wire
