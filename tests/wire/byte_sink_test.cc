// Sinks that grow. Were bytes lost or moved wrongly where a sink runs out of room, the comparisons below would fail.

#include "razor/wire/byte_sink.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/wire/bytes.h"

namespace razor::wire {
namespace {

using base::Bytes;
using test::pattern;

template <class Sink>
class ByteSinkTest : public testing::Test {};
using Sinks = testing::Types<BytesSink, InlineSink<1>, InlineSink<256>>;
TYPED_TEST_SUITE(ByteSinkTest, Sinks);

TYPED_TEST(ByteSinkTest, StartsEmpty) {
  TypeParam sink;
  EXPECT_TRUE(sink.view().empty());
  sink.put(base::ByteView());
  EXPECT_TRUE(sink.view().empty());
}

TYPED_TEST(ByteSinkTest, KeepsWhatIsPutInOrder) {
  TypeParam sink;
  Bytes expected;
  for (std::uint32_t i = 0; i < 300; ++i) {
    const Bytes piece = pattern(i, i);
    sink.put(std::byte(i));
    sink.put(piece);
    expected.push_back(std::byte(i));
    expected.insert(expected.end(), piece.begin(), piece.end());
    ASSERT_EQ(base::to_bytes(sink.view()), expected);
  }
}

TYPED_TEST(ByteSinkTest, CountsOnlyWhatWasAdvanced) {
  TypeParam sink;
  sink.reserve(100)[0] = std::byte{1};
  EXPECT_TRUE(sink.view().empty());
  sink.advance(1);
  sink.reserve(1000)[0] = std::byte{2};  // grows, and keeps the first
  sink.advance(1);
  std::byte* to = sink.reserve(1000);
  to[0] = std::byte{3};
  sink.advance_to(to + 1);
  EXPECT_EQ(test::to_hex(sink.view()), "010203");
}

TYPED_TEST(ByteSinkTest, TakesOneLargeRun) {
  TypeParam sink;
  const Bytes large = pattern(1 << 20, 1);
  sink.put(large);
  EXPECT_EQ(base::to_bytes(sink.view()), large);
}

TEST(BytesSink, HandsItsBytesOver) {
  BytesSink sink;
  sink.put(pattern(1000, 3));
  EXPECT_EQ(sink.size(), 1000u);
  EXPECT_EQ(std::move(sink).take(), pattern(1000, 3));
}

TEST(BytesSink, IsUsedAgainWithItsMemory) {
  BytesSink sink;
  sink.put(pattern(1000, 3));
  const std::byte* memory = sink.view().data();
  sink.clear();
  EXPECT_EQ(sink.size(), 0u);
  sink.put(pattern(1000, 4));
  EXPECT_EQ(sink.view().data(), memory);
  EXPECT_EQ(base::to_bytes(sink.view()), pattern(1000, 4));
}

TEST(InlineSink, NeedsNoAllocationForWhatFits) {
  InlineSink<256> sink;
  const auto* self = reinterpret_cast<const std::byte*>(&sink);
  sink.put(pattern(256, 1));
  EXPECT_GE(sink.view().data(), self);
  EXPECT_LT(sink.view().data(), self + sizeof sink);
  sink.put(std::byte{1});
  EXPECT_FALSE(sink.view().data() >= self && sink.view().data() < self + sizeof sink);
  EXPECT_EQ(sink.view().size(), 257u);
}

}  // namespace
}  // namespace razor::wire
