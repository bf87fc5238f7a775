// Integers to and from bytes. With the two orders swapped, or bytes lost, the known bytes below would differ.

#include "razor/base/byte_order.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>

namespace razor::base {
namespace {

using Eight = std::array<std::byte, 8>;

std::byte byte(int value) { return static_cast<std::byte>(value); }

TEST(ByteOrder, LittleEndianStoresTheLowByteFirst) {
  Eight bytes{};
  store_little<std::uint32_t>(bytes.data(), 0x01020304);
  EXPECT_EQ(bytes, (Eight{byte(4), byte(3), byte(2), byte(1)}));
  EXPECT_EQ(load_little<std::uint16_t>(bytes.data()), 0x0304);
}

TEST(ByteOrder, BigEndianStoresTheHighByteFirst) {
  Eight bytes{};
  store_big<std::uint32_t>(bytes.data(), 0x01020304);
  EXPECT_EQ(bytes, (Eight{byte(1), byte(2), byte(3), byte(4)}));
  EXPECT_EQ(load_big<std::uint16_t>(bytes.data()), 0x0102);
}

TEST(ByteOrder, OneByteIsTheSameInBothOrders) {
  Eight bytes{};
  store_big<std::uint8_t>(bytes.data(), 0xab);
  EXPECT_EQ(load_little<std::uint8_t>(bytes.data()), 0xab);
}

template <class T>
void comes_back_unaligned(T value, std::size_t offset) {
  std::array<std::byte, 32> bytes{};
  store_little<T>(bytes.data() + offset, value);
  RC_ASSERT(load_little<T>(bytes.data() + offset) == value);
  RC_ASSERT(load_big<T>(bytes.data() + offset) == byte_swapped(value));
  store_big<T>(bytes.data() + offset, value);
  RC_ASSERT(load_big<T>(bytes.data() + offset) == value);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    RC_ASSERT((i >= offset && i < offset + sizeof(T)) || bytes[i] == std::byte{});
  }
}

RC_GTEST_PROP(ByteOrder, WhatIsStoredIsLoadedAtAnyOffset, (std::uint64_t value)) {
  const auto offset = *rc::gen::inRange<std::size_t>(0, 24);
  comes_back_unaligned<std::uint8_t>(static_cast<std::uint8_t>(value), offset);
  comes_back_unaligned<std::uint16_t>(static_cast<std::uint16_t>(value), offset);
  comes_back_unaligned<std::uint32_t>(static_cast<std::uint32_t>(value), offset);
  comes_back_unaligned<std::uint64_t>(value, offset);
}

}  // namespace
}  // namespace razor::base
