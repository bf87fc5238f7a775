#pragma once
// A growable block of bytes that nobody initialises. Unlike std::vector it can be resized without writing zeros, and a
// block of kMappedFrom or more grows in place or by remapping pages: growing in small steps does not copy it each time,
// so memory follows the bytes that arrived (CONTRACT 23) at a linear cost.

#include <cstddef>
#include <utility>

#include "razor/base/bytes.h"

namespace razor::base {

class ByteBuffer {
 public:
  static constexpr std::size_t kMappedFrom = 256 * kKiB;

  ByteBuffer() = default;
  /// Errors: throws std::bad_alloc, as `reserve` does.
  explicit ByteBuffer(std::size_t capacity) { reserve(capacity); }
  ByteBuffer(ByteBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~ByteBuffer() { release(); }

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  std::size_t capacity() const { return capacity_; }

  /// Makes room for at least `capacity` bytes and keeps the ones that are there; pointers into the block are lost.
  void reserve(std::size_t capacity);
  /// Gives the memory back.
  void release();

 private:
  bool is_mapped() const { return capacity_ >= kMappedFrom; }

  std::byte* data_ = nullptr;
  std::size_t capacity_ = 0;
};

}  // namespace razor::base
