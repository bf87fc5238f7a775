// A block that grows. If growing lost bytes, or a mapped block were freed as an allocated one, the comparisons below
// or a sanitizer would say so.

#include "razor/base/byte_buffer.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <new>
#include <utility>

namespace razor::base {
namespace {

std::byte pattern_at(std::size_t index) { return static_cast<std::byte>(index * 31 + index / 251); }

void fill(ByteBuffer& buffer, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) buffer.data()[i] = pattern_at(i);
}

std::size_t first_difference(const ByteBuffer& buffer, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (buffer.data()[i] != pattern_at(i)) return i;
  }
  return count;
}

TEST(ByteBuffer, StartsWithoutMemory) {
  const ByteBuffer buffer;
  EXPECT_EQ(buffer.capacity(), 0u);
  EXPECT_EQ(buffer.data(), nullptr);
}

TEST(ByteBuffer, NeverShrinks) {
  ByteBuffer buffer(1000);
  EXPECT_EQ(buffer.capacity(), 1000u);
  const std::byte* before = buffer.data();
  buffer.reserve(10);
  EXPECT_EQ(buffer.capacity(), 1000u);
  EXPECT_EQ(buffer.data(), before);
}

TEST(ByteBuffer, MappedBlocksAreWholePages) {
  ByteBuffer buffer(ByteBuffer::kMappedFrom + 1);
  EXPECT_GT(buffer.capacity(), ByteBuffer::kMappedFrom);
  EXPECT_EQ(buffer.capacity() % (4 * kKiB), 0u);
  fill(buffer, 0, buffer.capacity());
  EXPECT_EQ(first_difference(buffer, buffer.capacity()), buffer.capacity());
}

TEST(ByteBuffer, KeepsItsBytesWhenItBecomesMapped) {
  ByteBuffer buffer(ByteBuffer::kMappedFrom - 1);
  fill(buffer, 0, buffer.capacity());
  buffer.reserve(ByteBuffer::kMappedFrom);
  EXPECT_EQ(first_difference(buffer, ByteBuffer::kMappedFrom - 1), ByteBuffer::kMappedFrom - 1);
}

TEST(ByteBuffer, ReleaseGivesTheMemoryBackAndLeavesItUsable) {
  for (const std::size_t capacity : {std::size_t{100}, 2 * ByteBuffer::kMappedFrom}) {
    ByteBuffer buffer(capacity);
    buffer.release();
    EXPECT_EQ(buffer.capacity(), 0u);
    EXPECT_EQ(buffer.data(), nullptr);
    buffer.reserve(capacity);
    fill(buffer, 0, capacity);
    EXPECT_EQ(first_difference(buffer, capacity), capacity);
  }
}

TEST(ByteBuffer, MovingHandsTheBlockOver) {
  ByteBuffer from(64);
  fill(from, 0, 64);
  const std::byte* block = from.data();
  ByteBuffer to(std::move(from));
  EXPECT_EQ(to.data(), block);
  EXPECT_EQ(from.capacity(), 0u);

  ByteBuffer mapped(ByteBuffer::kMappedFrom);
  mapped = std::move(to);
  EXPECT_EQ(mapped.data(), block);
  EXPECT_EQ(mapped.capacity(), 64u);
  EXPECT_EQ(first_difference(mapped, 64), 64u);
}

TEST(ByteBuffer, RefusedMemoryThrowsAndKeepsWhatIsThere) {
  for (const std::size_t capacity : {std::size_t{100}, ByteBuffer::kMappedFrom}) {
    ByteBuffer buffer(capacity);
    fill(buffer, 0, capacity);
    EXPECT_THROW(buffer.reserve(std::numeric_limits<std::size_t>::max() / 2), std::bad_alloc);
    EXPECT_THROW(buffer.reserve(std::numeric_limits<std::size_t>::max()), std::bad_alloc);
    EXPECT_EQ(buffer.capacity(), capacity);
    EXPECT_EQ(first_difference(buffer, capacity), capacity);
  }
}

RC_GTEST_PROP(ByteBuffer, KeepsItsBytesThroughAnyGrowth, ()) {
  const auto capacities = *rc::gen::container<std::vector<std::size_t>>(
      rc::gen::oneOf(rc::gen::inRange<std::size_t>(0, 5000), rc::gen::inRange<std::size_t>(0, 3 * ByteBuffer::kMappedFrom)));
  ByteBuffer buffer;
  std::size_t filled = 0;
  for (const std::size_t capacity : capacities) {
    buffer.reserve(capacity);
    RC_ASSERT(buffer.capacity() >= capacity);
    RC_ASSERT(first_difference(buffer, filled) == filled);
    fill(buffer, filled, buffer.capacity());
    filled = buffer.capacity();
  }
}

}  // namespace
}  // namespace razor::base
