// Hellos. Were one written differently, a peer would take us for one of plain version 1; were one believed that is broken, a peer
// of plain version 1 whose pong has a blob would be sent what it does not understand.

#include "razor/wire/hello.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "razor/wire/encoder.h"
#include "tests/wire/bytes.h"

namespace razor::wire {
namespace {

using base::Bytes;
using base::ByteView;
using test::from_hex;
using test::to_hex;

constexpr std::uint64_t kAll64 = std::numeric_limits<std::uint64_t>::max();

Hello full_hello() {
  Hello hello;
  hello.features = 0x0f;
  hello.action_max = 256;
  hello.msg_max = 16 << 20;
  hello.blob_max = 64 << 20;
  hello.window = 1000;
  hello.instance = kAll64;
  hello.name = "node-7";
  return hello;
}

/// A map that `put` fills with `pairs` pairs.
template <class Put>
Bytes hello_map(std::size_t pairs, Put put) {
  BytesSink sink;
  Encoder to(sink);
  to.put_map(pairs);
  put(to);
  return std::move(sink).take();
}

TEST(Hello, IsThatOfTheProtocolsExample) {
  EXPECT_EQ(to_hex(encode(Hello())), "81a17601");
  EXPECT_EQ(decode_hello(from_hex("81a17601")), Hello());
}

TEST(Hello, EveryFieldHasItsKey) {
  const Bytes expected = hello_map(8, [](Encoder& to) {
    to.put_text("v"), to.put_unsigned(1);
    to.put_text("features"), to.put_unsigned(0x0f);
    to.put_text("action_max"), to.put_unsigned(256);
    to.put_text("msg_max"), to.put_unsigned(16 << 20);
    to.put_text("blob_max"), to.put_unsigned(64 << 20);
    to.put_text("window"), to.put_unsigned(1000);
    to.put_text("instance"), to.put_unsigned(kAll64);
    to.put_text("name"), to.put_text("node-7");
  });
  EXPECT_EQ(to_hex(encode(full_hello())), to_hex(expected));
  EXPECT_EQ(decode_hello(expected), full_hello());
}

TEST(Hello, EveryFeatureHasItsBit) {
  const Feature in_order[] = {Feature::cancel, Feature::drain, Feature::trace, Feature::metadata};
  for (std::size_t bit = 0; bit < std::size(in_order); ++bit) {
    Hello hello;
    hello.features = std::uint64_t{1} << bit;
    for (const Feature feature : in_order) EXPECT_EQ(hello.has(feature), feature == in_order[bit]);
  }
}

TEST(Hello, KeysThatAreNotKnownAreSkipped) {
  const Bytes bytes = hello_map(4, [](Encoder& to) {
    to.put_text("streams_max"), to.put_unsigned(100);
    to.put_text("v"), to.put_unsigned(2);
    to.put_text("of_a_later_version"), to.put_array(2), to.put_map(1), to.put_text("a"), to.put_nil(), to.put_bool(true);
    to.put_text(""), to.put_binary(from_hex("00ff"));
  });
  Hello expected;
  expected.version = 2;
  EXPECT_EQ(decode_hello(bytes), expected);
}

TEST(Hello, OfAKeyThatComesTwiceTheLastValueStands) {
  Hello expected;
  expected.window = 9;
  EXPECT_EQ(decode_hello(hello_map(3,
                                   [](Encoder& to) {
                                     to.put_text("window"), to.put_unsigned(8);
                                     to.put_text("v"), to.put_unsigned(1);
                                     to.put_text("window"), to.put_unsigned(9);
                                   })),
            expected);
}

TEST(Hello, ANameIsShortAndPrintable) {
  const auto name_of = [](std::string_view name) {
    const std::optional<Hello> hello = decode_hello(hello_map(2, [name](Encoder& to) {
      to.put_text("v"), to.put_unsigned(1);
      to.put_text("name"), to.put_text(name);
    }));
    return hello ? hello->name : "no hello";
  };
  EXPECT_EQ(name_of(std::string(64, 'n')), std::string(64, 'n'));
  EXPECT_EQ(name_of(std::string(65, 'n')), std::string(64, 'n'));
  EXPECT_EQ(name_of(std::string(900, 'n')), std::string(64, 'n'));
  EXPECT_EQ(name_of("a\n\x1b[2J\x7f\xc3\xa4"), "a??[2J???");
  EXPECT_EQ(name_of(""), "");
  Hello hello;
  hello.name = std::string(1000, 'n');
  EXPECT_EQ(encode(hello).size(), 4 + 5 + 2 + 64u);
}

TEST(Hello, WithoutAVersionItIsNone) {
  EXPECT_EQ(decode_hello(from_hex("80")), std::nullopt);
  EXPECT_EQ(decode_hello(from_hex("81a17600")), std::nullopt);
  EXPECT_EQ(decode_hello(hello_map(1, [](Encoder& to) { to.put_text("features"), to.put_unsigned(1); })), std::nullopt);
}

TEST(Hello, WhatIsNoMapIsNone) {
  // Nothing; nil; an array; a text; a number; bytes behind the map; a key that is no text; values of other types.
  for (const std::string_view hex :
       {"", "c0", "92a17601", "a3617364", "01", "81a1760100", "81017601", "81a176a131", "81a176c3", "81a176ff",
        "81a176cb3ff0000000000000", "82a17601a46e616d6501", "82a17601a46e616d65c0"}) {
    EXPECT_EQ(decode_hello(from_hex(hex)), std::nullopt) << hex;
  }
}

TEST(Hello, ANumberOf64BitsIsTakenAndANegativeOneIsNot) {
  Hello hello;
  hello.features = hello.msg_max = kAll64;
  EXPECT_EQ(decode_hello(encode(hello)), hello);
  EXPECT_EQ(decode_hello(hello_map(2,
                                   [](Encoder& to) {
                                     to.put_text("v"), to.put_unsigned(1);
                                     to.put_text("window"), to.put_signed(-1);
                                   })),
            std::nullopt);
}

TEST(Hello, CutAtAnyByteItIsNone) {
  const Bytes bytes = encode(full_hello());
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    // In memory of its own: a sanitizer sees a read beyond.
    EXPECT_EQ(decode_hello(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut))), std::nullopt) << cut;
  }
}

