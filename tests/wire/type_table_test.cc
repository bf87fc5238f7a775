// The table of types: what each sends, byte for byte, alone, as a field, as an element, as an alternative of a variant and
// as a result that may be absent; and that each comes back. A family whose bytes change, or that cannot stand inside of
// another, fails in its row. Every prefix of the bytes is refused, and whatever a changed byte makes of them is refused or is
// another value of the type.

#include <gtest/gtest.h>

#include <bit>
#include <bitset>
#include <chrono>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "razor/base/error.h"
#include "razor/wire/codec.h"
#include "tests/wire/bytes.h"

namespace razor::table {

using namespace std::chrono_literals;
using base::Bytes;
using base::ByteView;
using wire::test::from_hex;
using wire::test::joined;
using wire::test::to_hex;

// --- Types of users -------------------------------------------------------------------------------------------------

enum class Color : std::int8_t { red = 1, blue = -2 };
enum class Priority { low, normal, high };
RAZOR_ENUM(Priority, low, normal, high)
enum class Suit { hearts, spades };
RAZOR_ENUM(Suit, RAZOR_ENUMERATOR_AS(hearts, "Hearts"), RAZOR_ENUMERATOR_AS(spades, "Spades"))

struct Nothing {
  RAZOR_UNIT(Nothing)
};
struct Point {
  int x = 0;
  int y = 0;
  RAZOR_FIELDS(Point, x, y)
};
struct Rgb {
  int r = 0, g = 0, b = 0;
  RAZOR_TUPLE(Rgb, r, g, b)
};
struct UserId {
  std::uint64_t id = 0;
  RAZOR_NEWTYPE(UserId, id)
};
using Shape = std::variant<Nothing, UserId, Point, Priority>;
using MaybeShape = std::variant<std::monostate, Nothing, Point>;

/// Private fields, with other names on the wire.
class Account {
 public:
  int balance() const { return balance_; }

 private:
  int balance_ = 0;
  std::string owner_;
  RAZOR_FIELDS(Account, RAZOR_FIELD_AS(balance_, "balance"), RAZOR_FIELD_AS(owner_, "owner"))
};

struct Event {
  std::uint64_t id = 0;
  Priority priority = Priority::normal;
  RAZOR_FIELDS(Event, id, priority)
};
struct Payment : Event {
  int amount = 0;
  RAZOR_FIELDS(Payment, RAZOR_BASE(Event), amount)
};
struct Renamed : Event {
  RAZOR_FIELDS(Renamed, RAZOR_BASE(Event))
};

template <class T>
struct Box {
  T content{};
  std::optional<T> other;
  RAZOR_FIELDS(Box, content, other)
};

struct Tree {
  int value = 0;
  std::vector<Tree> children;
  RAZOR_FIELDS(Tree, value, children)
};
struct List {
  int value = 0;
  std::unique_ptr<List> next;
  RAZOR_FIELDS(List, value, next)
};
struct Arrays {
  int numbers[3] = {};
  char text[4] = {};
  std::byte bytes[2] = {};
  int grid[2][2] = {};
  RAZOR_FIELDS(Arrays, numbers, text, bytes, grid)
};

/// A type of another library's, which cannot be edited.
class Money {
 public:
  Money() = default;
  static Money of_cents(std::int64_t cents) {
    Money money;
    money.cents_ = cents;
    return money;
  }
  std::int64_t cents() const { return cents_; }

 private:
  std::int64_t cents_ = 0;
};

}  // namespace razor::table

template <>
struct razor::Codec<razor::table::Money> {
  static void encode(Encoder& to, const table::Money& money) { razor::encode(to, money.cents()); }
  static bool decode(Decoder& from, table::Money& money) {
    std::int64_t cents = 0;
    return razor::decode(from, cents) && (money = table::Money::of_cents(cents), true);
  }
};

