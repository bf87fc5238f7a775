#pragma once
// The table of types: values of every type that travels, and the bytes that each is (the table of lib/razor/wire/types.md). Each group is
// a function that hands its rows to `row.template add<Type>(name, value, hex)`; what a test does with a row is its own.

#include <bit>
#include <bitset>
#include <chrono>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "razor/base/error.h"
#include "razor/wire/codec.h"

namespace razor::table {

using namespace std::chrono_literals;
using base::Bytes;
using base::ByteView;

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

using FourBytes = std::array<std::byte, 4>;

/// T inside of others.
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

// --- The rows -------------------------------------------------------------------------------------------------------

#define ROW(type, value, hex) row.template add<type>(#type, value, hex)

template <class Row>
void integers(Row row) {
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
  ROW(Color, Color::blue, "fe");
  ROW(std::errc, std::errc::no_such_file_or_directory, "02");
}

template <class Row>
void floats_and_bits(Row row) {
  ROW(float, 1.5f, "ca3fc00000");
  ROW(float, std::bit_cast<float>(0x7fa00001u), "ca7fa00001");  // a signalling NaN, bit by bit
  ROW(double, -0.0, "cb8000000000000000");
  ROW(double, std::bit_cast<double>(std::uint64_t{0x7ff0000000000001}), "cb7ff0000000000001");
  ROW(std::bitset<5>, 0b10110, "16");
  ROW(std::bitset<64>, ~0ull, "cfffffffffffffffff");
  ROW(std::bitset<77>, std::bitset<77>(3) << 75 | std::bitset<77>(1), "c40a 01000000000000000018");
}

template <class Row>
void texts(Row row) {
  ROW(std::string, "text", "a474657874");
  ROW(std::string, std::string("\0\xff", 2), "a200ff");
  ROW(std::u8string, u8"é", "a2c3a9");
  ROW(std::filesystem::path, "/tmp/a", "a62f746d702f61");
}

template <class Row>
void runs_of_bytes(Row row) {
  ROW(Bytes, (Bytes{std::byte{1}, std::byte{2}}), "c4020102");
  ROW(std::vector<std::uint8_t>, (std::vector<std::uint8_t>{1, 200}), "92 01 ccc8");
  ROW(FourBytes, (FourBytes{std::byte{1}}), "c404 01000000");
}

template <class Row>
void containers(Row row) {
  ROW(std::vector<int>, (std::vector<int>{1, 2}), "920102");
  ROW(std::vector<bool>, (std::vector<bool>{true, false}), "92c3c2");
  ROW(std::deque<int>, (std::deque<int>{1, 2}), "920102");
  ROW(std::list<int>, (std::list<int>{1, 2}), "920102");
  ROW(std::forward_list<int>, (std::forward_list<int>{1, 2}), "920102");
  ROW(std::set<int>, (std::set<int>{2, 1}), "920102");
  ROW(std::multiset<int>, (std::multiset<int>{2, 1, 2}), "93010202");
  ROW(std::unordered_set<int>, (std::unordered_set<int>{7}), "9107");
  ROW(std::unordered_multiset<int>, (std::unordered_multiset<int>{7, 7}), "920707");
}

template <class Row>
void maps(Row row) {
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

template <class Row>
void of_a_fixed_number_of_elements(Row row) {
  using ThreeInts = std::array<int, 3>;
  ROW(ThreeInts, (ThreeInts{1, 2, 3}), "93010203");
  using Pair = std::pair<int, std::string>;
  ROW(Pair, (Pair{1, "a"}), "9201a161");
  using Tuple = std::tuple<int, bool, std::string>;
  ROW(Tuple, (Tuple{1, true, "a"}), "9301c3a161");
  ROW(std::tuple<>, std::tuple<>(), "90");
  ROW(Arrays, Arrays({1, 2, 3}, "abc", {std::byte{9}, std::byte{8}}, {{1, 2}, {3, 4}}),
      "84 a76e756d62657273 93010203 a474657874 a3616263 a56279746573 c4020908 a467726964 92 920102 920304");
}

template <class Row>
void what_may_be_nil(Row row) {
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

template <class Row>
void times(Row row) {
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

template <class Row>
void types_of_users(Row row) {
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
}

template <class Row>
void types_made_of_others(Row row) {
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

#undef ROW

}  // namespace razor::table