TEST(Hello, LongerThanItsLimitItIsNone) {
  const auto of_bytes = [](std::size_t bytes) {
    return hello_map(2, [bytes](Encoder& to) {
      to.put_text("v"), to.put_unsigned(1);
      to.put_text("p");
      to.put_binary(Bytes(bytes - 9));  // 1 for the map, 3 for v, 2 for p, 3 for the head of these
    });
  };
  ASSERT_EQ(of_bytes(Hello::kBytesMax).size(), Hello::kBytesMax);
  EXPECT_TRUE(decode_hello(of_bytes(Hello::kBytesMax)).has_value());
  EXPECT_FALSE(decode_hello(of_bytes(Hello::kBytesMax + 1)).has_value());
}

TEST(Hello, PromisesAreNotBelieved) {
  // Four billion pairs; a text and an array of four gigabytes; nested deeper than the stack may be.
  for (const std::string_view hex : {"dfffffffffa17601", "82a17601dbffffffff61", "82a17601a178ddffffffff00"}) {
    EXPECT_EQ(decode_hello(from_hex(hex)), std::nullopt) << hex;
  }
  for (const char* const one_element : {"91", "81a161"}) {
    std::string hex = "82a17601a178";
    for (int depth = 0; depth < 300; ++depth) hex += one_element;
    EXPECT_EQ(decode_hello(from_hex(hex + "c0")), std::nullopt);
  }
}

RC_GTEST_PROP(Hello, SurvivesBeingSent, ()) {
  const auto number = rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(0, 300), rc::gen::arbitrary<std::uint64_t>());
  Hello hello;
  hello.version = std::max<std::uint64_t>(1, *number);
  hello.features = *number;
  hello.action_max = *number;
  hello.msg_max = *number;
  hello.blob_max = *number;
  hello.window = *number;
  hello.instance = *number;
  hello.name = *rc::gen::container<std::string>(rc::gen::inRange(' ', '\x7f'));
  hello.name.resize(std::min(hello.name.size(), Hello::kNameBytesMax));
  const Bytes bytes = encode(hello);
  RC_ASSERT(bytes.size() <= Hello::kBytesMax);
  RC_ASSERT(decode_hello(bytes) == hello);
}

// Bytes of a hello with some changed: whatever decodes is within its limits, and is the same when it is sent on.
RC_GTEST_PROP(Hello, OfBrokenBytesIsNoneOrWithinItsLimits, ()) {
  Bytes bytes = encode(full_hello());
  for (int changes = *rc::gen::inRange(1, 5); changes > 0; --changes) {
    bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = static_cast<std::byte>(*rc::gen::arbitrary<std::uint8_t>());
  }
  const std::optional<Hello> hello = decode_hello(bytes);
  if (!hello) return;
  RC_ASSERT(hello->version > 0u);
  RC_ASSERT(hello->name.size() <= Hello::kNameBytesMax);
  RC_ASSERT(std::ranges::all_of(hello->name, [](char c) { return c >= ' ' && c <= '~'; }));
  RC_ASSERT(decode_hello(encode(*hello)) == hello);
}

}  // namespace
}  // namespace razor::wire
