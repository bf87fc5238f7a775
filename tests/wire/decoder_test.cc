// Reading received bytes. Were a length believed, a depth unbounded or a failure forgotten, the inputs below would
// crash, read beyond their end (a sanitizer says so), or be taken for values.

#include "razor/wire/decoder.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <optional>

#include "razor/wire/encoder.h"
#include "tests/wire/bytes.h"

namespace razor::wire {
namespace {

using base::Bytes;
using base::ByteView;
using test::from_hex;
using test::to_hex;

// Bytes in a block of exactly their size, so that a sanitizer sees each read beyond them.
class ExactBytes {
 public:
  explicit ExactBytes(ByteView bytes) : size_(bytes.size()), data_(std::make_unique<std::byte[]>(size_)) {
    std::copy(bytes.begin(), bytes.end(), data_.get());
  }
  ExactBytes(std::string_view hex) : ExactBytes(ByteView(from_hex(hex))) {}

  ByteView view() const { return {data_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<std::byte[]> data_;
};

std::optional<std::int64_t> signed_of(std::string_view hex, std::int64_t least = INT64_MIN, std::int64_t most = INT64_MAX) {
  const ExactBytes bytes(hex);
  Decoder from(bytes.view());
  std::int64_t value = 0;
  if (from.read_signed(value, least, most) && from.finish()) return value;
  EXPECT_FALSE(from.ok());
  return std::nullopt;
}

std::optional<std::uint64_t> unsigned_of(std::string_view hex, std::uint64_t most = UINT64_MAX) {
  const ExactBytes bytes(hex);
  Decoder from(bytes.view());
  std::uint64_t value = 0;
  if (from.read_unsigned(value, most) && from.finish()) return value;
  EXPECT_FALSE(from.ok());
  return std::nullopt;
}

std::optional<double> double_of(std::string_view hex) {
  const ExactBytes bytes(hex);
  Decoder from(bytes.view());
  double value = 0;
  if (from.read_double(value) && from.finish()) return value;
  return std::nullopt;
}

/// What one read of `hex` complains about.
template <class Read>
std::string error_of(std::string_view hex, Read read) {
  const ExactBytes bytes(hex);
  Decoder from(bytes.view());
  EXPECT_FALSE(read(from));
  EXPECT_FALSE(from.ok());
  return from.error_message();
}

bool skips(ByteView bytes) {
  const ExactBytes exact(bytes);
  Decoder from(exact.view());
  return from.skip() && from.finish();
}
bool skips(std::string_view hex) { return skips(from_hex(hex)); }

// --- Integers --------------------------------------------------------------------------------------------------------

TEST(Decoder, ReadsIntegersOfEveryForm) {
  EXPECT_EQ(signed_of("00"), 0);
  EXPECT_EQ(signed_of("7f"), 127);
  EXPECT_EQ(signed_of("ff"), -1);
  EXPECT_EQ(signed_of("e0"), -32);
  EXPECT_EQ(signed_of("cc80"), 128);
  EXPECT_EQ(signed_of("cdffff"), 65535);
  EXPECT_EQ(signed_of("ceffffffff"), 0xffffffff);
  EXPECT_EQ(signed_of("cf7fffffffffffffff"), INT64_MAX);
  EXPECT_EQ(signed_of("d080"), -128);
  EXPECT_EQ(signed_of("d18000"), -32768);
  EXPECT_EQ(signed_of("d280000000"), INT32_MIN);
  EXPECT_EQ(signed_of("d38000000000000000"), INT64_MIN);
  EXPECT_EQ(unsigned_of("cfffffffffffffffff"), UINT64_MAX);
}

TEST(Decoder, ReadsIntegersInLongerFormsThanTheyNeed) {
  for (const std::string_view hex :
       {"05", "cc05", "cd0005", "ce00000005", "cf0000000000000005", "d005", "d10005", "d200000005", "d30000000000000005"}) {
    EXPECT_EQ(signed_of(hex), 5) << hex;
    EXPECT_EQ(unsigned_of(hex), 5u) << hex;
  }
  for (const std::string_view hex : {"ff", "d0ff", "d1ffff", "d2ffffffff", "d3ffffffffffffffff"}) {
    EXPECT_EQ(signed_of(hex), -1) << hex;
    EXPECT_EQ(unsigned_of(hex), std::nullopt) << hex;
  }
}

TEST(Decoder, IntegersOutOfRangeAreRefused) {
  EXPECT_EQ(signed_of("cf8000000000000000"), std::nullopt);  // one above INT64_MAX
  EXPECT_EQ(signed_of("cfffffffffffffffff"), std::nullopt);
  EXPECT_EQ(signed_of("7f", -128, 127), 127);
  EXPECT_EQ(signed_of("cc80", -128, 127), std::nullopt);
  EXPECT_EQ(signed_of("d080", -128, 127), -128);
  EXPECT_EQ(signed_of("d1ff7f", -128, 127), std::nullopt);
  EXPECT_EQ(unsigned_of("ccff", 255), 255u);
  EXPECT_EQ(unsigned_of("cd0100", 255), std::nullopt);
  EXPECT_EQ(unsigned_of("d0ff", 255), std::nullopt);
}

RC_GTEST_PROP(Decoder, ReadsEveryIntegerThatTheEncoderWrites, ()) {
  const auto value = *rc::gen::oneOf(
      rc::gen::arbitrary<std::int64_t>(),
      rc::gen::map(rc::gen::arbitrary<std::int32_t>(), [](std::int32_t small) { return std::int64_t{small}; }));
  BytesSink sink;
  Encoder to(sink);
  to.put_signed(value);
  to.put_unsigned(static_cast<std::uint64_t>(value));
  Decoder from(sink.view());
  std::int64_t first = 0;
  std::uint64_t second = 0;
  RC_ASSERT(from.read_signed(first, INT64_MIN, INT64_MAX));
  RC_ASSERT(from.read_unsigned(second, UINT64_MAX));
  RC_ASSERT(from.finish());
  RC_ASSERT(first == value);
  RC_ASSERT(second == static_cast<std::uint64_t>(value));
}

// --- Floats, constants, runs -----------------------------------------------------------------------------------------

TEST(Decoder, ReadsFloatsOfBothSizesAndIntegersAsFloats) {
  EXPECT_EQ(double_of("ca3fc00000"), 1.5);
  EXPECT_EQ(double_of("cb3ff8000000000000"), 1.5);
  EXPECT_EQ(double_of("05"), 5.0);
  EXPECT_EQ(double_of("ff"), -1.0);
  EXPECT_EQ(double_of("cfffffffffffffffff"), 18446744073709551615.0);
  EXPECT_EQ(double_of("d38000000000000000"), -9223372036854775808.0);
  EXPECT_TRUE(std::isnan(*double_of("cb7ff8000000000000")));
  EXPECT_EQ(double_of("ca7f800000"), std::numeric_limits<double>::infinity());
  for (const std::string_view hex : {"", "c0", "a0", "c2", "ca3fc000", "cb3ff80000000000"}) {
    EXPECT_EQ(double_of(hex), std::nullopt) << hex;
  }
}

TEST(Decoder, ReadsConstants) {
  const ExactBytes bytes("c0 c2 c3");
  Decoder from(bytes.view());
  bool no = true;
  bool yes = false;
  EXPECT_TRUE(from.next_is_nil());
  EXPECT_TRUE(from.read_nil() && from.read_bool(no) && from.read_bool(yes) && from.finish());
  EXPECT_FALSE(no);
  EXPECT_TRUE(yes);
}

TEST(Decoder, ReadsTextsAndBinariesOfEveryForm) {
  for (const std::string_view head : {"a3", "d903", "da0003", "db00000003"}) {
    const ExactBytes bytes(std::string(head) + "616263");
    Decoder from(bytes.view());
    std::string_view text;
    EXPECT_TRUE(from.next_is_text());
    EXPECT_TRUE(from.read_text(text) && from.finish()) << head;
    EXPECT_EQ(text, "abc");
  }
  for (const std::string_view head : {"c403", "c50003", "c600000003"}) {
    const ExactBytes bytes(std::string(head) + "616263");
    Decoder from(bytes.view());
    ByteView binary;
    EXPECT_TRUE(from.read_binary(binary) && from.finish()) << head;
    EXPECT_EQ(base::as_text(binary), "abc");
  }
}

TEST(Decoder, SkipsATextThatItExpects) {
  for (const std::size_t length : {0, 1, 31, 32, 255}) {
    const std::string text(length, 'a');
    BytesSink sink;
    Encoder(sink).put_text(text);
    const ExactBytes bytes(sink.view());
    Decoder from(bytes.view());
    EXPECT_TRUE(from.skip_text(text) && from.finish()) << length;

    for (std::size_t shorter = 0; shorter < bytes.view().size(); ++shorter) {
      const ExactBytes part(bytes.view().first(shorter));
      Decoder truncated(part.view());
      EXPECT_FALSE(truncated.skip_text(text));
      EXPECT_TRUE(truncated.ok());
    }
  }
}

TEST(Decoder, ReadsNothingWhereTheTextIsAnother) {
  for (const std::string_view hex : {"a3616264", "a26162", "a461626364", "c403616263", "d903616263", "03", ""}) {
    const ExactBytes bytes(hex);
    Decoder from(bytes.view());
    EXPECT_FALSE(from.skip_text("abc")) << hex;
    EXPECT_TRUE(from.ok());
    EXPECT_EQ(from.bytes_left(), bytes.view().size());
  }
}

TEST(Decoder, TextsAndBinariesAreBorrowedFromTheBytes) {
  const ExactBytes bytes("a161 c401 62");
  Decoder from(bytes.view());
  std::string_view text;
  ByteView binary;
  EXPECT_TRUE(from.read_text(text) && from.read_binary(binary));
  EXPECT_EQ(reinterpret_cast<const std::byte*>(text.data()), bytes.view().data() + 1);
  EXPECT_EQ(binary.data(), bytes.view().data() + 4);
}

TEST(Decoder, TextIsNotBinaryAndBinaryIsNotText) {
  EXPECT_EQ(error_of("c400",
                     [](Decoder& from) {
                       std::string_view text;
                       return from.read_text(text);
                     }),
            "expected a string, found bytes, at byte 0");
  EXPECT_EQ(error_of("a0",
                     [](Decoder& from) {
                       ByteView bytes;
                       return from.read_binary(bytes);
                     }),
            "expected bytes, found a string, at byte 0");
}

TEST(Decoder, RunsLongerThanTheMessageAreRefused) {
  for (const std::string_view hex : {"a1", "bf 61", "d9", "d901", "d9ff 61", "da", "da00", "daffff 61", "db000000",
                                     "dbffffffff 61", "c4", "c401", "c5ff", "c5ffff 61", "c6ffffffff 61"}) {
    EXPECT_FALSE(skips(hex)) << hex;
  }
}

TEST(Decoder, AsksWhatComesNextWithoutReading) {
  const auto next = [](std::string_view hex) {
    const ExactBytes bytes(hex);
    const Decoder from(bytes.view());
    return std::array{from.next_is_nil(), from.next_is_text(), from.next_is_array(), from.next_is_map()};
  };
  EXPECT_EQ(next(""), (std::array{false, false, false, false}));
  EXPECT_EQ(next("c0"), (std::array{true, false, false, false}));
  for (const char* hex : {"a0", "bf", "d9", "da", "db"}) EXPECT_EQ(next(hex), (std::array{false, true, false, false}));
  for (const char* hex : {"90", "9f", "dc", "dd"}) EXPECT_EQ(next(hex), (std::array{false, false, true, false}));
  for (const char* hex : {"80", "8f", "de", "df"}) EXPECT_EQ(next(hex), (std::array{false, false, false, true}));
  for (const char* hex : {"00", "7f", "c1", "c2", "c4", "c7", "ca", "cc", "d3", "d4", "d8", "e0", "ff"}) {
    EXPECT_EQ(next(hex), (std::array{false, false, false, false})) << hex;
  }
}

// --- Arrays and maps -------------------------------------------------------------------------------------------------

std::optional<std::uint32_t> array_of(std::string_view hex) {
  const ExactBytes bytes(hex);
  Decoder from(bytes.view());
  std::uint32_t count = 0;
  if (from.read_array(count)) return count;
  return std::nullopt;
}

std::optional<std::uint32_t> map_of(std::string_view hex) {
  const ExactBytes bytes(hex);
  Decoder from(bytes.view());
  std::uint32_t count = 0;
  if (from.read_map(count)) return count;
  return std::nullopt;
}

TEST(Decoder, ReadsCountsOfEveryForm) {
  for (const std::string_view hex : {"92 0000", "dc0002 0000", "dd00000002 0000"}) EXPECT_EQ(array_of(hex), 2u) << hex;
  for (const std::string_view hex : {"82 00000000", "de0002 00000000", "df00000002 00000000"}) {
    EXPECT_EQ(map_of(hex), 2u) << hex;
  }
  EXPECT_EQ(array_of("90"), 0u);
  EXPECT_EQ(map_of("80"), 0u);
}

// CONTRACT: declared elements ≤ bytes left. Each element has at least one byte, each pair two.
TEST(Decoder, MoreElementsThanBytesAreRefused) {
  for (const std::string_view hex : {"91", "92 00", "9f 0000000000000000000000000000", "dc0001", "dc0002 00", "dcffff 00",
                                     "dd00000001", "dd00000002 00", "ddffffffff 0000"}) {
    EXPECT_EQ(array_of(hex), std::nullopt) << hex;
  }
  for (const std::string_view hex : {"81", "81 00", "82 000000", "de0001 00", "de0002 000000", "deffff 0000",
                                     "df00000001 00", "df80000000 0000", "dfffffffff 0000"}) {
    EXPECT_EQ(map_of(hex), std::nullopt) << hex;
  }
  EXPECT_EQ(error_of("dd00ffffff 00",
                     [](Decoder& from) {
                       std::uint32_t count;
                       return from.read_array(count);
                     }),
            "more elements are declared than bytes are left, at byte 5");
}

Bytes nested(int levels, std::string_view opening) {
  const Bytes level = from_hex(opening);
  Bytes bytes;
  for (int i = 0; i < levels; ++i) bytes.insert(bytes.end(), level.begin(), level.end());
  bytes.push_back(std::byte{0xc0});
  return bytes;
}

TEST(Decoder, SkipsNestedValuesUpTo64Levels) {
  for (const std::string_view opening : {"91", "dc0001", "dd00000001", "81 00", "de0001 a161", "df00000001 c0", "92c0"}) {
    EXPECT_TRUE(skips(nested(1, opening)));
    EXPECT_TRUE(skips(nested(64, opening))) << opening;
    EXPECT_FALSE(skips(nested(65, opening))) << opening;
    EXPECT_FALSE(skips(nested(100'000, opening))) << opening;
  }
}

TEST(Decoder, LeavingALevelMakesRoomForAnother) {
  Bytes bytes = from_hex("dc03e8");
  const Bytes deep = nested(63, "91");
  for (int i = 0; i < 1000; ++i) bytes.insert(bytes.end(), deep.begin(), deep.end());
  EXPECT_TRUE(skips(bytes));
}

TEST(Decoder, SkippingCountsTheLevelsAroundIt) {
  const Bytes bytes = nested(64, "91");
  Decoder from(bytes);
  EXPECT_TRUE(from.enter());
  EXPECT_FALSE(from.skip());
  EXPECT_TRUE(from.error_message().starts_with("nested deeper than 64 levels")) << from.error_message();
}

// --- Skipping --------------------------------------------------------------------------------------------------------

TEST(Decoder, SkipsOneValueOfEveryKind) {
  for (const std::string_view hex : {"00",
                                     "7f",
                                     "80",
                                     "8100c0",
                                     "90",
                                     "91c0",
                                     "a0",
                                     "a161",
                                     "c0",
                                     "c2",
                                     "c3",
                                     "c40161",
                                     "c5000161",
                                     "c60000000161",
                                     "c7 01 05 aa",
                                     "c8 0001 05 aa",
                                     "c9 00000001 05 aa",
                                     "ca00000000",
                                     "cb0000000000000000",
                                     "cc00",
                                     "cd0000",
                                     "ce00000000",
                                     "cf0000000000000000",
                                     "d000",
                                     "d10000",
                                     "d200000000",
                                     "d30000000000000000",
                                     "d4 05 aa",
                                     "d5 05 aaaa",
                                     "d6 05 aaaaaaaa",
                                     "d7 05 aaaaaaaaaaaaaaaa",
                                     "d8 05 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                     "d90161",
                                     "da000161",
                                     "db0000000161",
                                     "dc0001c0",
                                     "dd00000001c0",
                                     "de0001c0c0",
                                     "df00000001c0c0",
                                     "e0",
                                     "ff",
                                     "c70005"}) {
    const Bytes bytes = from_hex(hex);
    EXPECT_TRUE(skips(bytes)) << hex;
    EXPECT_FALSE(skips(test::joined(bytes, from_hex("c0")))) << hex << " is one value";
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      EXPECT_FALSE(skips(ByteView(bytes).first(cut))) << hex << " cut at " << cut;
    }
  }
}

TEST(Decoder, TheByteThatMsgpackNeverUsesIsRefused) {
  EXPECT_EQ(error_of("c1", [](Decoder& from) { return from.skip(); }),
            "expected a value, found a byte that msgpack never uses, at byte 0");
}

TEST(Decoder, GivesTheBytesOfAValue) {
  const ExactBytes bytes("93 01 9202a0 03");
  Decoder from(bytes.view());
  std::uint32_t count = 0;
  ByteView raw;
  EXPECT_TRUE(from.read_array(count) && from.skip() && from.read_raw(raw));
  EXPECT_EQ(to_hex(raw), "9202a0");
  EXPECT_EQ(from.bytes_left(), 1u);
  EXPECT_TRUE(from.read_raw(raw) && from.finish());
  EXPECT_EQ(to_hex(raw), "03");
  EXPECT_FALSE(from.read_raw(raw));
}

// --- Errors ----------------------------------------------------------------------------------------------------------

TEST(DecoderErrors, SayWhatWasExpectedWhatWasFoundAndWhere) {
  const auto integer = [](Decoder& from) {
    std::int64_t value;
    return from.read_signed(value, -128, 127);
  };
  const auto number = [](Decoder& from) {
    std::uint64_t value;
    return from.read_unsigned(value, 255);
  };
  const auto real = [](Decoder& from) {
    double value;
    return from.read_double(value);
  };
  const auto boolean = [](Decoder& from) {
    bool value;
    return from.read_bool(value);
  };
  const auto nil = [](Decoder& from) { return from.read_nil(); };
  const auto text = [](Decoder& from) {
    std::string_view value;
    return from.read_text(value);
  };
  const auto binary = [](Decoder& from) {
    ByteView value;
    return from.read_binary(value);
  };
  const auto array = [](Decoder& from) {
    std::uint32_t count;
    return from.read_array(count);
  };
  const auto map = [](Decoder& from) {
    std::uint32_t count;
    return from.read_map(count);
  };

  EXPECT_EQ(error_of("a0", integer), "expected an integer, found a string, at byte 0");
  EXPECT_EQ(error_of("d9", number), "expected an integer, found a string, at byte 0");
  EXPECT_EQ(error_of("", integer), "expected an integer, found the end, at byte 0");
  EXPECT_EQ(error_of("ca3fc00000", integer), "expected an integer, found a float, at byte 0");
  EXPECT_EQ(error_of("c0", integer), "expected an integer, found nil, at byte 0");
  EXPECT_EQ(error_of("cd", integer), "the message ends inside a value, at byte 0");
  EXPECT_EQ(error_of("cd0100", integer), "integer out of range, at byte 0");
  EXPECT_EQ(error_of("ff", number), "integer out of range, at byte 0");
  EXPECT_EQ(error_of("c3", real), "expected a number, found a boolean, at byte 0");
  EXPECT_EQ(error_of("00", boolean), "expected a boolean, found an integer, at byte 0");
  EXPECT_EQ(error_of("d300", boolean), "expected a boolean, found an integer, at byte 0");
  EXPECT_EQ(error_of("e0", nil), "expected nil, found an integer, at byte 0");
  EXPECT_EQ(error_of("80", text), "expected a string, found a map, at byte 0");
  EXPECT_EQ(error_of("de", binary), "expected bytes, found a map, at byte 0");
  EXPECT_EQ(error_of("80", array), "expected an array, found a map, at byte 0");
  EXPECT_EQ(error_of("90", map), "expected a map, found an array, at byte 0");
  EXPECT_EQ(error_of("dc", map), "expected a map, found an array, at byte 0");
  EXPECT_EQ(error_of("c700", map), "expected a map, found an extension, at byte 0");
  EXPECT_EQ(error_of("d8", map), "expected a map, found an extension, at byte 0");
  EXPECT_EQ(error_of("a5 61", text), "the message ends inside a value, at byte 1");
  EXPECT_EQ(error_of("c0 a5 61 62 63", [&](Decoder& from) { return from.read_nil() && text(from); }),
            "the message ends inside a value, at byte 2");
}

TEST(DecoderErrors, BytesLeftOverAreAnError) {
  EXPECT_EQ(error_of("c0c0", [](Decoder& from) { return from.read_nil() && from.finish(); }),
            "bytes are left over, at byte 1");
}

TEST(DecoderErrors, TheFirstOneSticks) {
  const ExactBytes bytes("01 02 03");
  Decoder from(bytes.view());
  EXPECT_TRUE(from.ok());
  EXPECT_EQ(from.error_message(), "no error");
  EXPECT_FALSE(from.read_nil());
  const std::string first = from.error_message();

  std::int64_t integer = 0;
  std::uint64_t number = 0;
  double real = 0;
  bool boolean = false;
  std::string_view text;
  ByteView binary;
  std::uint32_t count = 0;
  EXPECT_FALSE(from.read_signed(integer, INT64_MIN, INT64_MAX));
  EXPECT_FALSE(from.read_unsigned(number, UINT64_MAX));
  EXPECT_FALSE(from.read_double(real));
  EXPECT_FALSE(from.read_bool(boolean));
  EXPECT_FALSE(from.read_text(text));
  EXPECT_FALSE(from.read_binary(binary));
  EXPECT_FALSE(from.read_array(count));
  EXPECT_FALSE(from.read_map(count));
  EXPECT_FALSE(from.skip());
  EXPECT_FALSE(from.read_raw(binary));
  EXPECT_FALSE(from.finish());
  EXPECT_FALSE(from.fail("another"));
  EXPECT_EQ(from.bytes_left(), 0u);
  EXPECT_EQ(from.error_message(), first);
  EXPECT_EQ(first, "expected nil, found an integer, at byte 0");
}

TEST(DecoderErrors, NameTheInnermostField) {
  const ExactBytes bytes("01");
  Decoder from(bytes.view());
  EXPECT_FALSE(from.read_nil());
  EXPECT_FALSE(from.fail_in("inner"));
  EXPECT_FALSE(from.fail_in("outer"));
  EXPECT_EQ(from.error_message(), "expected nil, found an integer, in field 'inner', at byte 0");

  Decoder named(bytes.view());
  EXPECT_FALSE(named.fail("a required field is missing", "age"));
  EXPECT_FALSE(named.fail_in("outer"));
  EXPECT_EQ(named.error_message(), "a required field is missing, in field 'age', at byte 0");

  Decoder without_reason(bytes.view());
  EXPECT_FALSE(without_reason.fail_in("age"));
  EXPECT_FALSE(without_reason.ok());
  EXPECT_EQ(without_reason.error_message(), "its codec returned false and did not say why, in field 'age', at byte 0");
}

// --- Hostile bytes ---------------------------------------------------------------------------------------------------

rc::Gen<Bytes> any_bytes() {
  // Tags of containers and runs more often than chance would have it.
  const auto byte = rc::gen::weightedOneOf<std::uint8_t>({
      {2, rc::gen::arbitrary<std::uint8_t>()},
      {1, rc::gen::inRange<std::uint8_t>(0x80, 0xa0)},
      {1, rc::gen::inRange<std::uint8_t>(0xc0, 0xe0)},
      {1, rc::gen::inRange<std::uint8_t>(0, 4)},
  });
  return rc::gen::container<Bytes>(rc::gen::map(byte, [](std::uint8_t value) { return std::byte{value}; }));
}

RC_GTEST_PROP(Decoder, SkipsRandomBytesWithoutHarm, ()) {
  const Bytes bytes = *any_bytes();
  const ExactBytes exact{ByteView(bytes)};
  Decoder from(exact.view());
  while (from.bytes_left() > 0 && from.skip()) {
  }
  RC_ASSERT(from.bytes_left() == 0u);
}

RC_GTEST_PROP(Decoder, SurvivesAnyOrderOfReads, ()) {
  const Bytes bytes = *any_bytes();
  const auto reads = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 11));
  const ExactBytes exact{ByteView(bytes)};
  Decoder from(exact.view());
  std::int64_t integer;
  std::uint64_t number;
  double real;
  bool boolean;
  std::string_view text;
  ByteView binary;
  std::uint32_t count;
  for (const int read : reads) {
    const bool was_ok = from.ok();
    bool read_well = true;
    switch (read) {
      case 0: read_well = from.read_nil(); break;
      case 1: read_well = from.read_bool(boolean); break;
      case 2: read_well = from.read_signed(integer, -100, 100); break;
      case 3: read_well = from.read_unsigned(number, 1000); break;
      case 4: read_well = from.read_double(real); break;
      case 5: read_well = from.read_text(text); break;
      case 6: read_well = from.read_binary(binary); break;
      case 7: read_well = from.read_array(count) && count <= from.bytes_left(); break;
      case 8: read_well = from.read_map(count) && 2 * std::size_t{count} <= from.bytes_left(); break;
      case 9: read_well = from.skip(); break;
      default: read_well = from.read_raw(binary); break;
    }
    RC_ASSERT(read_well == from.ok());
    RC_ASSERT(was_ok || !read_well);
  }
}

}  // namespace
}  // namespace razor::wire
