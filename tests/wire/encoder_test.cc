// Values and the bytes they become. The reference compares nothing byte for byte, but sends these forms; a longer form
// for a short value would cost bandwidth, a wrong tag would arrive as another value.

#include "razor/wire/encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/wire/bytes.h"

namespace razor::wire {
namespace {

using test::to_hex;

/// What `put` writes, as hex.
template <class Put>
std::string hex_of(Put put) {
  BytesSink sink;
  Encoder to(sink);
  put(to);
  return to_hex(sink.view());
}

std::string hex_of_unsigned(std::uint64_t value) {
  return hex_of([&](Encoder& to) { to.put_unsigned(value); });
}
std::string hex_of_signed(std::int64_t value) {
  return hex_of([&](Encoder& to) { to.put_signed(value); });
}

TEST(Encoder, UnsignedIntegersTakeTheShortestForm) {
  EXPECT_EQ(hex_of_unsigned(0), "00");
  EXPECT_EQ(hex_of_unsigned(0x7f), "7f");
  EXPECT_EQ(hex_of_unsigned(0x80), "cc80");
  EXPECT_EQ(hex_of_unsigned(0xff), "ccff");
  EXPECT_EQ(hex_of_unsigned(0x100), "cd0100");
  EXPECT_EQ(hex_of_unsigned(0xffff), "cdffff");
  EXPECT_EQ(hex_of_unsigned(0x10000), "ce00010000");
  EXPECT_EQ(hex_of_unsigned(0xffffffff), "ceffffffff");
  EXPECT_EQ(hex_of_unsigned(0x100000000), "cf0000000100000000");
  EXPECT_EQ(hex_of_unsigned(0xffffffffffffffff), "cfffffffffffffffff");
}

TEST(Encoder, SignedIntegersTakeTheShortestForm) {
  EXPECT_EQ(hex_of_signed(-1), "ff");
  EXPECT_EQ(hex_of_signed(-32), "e0");
  EXPECT_EQ(hex_of_signed(-33), "d0df");
  EXPECT_EQ(hex_of_signed(-128), "d080");
  EXPECT_EQ(hex_of_signed(-129), "d1ff7f");
  EXPECT_EQ(hex_of_signed(-32768), "d18000");
  EXPECT_EQ(hex_of_signed(-32769), "d2ffff7fff");
  EXPECT_EQ(hex_of_signed(std::numeric_limits<std::int32_t>::min()), "d280000000");
  EXPECT_EQ(hex_of_signed(std::int64_t{std::numeric_limits<std::int32_t>::min()} - 1), "d3ffffffff7fffffff");
  EXPECT_EQ(hex_of_signed(std::numeric_limits<std::int64_t>::min()), "d38000000000000000");
}

TEST(Encoder, WhatIsNotNegativeTakesAnUnsignedForm) {
  EXPECT_EQ(hex_of_signed(0), "00");
  EXPECT_EQ(hex_of_signed(127), "7f");
  EXPECT_EQ(hex_of_signed(128), "cc80");
  EXPECT_EQ(hex_of_signed(0x7fffffff), "ce7fffffff");
  EXPECT_EQ(hex_of_signed(std::numeric_limits<std::int64_t>::max()), "cf7fffffffffffffff");
}

TEST(Encoder, ConstantsHaveTheirBytes) {
  EXPECT_EQ(hex_of([](Encoder& to) { to.put_nil(); }), "c0");
  EXPECT_EQ(hex_of([](Encoder& to) { to.put_bool(false); }), "c2");
  EXPECT_EQ(hex_of([](Encoder& to) { to.put_bool(true); }), "c3");
}

TEST(Encoder, FloatsKeepTheirSizeAndBits) {
  EXPECT_EQ(hex_of([](Encoder& to) { to.put_float(1.5f); }), "ca3fc00000");
  EXPECT_EQ(hex_of([](Encoder& to) { to.put_double(1.5); }), "cb3ff8000000000000");
  EXPECT_EQ(hex_of([](Encoder& to) { to.put_double(-0.0); }), "cb8000000000000000");
  EXPECT_EQ(hex_of([](Encoder& to) { to.put_float(std::numeric_limits<float>::infinity()); }), "ca7f800000");
  EXPECT_EQ(hex_of([](Encoder& to) { to.put_double(std::numeric_limits<double>::quiet_NaN()); }), "cb7ff8000000000000");
}

// The head of a run, and whether the run itself follows it whole.
std::string head_of_text(std::size_t bytes) {
  const std::string text(bytes, 't');
  const std::string hex = hex_of([&](Encoder& to) { to.put_text(text); });
  EXPECT_EQ(hex.substr(hex.size() - 2 * bytes), to_hex(base::as_bytes(text)));
  const std::string head = hex.substr(0, hex.size() - 2 * bytes);
  EXPECT_EQ(hex_of([&](Encoder& to) { to.put_text_head(bytes); }), head);
  return head;
}

std::string head_of_binary(std::size_t bytes) {
  const base::Bytes run = test::pattern(bytes, 1);
  const std::string hex = hex_of([&](Encoder& to) { to.put_binary(run); });
  EXPECT_EQ(hex.substr(hex.size() - 2 * bytes), to_hex(run));
  const std::string head = hex.substr(0, hex.size() - 2 * bytes);
  EXPECT_EQ(hex_of([&](Encoder& to) { to.put_binary_head(bytes); }), head);
  return head;
}

TEST(Encoder, TextsTakeTheShortestForm) {
  EXPECT_EQ(head_of_text(0), "a0");
  EXPECT_EQ(head_of_text(31), "bf");
  EXPECT_EQ(head_of_text(32), "d920");
  EXPECT_EQ(head_of_text(255), "d9ff");
  EXPECT_EQ(head_of_text(256), "da0100");
  EXPECT_EQ(head_of_text(65535), "daffff");
  EXPECT_EQ(head_of_text(65536), "db00010000");
}

TEST(Encoder, BinariesTakeTheShortestForm) {
  EXPECT_EQ(head_of_binary(0), "c400");
  EXPECT_EQ(head_of_binary(255), "c4ff");
  EXPECT_EQ(head_of_binary(256), "c50100");
  EXPECT_EQ(head_of_binary(65535), "c5ffff");
  EXPECT_EQ(head_of_binary(65536), "c600010000");
}

TEST(Encoder, ArraysAndMapsTakeTheShortestForm) {
  const auto array = [](std::size_t count) { return hex_of([&](Encoder& to) { to.put_array(count); }); };
  const auto map = [](std::size_t count) { return hex_of([&](Encoder& to) { to.put_map(count); }); };
  EXPECT_EQ(array(0), "90");
  EXPECT_EQ(array(15), "9f");
  EXPECT_EQ(array(16), "dc0010");
  EXPECT_EQ(array(65535), "dcffff");
  EXPECT_EQ(array(65536), "dd00010000");
  EXPECT_EQ(array(0xffffffff), "ddffffffff");
  EXPECT_EQ(map(0), "80");
  EXPECT_EQ(map(15), "8f");
  EXPECT_EQ(map(16), "de0010");
  EXPECT_EQ(map(65535), "deffff");
  EXPECT_EQ(map(65536), "df00010000");
}

TEST(Encoder, LengthsOf4GiBAreRefused) {
  BytesSink sink;
  Encoder to(sink);
  for (const std::size_t length : {std::size_t{0x1'0000'0000}, std::numeric_limits<std::size_t>::max()}) {
    EXPECT_THROW(to.put_array(length), EncodeError);
    EXPECT_THROW(to.put_map(length), EncodeError);
    EXPECT_THROW(to.put_text_head(length), EncodeError);
    EXPECT_THROW(to.put_binary_head(length), EncodeError);
  }
  EXPECT_EQ(sink.size(), 0u);
}

}  // namespace
}  // namespace razor::wire