namespace razor::table {

// --- A row ----------------------------------------------------------------------------------------------------------

template <class T>
struct Field {
  T value{};
  RAZOR_FIELDS(Field, value)
};
template <class T>
struct Alternative {
  T value{};
  RAZOR_NEWTYPE(Alternative, value)
};

template <class T>
[[gnu::noinline]] bool decode_value(ByteView bytes, T& value, std::string* why = nullptr) {
  return wire::decode_whole(bytes, value, why);
}

/// What `bytes` give once they are decoded; nothing when they do not.
template <class T>
[[gnu::noinline]] std::string there_and_back(ByteView bytes) {
  T value{};
  std::string why;
  if (!decode_value(bytes, value, &why)) return "does not decode: " + why;
  return to_hex(wire::encoded(value));
}

std::string without_spaces(std::string_view hex) {
  std::string text(hex);
  std::erase(text, ' ');
  return text;
}

/// `value` travels as `hex`; and so it does where it stands inside of others.
template <class T>
void expect_row(const char* name, T value, std::string_view spaced_hex) {
  SCOPED_TRACE(name);
  const std::string hex = without_spaces(spaced_hex);
  EXPECT_EQ(to_hex(wire::encoded(value)), hex);
  const Bytes bytes = from_hex(hex);
  EXPECT_EQ(there_and_back<T>(bytes), hex);

  for (std::size_t end = 0; end < bytes.size(); ++end) {
    T cut{};
    EXPECT_FALSE(decode_value(ByteView(bytes).first(end), cut)) << "cut to " << end << " bytes";
    Bytes changed = bytes;
    for (const unsigned flipped : {0x01u, 0x10u, 0x80u, 0xffu}) {
      changed[end] = bytes[end] ^ static_cast<std::byte>(flipped);
      T other{};
      if (decode_value(changed, other)) {
        EXPECT_FALSE(wire::encoded(other).empty());
      }
    }
  }

  EXPECT_EQ(there_and_back<Field<T>>(from_hex("81a576616c7565" + hex)), "81a576616c7565" + hex) << "as a field";
  EXPECT_EQ(there_and_back<std::vector<T>>(from_hex("92" + hex + hex)), "92" + hex + hex) << "as an element";
  using Variant = std::variant<Nothing, Alternative<T>>;
  EXPECT_EQ(there_and_back<Variant>(from_hex("81ab416c7465726e6174697665" + hex)), "81ab416c7465726e6174697665" + hex)
      << "as an alternative";
  if constexpr (!wire::detail::MayBeNil<T>) {
    EXPECT_EQ(there_and_back<std::optional<T>>(bytes), hex) << "where it may be absent";
  }
}

/// It is refused, with these words.
template <class T>
void expect_refused(std::string_view hex, std::string_view why) {
  T value{};
  std::string said;
  EXPECT_FALSE(decode_value(from_hex(hex), value, &said)) << hex;
  EXPECT_NE(said.find(why), std::string::npos) << said;
}

template <class T>
void expect_not_encoded(const T& value, std::string_view why) {
  try {
    (void)wire::encoded(value);
    ADD_FAILURE() << "it was encoded";
  } catch (const EncodeError& error) {
    EXPECT_NE(std::string_view(error.what()).find(why), std::string_view::npos) << error.what();
  }
}

#define ROW(type, value, hex) expect_row<type>(#type, value, hex)

// --- The table --------------------------------------------------------------------------------------------------------

TEST(TypeTable, Numbers) {
  ROW(bool, true, "c3");
  ROW(bool, false, "c2");
  ROW(char, 'a', "61");
  ROW(std::int8_t, -128, "d080");
  ROW(std::uint8_t, 255, "ccff");
  ROW(std::int16_t, -300, "d1fed4");
  ROW(std::uint16_t, 65535, "cdffff");
  ROW(std::int32_t, -1, "ff");
  ROW(std::uint32_t, 4294967295u, "ceffffffff");
  ROW(std::int64_t, INT64_MIN, "d38000000000000000");
  ROW(std::uint64_t, UINT64_MAX, "cfffffffffffffffff");
  ROW(long long, 7, "07");
  ROW(float, 1.5f, "ca3fc00000");
  ROW(float, std::bit_cast<float>(0x7fa00001u), "ca7fa00001");  // a signalling NaN, bit by bit
  ROW(double, -0.0, "cb8000000000000000");
  ROW(double, std::bit_cast<double>(std::uint64_t{0x7ff0000000000001}), "cb7ff0000000000001");
  EXPECT_EQ(there_and_back<std::byte>(from_hex("ccc8")), "ccc8") << "alone; in a row they are bin";
  ROW(Color, Color::blue, "fe");
  ROW(std::errc, std::errc::no_such_file_or_directory, "02");
  ROW(std::bitset<5>, 0b10110, "16");
  ROW(std::bitset<64>, ~0ull, "cfffffffffffffffff");
  ROW(std::bitset<77>, std::bitset<77>(3) << 75 | std::bitset<77>(1), "c40a 01000000000000000018");
}

TEST(TypeTable, Texts) {
  ROW(std::string, "text", "a474657874");
  ROW(std::string, std::string("\0\xff", 2), "a200ff");
  ROW(std::u8string, u8"é", "a2c3a9");
  ROW(std::filesystem::path, "/tmp/a", "a62f746d702f61");
  EXPECT_EQ(to_hex(wire::encoded(std::string_view("view"))), "a476696577") << "sent only";
  EXPECT_EQ(to_hex(wire::encoded("literal")), "a76c69746572616c") << "sent only";
}

TEST(TypeTable, Bytes) {
  ROW(Bytes, (Bytes{std::byte{1}, std::byte{2}}), "c4020102");
  ROW(std::vector<std::uint8_t>, (std::vector<std::uint8_t>{1, 200}), "92 01 ccc8");
  using FourBytes = std::array<std::byte, 4>;
  ROW(FourBytes, (FourBytes{std::byte{1}}), "c404 01000000");
  const std::array<std::byte, 2> two = {std::byte{1}, std::byte{2}};
  EXPECT_EQ(to_hex(wire::encoded(ByteView(two))), "c4020102") << "sent only";
  EXPECT_EQ(there_and_back<Bytes>(from_hex("92 01 ccc8")), "c40201c8") << "read from either";
  EXPECT_EQ(there_and_back<std::vector<std::uint8_t>>(from_hex("c40201c8")), "9201ccc8");
  EXPECT_EQ(there_and_back<FourBytes>(from_hex("94 01 02 03 04")), "c40401020304");
  expect_refused<FourBytes>("c40101", "wrong number of elements");
  expect_refused<FourBytes>("c4050102030405", "too many bytes");
}

TEST(TypeTable, Containers) {
  ROW(std::vector<int>, (std::vector<int>{1, 2}), "920102");
  ROW(std::vector<bool>, (std::vector<bool>{true, false}), "92c3c2");
  ROW(std::deque<int>, (std::deque<int>{1, 2}), "920102");
  ROW(std::list<int>, (std::list<int>{1, 2}), "920102");
  ROW(std::forward_list<int>, (std::forward_list<int>{1, 2}), "920102");
  ROW(std::set<int>, (std::set<int>{2, 1}), "920102");
  ROW(std::multiset<int>, (std::multiset<int>{2, 1, 2}), "93010202");
  ROW(std::unordered_set<int>, (std::unordered_set<int>{7}), "9107");
  ROW(std::unordered_multiset<int>, (std::unordered_multiset<int>{7, 7}), "920707");
  using Map = std::map<std::string, int>;
  ROW(Map, (Map{{"a", 1}, {"b", 2}}), "82 a161 01 a162 02");
  using ByPriority = std::map<Priority, Point>;
  ROW(ByPriority, (ByPriority{{Priority::high, Point(1, 2)}}), "81 a468696768 82 a178 01 a179 02");
  using Multimap = std::multimap<int, int>;
  ROW(Multimap, (Multimap{{1, 2}, {1, 3}}), "82 0102 0103");
  using HashMap = std::unordered_map<int, bool>;
  ROW(HashMap, (HashMap{{1, true}}), "81 01c3");
  using HashMultimap = std::unordered_multimap<int, bool>;
  ROW(HashMultimap, (HashMultimap{{1, true}, {1, true}}), "82 01c3 01c3");
}

TEST(TypeTable, OfAFixedNumberOfElements) {
  using ThreeInts = std::array<int, 3>;
  ROW(ThreeInts, (ThreeInts{1, 2, 3}), "93010203");
  using Pair = std::pair<int, std::string>;
  ROW(Pair, (Pair{1, "a"}), "9201a161");
  using Tuple = std::tuple<int, bool, std::string>;
  ROW(Tuple, (Tuple{1, true, "a"}), "9301c3a161");
  ROW(std::tuple<>, std::tuple<>(), "90");
  ROW(Arrays, Arrays({1, 2, 3}, "abc", {std::byte{9}, std::byte{8}}, {{1, 2}, {3, 4}}),
      "84 a76e756d62657273 93010203 a474657874 a3616263 a56279746573 c4020908 a467726964 92 920102 920304");
  const std::vector<int> ints = {1, 2};
  EXPECT_EQ(to_hex(wire::encoded(std::span(ints))), "920102") << "sent only";
  EXPECT_EQ(to_hex(wire::encoded(std::span(ints).first<1>())), "9101") << "sent only";
}

TEST(TypeTable, WhatMayBeNil) {
  ROW(std::optional<int>, 5, "05");
  ROW(std::optional<int>, std::nullopt, "c0");
  ROW(std::unique_ptr<int>, std::make_unique<int>(5), "05");
  ROW(std::unique_ptr<int>, nullptr, "c0");
  ROW(std::shared_ptr<Point>, std::make_shared<Point>(1, 2), "82 a178 01 a179 02");
  ROW(std::unique_ptr<const Point>, std::make_unique<Point>(1, 2), "82 a178 01 a179 02");
  ROW(Unit, Unit(), "c0");
  ROW(std::monostate, std::monostate(), "c0");
  ROW(MaybeShape, MaybeShape(), "c0");
  ROW(MaybeShape, MaybeShape(Nothing()), "a74e6f7468696e67");
}

TEST(TypeTable, Time) {
  ROW(std::chrono::milliseconds, -5ms, "fb");
  ROW(std::chrono::hours, 100h, "64");
  ROW(std::chrono::duration<double>, 0.5s, "cb3fe0000000000000");
  using std::chrono::sys_days;
  using std::chrono::sys_seconds;
  using Milliseconds = std::chrono::sys_time<std::chrono::milliseconds>;
  using Nanoseconds = std::chrono::sys_time<std::chrono::nanoseconds>;
  ROW(sys_seconds, sys_seconds(1s), "d6ff 00000001");
  ROW(sys_seconds, sys_seconds(4294967295s), "d6ff ffffffff");
  ROW(sys_seconds, sys_seconds(4294967296s), "d7ff 0000000100000000");
  ROW(sys_seconds, sys_seconds(17179869184s), "c70cff 00000000 0000000400000000");
  ROW(sys_seconds, sys_seconds(-1s), "c70cff 00000000 ffffffffffffffff");
  ROW(Nanoseconds, Nanoseconds(1s + 1ns), "d7ff 0000000400000001");
  ROW(Nanoseconds, Nanoseconds(-1ns), "c70cff 3b9ac9ff ffffffffffffffff");
  ROW(Nanoseconds, Nanoseconds::min(), "c70cff 08a7f200 fffffffdda3e82fb");
  ROW(Nanoseconds, Nanoseconds::max(), "d7ff cbcb5ffe25c17d04");
  ROW(Milliseconds, Milliseconds(-1500ms), "c70cff 1dcd6500 fffffffffffffffe");
  ROW(sys_days, sys_days(std::chrono::days(-1)), "c70cff 00000000 fffffffffffeae80");
  ROW(std::chrono::system_clock::time_point, std::chrono::system_clock::time_point(), "d6ff 00000000");
  ROW(wire::Timestamp, (wire::Timestamp{5, 7}), "d7ff 0000001c00000005");
}

TEST(TypeTable, TypesOfUsers) {
  ROW(Priority, Priority::high, "a468696768");
  ROW(Suit, Suit::spades, "a6537061646573");
  ROW(Nothing, Nothing(), "90");
  ROW(Point, Point(1, -1), "82 a178 01 a179 ff");
  ROW(Rgb, Rgb(1, 2, 3), "93010203");
  ROW(UserId, UserId(7), "07");
  ROW(Shape, Nothing(), "a74e6f7468696e67");
  ROW(Shape, UserId(7), "81 a6557365724964 07");
  ROW(Shape, Point(1, 2), "81 a5506f696e74 82 a178 01 a179 02");
  ROW(Shape, Priority::low, "81 a85072696f72697479 a36c6f77");
  ROW(Account, Account(5, "me"), "82 a762616c616e6365 05 a56f776e6572 a26d65");
  ROW(Payment, Payment(Event(3, Priority::low), 5), "83 a26964 03 a87072696f72697479 a36c6f77 a6616d6f756e74 05");
  ROW(Renamed, Renamed(Event(3, Priority::low)), "82 a26964 03 a87072696f72697479 a36c6f77");
  ROW(Box<int>, Box<int>(1, 2), "82 a7636f6e74656e74 01 a56f74686572 02");
  ROW(Box<std::string>, Box<std::string>("a", std::nullopt), "82 a7636f6e74656e74 a161 a56f74686572 c0");
  ROW(Tree, Tree(1, {Tree(2, {})}), "82 a576616c7565 01 a86368696c6472656e 91 82 a576616c7565 02 a86368696c6472656e 90");
  ROW(List, List(1, std::make_unique<List>(2, nullptr)), "82 a576616c7565 01 a46e657874 82 a576616c7565 02 a46e657874 c0");
  ROW(Money, Money::of_cents(150), "cc96");
  ROW(std::error_code, std::make_error_code(std::errc::permission_denied), "92 a767656e65726963 0d");
  ROW(std::error_code, base::make_error_code(base::Errc::unreachable), "92 a572617a6f72 01");
  ROW(std::error_code, std::error_code(), "92 a673797374656d 00");
}

// --- What is refused ----------------------------------------------------------------------------------------------------

TEST(Refused, NumbersOutOfRange) {
  expect_refused<std::int8_t>("cc80", "out of range");
  expect_refused<std::uint64_t>("ff", "out of range");
  expect_refused<float>("cb7fe0000000000000", "out of range");
  expect_refused<std::bitset<5>>("20", "out of range");
  expect_refused<std::bitset<77>>("c40a 00000000000000000020", "wrong number of bits");
  expect_refused<std::bitset<77>>("c409 000000000000000000", "wrong number of bits");
}

TEST(Refused, ValuesThatAnEnumDoesNotName) {
  expect_refused<Priority>("a36d6178", "no such value of the enum");
  expect_refused<Priority>("01", "expected a string");
  expect_not_encoded(static_cast<Priority>(17), "RAZOR_ENUM does not list");
  EXPECT_EQ(there_and_back<Priority>(from_hex("81 a468696768 c0")), "a468696768") << "as a variant of the reference's with data";
}

TEST(Refused, TimestampsThatAreNone) {
  using Nanoseconds = std::chrono::sys_time<std::chrono::nanoseconds>;
  using Seconds32 = std::chrono::sys_time<std::chrono::duration<std::int32_t>>;
  expect_refused<Nanoseconds>("d7ff ee6b280000000000", "10^9 nanoseconds");
  expect_refused<Nanoseconds>("c70cff 3b9aca00 0000000000000000", "10^9 nanoseconds");
  expect_refused<Nanoseconds>("c70cff 00000000 7fffffffffffffff", "out of range");
  expect_refused<Nanoseconds>("c70cff 00000000 8000000000000000", "out of range");
  expect_refused<Nanoseconds>("d7ff cbcb600225c17d04", "out of range");  // one nanosecond above the last
  expect_refused<Nanoseconds>("c70cff 08a7f1ff fffffffdda3e82fb", "out of range");
  expect_refused<Seconds32>("d6ff 80000000", "out of range");
  expect_refused<Nanoseconds>("d6fe 00000000", "another extension");
  expect_refused<Nanoseconds>("d5ff 0000", "another length");
  expect_refused<Nanoseconds>("00", "expected an extension");
  expect_not_encoded(wire::Timestamp{0, 1'000'000'000}, "10^9");
  EXPECT_EQ(there_and_back<std::chrono::sys_seconds>(from_hex("c70cff 1dcd6500 fffffffffffffffe")), "c70cff00000000fffffffffffffffe")
      << "whole seconds take what has begun";
}

TEST(Refused, ErrorCodesOfCategoriesThatTheReceiverDoesNotHave) {
  expect_not_encoded(std::make_error_code(std::future_errc::no_state), "only this process knows");
  expect_refused<std::error_code>("92 a4 6173696f 01", "unknown category");
}

TEST(Depth, AListThatIsTooLongIsAnErrorNotAnOverflow) {
  List list;
  List* last = &list;
  for (int i = 0; i < 100'000; ++i) last = (last->next = std::make_unique<List>()).get();
  expect_not_encoded(list, "nested deeper than 64 levels");
  while (list.next) list.next = std::move(list.next->next);  // its own destructor would recurse
}

struct Cycle {
  std::shared_ptr<Cycle> self;
  RAZOR_NEWTYPE(Cycle, self)
};
TEST(Depth, ACycleIsAnError) {
  Cycle cycle;
  cycle.self = std::make_shared<Cycle>();
  cycle.self->self = cycle.self;
  expect_not_encoded(cycle, "nested deeper than 64 levels");
  cycle.self->self.reset();
}

TEST(Depth, IsTheSameSentAndReceived) {
  const auto list_of = [](int length) {
    auto list = std::make_unique<List>();
    for (int i = 1; i < length; ++i) list = std::make_unique<List>(i, std::move(list));
    return list;
  };
  const Bytes longest = wire::encoded(list_of(64));
  std::unique_ptr<List> again;
  EXPECT_TRUE(decode_value(longest, again));
  expect_not_encoded(list_of(65), "64 levels");
  const Bytes longer = joined(from_hex("82 a576616c7565 00 a46e657874"), longest);
  std::string why;
  EXPECT_FALSE(decode_value(longer, again, &why));
  EXPECT_NE(why.find("nested deeper than 64 levels"), std::string::npos) << why;
}

// What is behind a pointer may take no bytes at all, and the stack all the same.
TEST(Depth, ATypeThatIsOnlyPointersIsBounded) { expect_refused<Cycle>("01", "nested deeper than 64 levels"); }

// --- Structs ------------------------------------------------------------------------------------------------------------

#define TEN(prefix) \
  prefix##0, prefix##1, prefix##2, prefix##3, prefix##4, prefix##5, prefix##6, prefix##7, prefix##8, prefix##9
struct Large {
  int TEN(a), TEN(b), TEN(c), TEN(d), TEN(e), TEN(f), TEN(g);
  Large(int value) : Large() {
    razor_visit(*this, [&value](const wire::FieldInfo&, int& field) {
      field = value++;
      return true;
    });
  }
  RAZOR_FIELDS(Large, TEN(a), TEN(b), TEN(c), TEN(d), TEN(e), TEN(f), TEN(g))
};

TEST(Structs, MayHaveManyFields) {
  static_assert(Large::razor_field_count() == 70);
  const Large large(1000);
  const Bytes bytes = wire::encoded(large);
  Large again;
  ASSERT_TRUE(decode_value(bytes, again));
  EXPECT_EQ(again.g9, 1069);
  // The last field first.
  Bytes last_first = joined(from_hex("de0046 a26739 05"), ByteView(bytes).subspan(3, 69 * 6));
  ASSERT_TRUE(decode_value(last_first, again));
  EXPECT_EQ(again.g9, 5);
  EXPECT_EQ(again.a0, 1000);
  std::string why;
  EXPECT_FALSE(decode_value(joined(from_hex("de0045"), ByteView(bytes).subspan(3, 69 * 6)), again, &why));
  EXPECT_NE(why.find("a required field is missing, in field 'g9'"), std::string::npos) << why;
}

TEST(Structs, FieldsOfABaseComeInAnyOrder) {
  EXPECT_EQ(there_and_back<Payment>(from_hex("83 a6616d6f756e74 05 a87072696f72697479 a36c6f77 a26964 03")),
            without_spaces("83 a26964 03 a87072696f72697479 a36c6f77 a6616d6f756e74 05"));
  expect_refused<Payment>("82 a6616d6f756e74 05 a26964 03", "a required field is missing, in field 'priority'");
  expect_refused<Payment>("83 a26964 03 a26964 03 a6616d6f756e74 05", "a field appears twice");
}

TEST(Structs, WhatMayBeNilMayBeLeftOut) { EXPECT_EQ(there_and_back<List>(from_hex("81 a576616c7565 01")), "82a576616c756501a46e657874c0"); }

}  // namespace razor::table
