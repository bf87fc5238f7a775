// JSON as a format of messages. Fails when a value comes back as another one, when what a person writes is not read, or when what
// nobody has checked crashes, hangs, or takes memory without a bound.

#include "razor/json/json_format.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <limits>
#include <map>
#include <optional>

#include "razor/json/base64.h"
#include "razor/json/rfc3339.h"
#include "razor/wire/codec.h"
#include "tests/support/pick.h"

namespace razor::test {
namespace {

template <class T>
std::string json_of(const T& value) {
  wire::BytesSink sink;
  wire::encode_in(&json_format(), sink, [&](Encoder& to) { wire::encode(to, value); });
  return std::string(as_text(sink.view()));
}
template <class T>
T from_json(std::string_view text) {
  T value{};
  std::string why;
  EXPECT_TRUE(wire::decode_whole(as_bytes(text), value, &why, &json_format())) << text << ": " << why;
  return value;
}
std::string why_not(std::string_view text) {
  std::int64_t value = 0;
  std::string why;
  EXPECT_FALSE(wire::decode_whole(as_bytes(text), value, &why, &json_format())) << text;
  return why;
}

enum class Color { red, green };
RAZOR_ENUM(Color, red, green)
struct Item {
  int id = 0;
  std::optional<std::string> name;
  Color color = Color::red;
  RAZOR_FIELDS(Item, id, name, color)
  bool operator==(const Item&) const = default;
};

// What `nc` shows, and what a person may type.
TEST(JsonFormat, LooksAsPeopleExpect) {
  EXPECT_EQ(json_of(Item(3, "Ü \"quoted\"\n", Color::green)), R"({"id":3,"name":"Ü \"quoted\"\n","color":"green"})");
  EXPECT_EQ(json_of(Item(3, std::nullopt, Color::red)), R"({"id":3,"name":null,"color":"red"})");
  EXPECT_EQ(json_of(std::vector<std::vector<int>>{{1, -2}, {}}), "[[1,-2],[]]");
  EXPECT_EQ(json_of(std::tuple(true, 1.0, 0.1)), "[true,1.0,0.1]");
  EXPECT_EQ(json_of(std::map<int, bool>()), "{}");
  EXPECT_EQ(from_json<Item>(" {\n \"color\" : \"green\", \"unknown\": [{}], \"id\" : 3 } "),
            Item(3, std::nullopt, Color::green));
  EXPECT_EQ(from_json<double>("3"), 3.0);
  EXPECT_EQ(from_json<std::optional<int>>(""), std::nullopt);
  EXPECT_EQ(from_json<std::optional<int>>(" \n"), std::nullopt);
}

template <class T>
void expect_form(const T& value, std::string_view form) {
  EXPECT_EQ(json_of(value), form);
  EXPECT_EQ(wire::encoded(from_json<T>(form)), wire::encoded(value)) << form;
}

TEST(JsonFormat, WhatJsonHasNoFormForComesBack) {
  expect_form(UINT64_MAX, "18446744073709551615");
  expect_form(INT64_MIN, "-9223372036854775808");
  expect_form(0.1f, "0.10000000149011612");
  expect_form(-0.0, "-0.0");
  expect_form(std::numeric_limits<double>::denorm_min(), "5e-324");
  expect_form(std::numeric_limits<double>::max(), "1.7976931348623157e+308");
  expect_form(std::numeric_limits<float>::quiet_NaN(), R"({"$float":"7fc00000"})");
  expect_form(-std::numeric_limits<double>::infinity(), R"({"$float":"fff0000000000000"})");
  expect_form(Bytes{std::byte{0}, std::byte{1}, std::byte{2}}, R"({"$bin":"AAEC"})");
  expect_form(std::string("\xff"), R"({"$text":"/w=="})");
  expect_form(std::map<int, std::string>{{1, "one"}, {2, "two"}}, R"({"$map":[[1,"one"],[2,"two"]]})");
  expect_form(std::multimap<std::string, int>{{"a", 1}, {"a", 2}}, R"({"$map":[["a",1],["a",2]]})");
  expect_form(std::map<std::string, int>{{"$bin", 1}}, R"({"$map":[["$bin",1]]})");
  expect_form(std::map<std::string, int>{{"$bin", 1}, {"b", 2}}, R"({"$bin":1,"b":2})");
  expect_form(std::map<std::string, int>{{"\xff", 1}}, R"({"$map":[[{"$text":"/w=="},1]]})");
  expect_form(std::map<std::map<int, int>, int>{{{{1, 2}}, 3}}, R"({"$map":[[{"$map":[[1,2]]},3]]})");
  using Time = std::chrono::sys_time<std::chrono::nanoseconds>;
  expect_form(Time(), R"({"$time":"1970-01-01T00:00:00Z"})");
  expect_form(Time(std::chrono::nanoseconds(-1)), R"({"$time":"1969-12-31T23:59:59.999999999Z"})");
  using Seconds = std::chrono::sys_time<std::chrono::duration<std::int64_t>>;
  expect_form(Seconds(std::chrono::seconds(253'402'300'799)), R"({"$time":"9999-12-31T23:59:59Z"})");
  expect_form(Seconds(std::chrono::seconds(253'402'300'800)), R"({"$ext":"-1:AAAAAAAAADr/9EGA"})");
}

TEST(JsonFormat, SaysWhatIsNotJson) {
  EXPECT_NE(why_not("[1,").find("not JSON: parse error at line 1, column 4"), std::string::npos) << why_not("[1,");
  EXPECT_NE(why_not("1 2").find("expected end of input"), std::string::npos);
  EXPECT_NE(why_not("1e999").find("number overflow"), std::string::npos);
  EXPECT_NE(why_not("\"\xff\"").find("ill-formed UTF-8"), std::string::npos);
  for (const std::string_view list : {R"({"$map":[1]})", R"({"$map":[[1]]})", R"({"$map":[[1,2,3]]})", R"({"$map":[{}]})"}) {
    EXPECT_NE(why_not(list).find("$map lists pairs"), std::string::npos) << list;
  }
  EXPECT_NE(why_not(R"({"$map":3})").find("$map is an array of pairs"), std::string::npos);
  EXPECT_NE(why_not(R"({"$bin":3})").find("is a text"), std::string::npos);
  EXPECT_NE(why_not(R"({"$bin":["x"]})").find("is a text"), std::string::npos);
  EXPECT_NE(why_not(R"({"$bin":"x"})").find("$bin is not base64"), std::string::npos);
  EXPECT_NE(why_not(R"({"$time":"2026-02-29T00:00:00Z"})").find("$time is not a time"), std::string::npos);
  EXPECT_NE(why_not(R"({"$ext":"128:"})").find("$ext is not a type"), std::string::npos);
  EXPECT_NE(why_not(R"({"$float":"7g"})").find("$float is not"), std::string::npos);
  EXPECT_NE(why_not("true").find("expected an integer"), std::string::npos);
}

TEST(JsonFormat, ItsDepthIsBounded) {
  using Deep = std::vector<int>;
  for (const std::size_t depth : {65u, 193u, 1'000'000u}) {
    const std::string arrays = std::string(depth, '[') + std::string(depth, ']');
    EXPECT_NE(why_not(arrays).find("nested deeper than 64 levels"), std::string::npos);
    EXPECT_NE(why_not(std::string(depth, '[')).find("not JSON"), std::string::npos);
  }
  std::string maps;
  for (int i = 0; i < 64; ++i) maps += R"({"$map":[[0,)";
  maps += "1";
  for (int i = 0; i < 64; ++i) maps += "]]}";
  base::Bytes storage;
  EXPECT_NO_THROW((void)wire::translated(json_format(), as_bytes(maps), storage));
  EXPECT_EQ(from_json<Deep>("[7]"), Deep{7});
}

// --- Any values ------------------------------------------------------------------------------------------------------

void put_any(Encoder& to, int depth) {
  const auto bytes = [] {
    Bytes some(pick<std::size_t>(0, 20));
    for (std::byte& byte : some) byte = static_cast<std::byte>(pick(0, 256));
    return some;
  };
  switch (pick(0, depth > 0 ? 12 : 10)) {
    case 0: return to.put_nil();
    case 1: return to.put_bool(one_in(2));
    case 2: return to.put_unsigned(*rc::gen::arbitrary<std::uint64_t>() >> pick(0, 64));
    case 3: return to.put_signed(*rc::gen::arbitrary<std::int64_t>() >> pick(0, 64));
    case 4: return to.put_float(std::bit_cast<float>(*rc::gen::arbitrary<std::uint32_t>()));
    case 5: return to.put_double(std::bit_cast<double>(*rc::gen::arbitrary<std::uint64_t>()));
    case 6:
      return to.put_text(*rc::gen::element<std::string>("", "a", "$bin", "$map", "\"", "\\", "\n", "ü", "\xc3",
                                                        "long enough for an allocation"));
    case 7: return to.put_binary(bytes());
    case 8: return to.put_extension(static_cast<std::int8_t>(pick(-128, 128)), bytes());
    case 9: {
      const std::int64_t seconds = *rc::gen::arbitrary<std::int64_t>() >> pick(0, 64);
      return wire::put_timestamp(to, {seconds, static_cast<std::uint32_t>(pick(0, 1'000'000'000))});
    }
    case 10: {
      const int count = pick(0, 5);
      to.put_array(static_cast<std::size_t>(count));
      for (int i = 0; i < count; ++i) put_any(to, depth - 1);
      return;
    }
    default: {
      const int count = pick(0, 5);
      to.put_map(static_cast<std::size_t>(count));
      for (int i = 0; i < 2 * count; ++i) put_any(to, i % 2 == 0 && one_in(2) ? 0 : depth - 1);
      return;
    }
  }
}

// A float comes back as the double that has its value; all else byte for byte.
bool same(Decoder& one, Decoder& other) {
  using Kind = Decoder::Kind;
  const Kind kind = one.next_kind();
  if (kind == Kind::float32 && other.next_kind() == Kind::float64) {
    float narrow = 0;
    double wide = 0;
    return one.read_float(narrow) && other.read_double(wide) && static_cast<double>(narrow) == wide;
  }
  if (kind != other.next_kind()) return false;
  std::uint32_t count = 0, other_count = 0;
  if (kind == Kind::array) {
    if (!one.read_array(count) || !other.read_array(other_count) || count != other_count) return false;
  } else if (kind == Kind::map) {
    if (!one.read_map(count) || !other.read_map(other_count) || count != other_count) return false;
    count *= 2;
  } else {
    base::ByteView raw, other_raw;
    return one.read_raw(raw) && other.read_raw(other_raw) && std::ranges::equal(raw, other_raw);
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!same(one, other)) return false;
  }
  return true;
}

RC_GTEST_PROP(JsonFormat, AnyValueComesBack, ()) {
  wire::BytesSink values;
  Encoder to(values);
  put_any(to, 4);
  wire::BytesSink text;
  wire::translate(json_format(), values.view(), text);
  base::Bytes storage;
  const base::ByteView back = wire::translated(json_format(), text.view(), storage);
  Decoder one(values.view()), other(back);
  if (!same(one, other)) RC_FAIL(std::string(as_text(text.view())));
}

// Cut or changed anywhere, it is another value or an error, and what is made of it is bounded by what has come.
RC_GTEST_PROP(JsonFormat, BrokenTextsAreValuesOrErrors, ()) {
  wire::BytesSink values;
  Encoder to(values);
  put_any(to, 3);
  wire::BytesSink sink;
  wire::translate(json_format(), values.view(), sink);
  std::string text(as_text(sink.view()));
  if (one_in(2)) {
    text.resize(pick<std::size_t>(0, text.size() + 1));
  } else if (!text.empty()) {
    text[pick<std::size_t>(0, text.size())] = static_cast<char>(pick(0, 256));
  }
  base::Bytes storage;
  try {
    const base::ByteView back = wire::translated(json_format(), as_bytes(text), storage);
    RC_ASSERT(back.size() <= 4 * text.size() + 1);
    Decoder from(back);
    RC_ASSERT(from.skip() && from.finish());
  } catch (const DecodeError&) {
  }
}

// --- Its parts -------------------------------------------------------------------------------------------------------

// Source: RFC 4648, section 10.
TEST(Base64, TheVectorsOfItsRfc) {
  const std::map<std::string, std::string> vectors = {{"", ""},
                                                      {"f", "Zg=="},
                                                      {"fo", "Zm8="},
                                                      {"foo", "Zm9v"},
                                                      {"foob", "Zm9vYg=="},
                                                      {"fooba", "Zm9vYmE="},
                                                      {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : vectors) {
    EXPECT_EQ(json::base64_of(as_bytes(plain)), text);
    const auto bytes = json::bytes_of_base64(text);
    ASSERT_TRUE(bytes) << text;
    EXPECT_EQ(as_text(*bytes), plain);
  }
  for (const std::string_view broken :
       {"Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9v", "Zm9v\n", "Zm-_"}) {
    EXPECT_FALSE(json::bytes_of_base64(broken)) << broken;
  }
}

TEST(Rfc3339, TimesAndTexts) {
  const auto expect = [](std::string_view text, std::int64_t seconds, std::uint32_t nanoseconds, std::string_view said) {
    const auto time = json::timestamp_of(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(time->seconds, seconds) << text;
    EXPECT_EQ(time->nanoseconds, nanoseconds) << text;
    EXPECT_EQ(json::text_of(*time), said);
  };
  expect("1970-01-01T00:00:00Z", 0, 0, "1970-01-01T00:00:00Z");
  expect("2000-02-29T23:59:59.5Z", 951'868'799, 500'000'000, "2000-02-29T23:59:59.5Z");
  expect("2026-11-30T12:00:00.120000000Z", 1'796'040'000, 120'000'000, "2026-11-30T12:00:00.12Z");
  expect("0000-01-01T00:00:00Z", -62'167'219'200, 0, "0000-01-01T00:00:00Z");
  EXPECT_EQ(json::text_of({-62'167'219'201, 0}), std::nullopt);
  EXPECT_EQ(json::text_of({INT64_MIN, 0}), std::nullopt);
  EXPECT_EQ(json::text_of({INT64_MAX, 999'999'999}), std::nullopt);
  for (const std::string_view broken :
       {"", "2026-11-30T12:00:00", "2026-11-30 12:00:00Z", "2026-11-30T24:00:00Z", "2026-11-30T12:60:00Z",
        "2026-11-31T12:00:00Z", "2026-11-30T12:00:00.Z", "2026-11-30T12:00:00.1234567890Z", "2026-11-30T12:00:00.-1Z",
        "+026-11-30T12:00:00Z", "2026-11-30T12:00:60Z", "2026-00-30T12:00:00Z"}) {
    EXPECT_FALSE(json::timestamp_of(broken)) << broken;
  }
}

}  // namespace
}  // namespace razor::test
