// Values of users' types, decoded. Three bugs are remembered here:
//
// - 2 MB of chosen keys for a std::unordered_map stopped the server's thread for seconds: all were put into one bucket. Without
//   the guard, the floods below are accepted, and take minutes.
// - Where a key came twice in a map, the second value was decoded into the first: what the second left out (an optional
//   field, an element of an adaptor's) was there from the first, so a handler saw a value that nobody sent. Without the
//   fix, a value that is decoded into a used object differs from the same decoded into a new one.
// - An empty array for an `int a[2]` was read beyond its end, by msgpack-cxx, in types that only that can decode; a
//   `char a[4]` that its text fills was read on behind it when it was encoded.

#include "razor/wire/codec.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "razor/base/random_stream.h"
#include "razor/wire/msgpack_adaptor.h"
#include "tests/wire/bytes.h"

namespace razor::wire {
namespace {

using base::Bytes;
using base::ByteView;
using base::RandomStream;
using test::from_hex;
using test::to_hex;

// Not inlined: there are many types, and each is used in many places.
template <class T>
[[gnu::noinline]] bool decode_value(ByteView bytes, T& value, std::string* why = nullptr) {
  return decode_whole(bytes, value, why);
}
template <class T>
[[gnu::noinline]] Bytes bytes_of(const T& value) {
  return encoded(value);
}

template <class T>
std::optional<T> decoded(ByteView bytes, std::string* why = nullptr) {
  T value{};
  if (decode_value(bytes, value, why)) return value;
  return std::nullopt;
}
template <class T>
std::optional<T> decoded(std::string_view hex) {
  return decoded<T>(ByteView(from_hex(hex)));
}

// --- Types of users -------------------------------------------------------------------------------------------------

struct Nothing {
  RAZOR_UNIT(Nothing)
};
struct Record {
  std::string name;
  std::optional<int> age;
  std::optional<std::string> nick = "none";
  std::vector<int> scores;
  RAZOR_FIELDS(Record, name, age, nick, scores)
  bool operator==(const Record&) const = default;
};
struct Rgb {
  std::optional<int> red;
  int green = 0;
  RAZOR_TUPLE(Rgb, red, green)
  bool operator==(const Rgb&) const = default;
};
struct Names {
  std::list<std::string> names;
  RAZOR_NEWTYPE(Names, names)
  bool operator==(const Names&) const = default;
};
using Choice = std::variant<Nothing, Rgb, Names>;

struct ByMsgpack {
  std::optional<int> level = 3;
  std::map<std::string, Record> records;
  MSGPACK_DEFINE_MAP(level, records)
  auto fields() { return std::tie(level, records); }
  bool operator==(const ByMsgpack&) const = default;
};
struct ListByMsgpack {
  std::optional<int> level;
  std::set<int> numbers;
  MSGPACK_DEFINE(level, numbers)
  auto fields() { return std::tie(level, numbers); }
  bool operator==(const ListByMsgpack&) const = default;
};
struct OfArrays {
  int numbers[4] = {};
  char text[4] = {};
  unsigned char bytes[3] = {};
  MSGPACK_DEFINE_MAP(numbers, text, bytes)
  bool operator==(const OfArrays&) const = default;
};

// What only msgpack-cxx can decode: its packing is written by hand.
struct ByHand {
  std::unordered_map<std::uint64_t, int> table;
  std::map<std::string, ByMsgpack> maps;
  int numbers[2] = {};

  template <class Packer>
  void msgpack_pack(Packer& packer) const {
    packer.pack_array(4);
    packer.pack_int(1);
    packer.pack(table);
    packer.pack(maps);
    packer.pack(numbers);
  }
  void msgpack_unpack(const msgpack::object& from) {
    if (from.type != msgpack::type::ARRAY || from.via.array.size != 4) throw msgpack::type_error();
    from.via.array.ptr[1].convert(table);
    from.via.array.ptr[2].convert(maps);
    from.via.array.ptr[3].convert(numbers);
  }
  template <class Object>
  void msgpack_object(Object*, msgpack::zone&) const {}
  bool operator==(const ByHand&) const = default;
};

struct HashOfTheLowBits {
  std::size_t operator()(std::uint64_t key) const { return key & 7; }
};

// --- Floods -----------------------------------------------------------------------------------------------------------

/// `count` keys that a table which holds them has in one bucket.
std::vector<std::uint64_t> colliding_keys(std::size_t count) {
  std::unordered_set<std::uint64_t> table;
  while (table.size() < count) table.insert(table.size());
  std::vector<std::uint64_t> keys;
  for (std::uint64_t i = 0; i < count; ++i) keys.push_back(i * table.bucket_count());
  return keys;
}

Bytes map_of_keys(const std::vector<std::uint64_t>& keys) {
  BytesSink sink;
  Encoder to(sink);
  to.put_map(keys.size());
  for (const std::uint64_t key : keys) {
    to.put_unsigned(key);
    to.put_unsigned(1);
  }
  return std::move(sink).take();
}

template <class T>
void expect_refused(const Bytes& bytes) {
  std::string why;
  EXPECT_FALSE(decoded<T>(bytes, &why).has_value());
  EXPECT_NE(why.find("collide"), std::string::npos) << why;
  EXPECT_NE(why.find("16 comparisons"), std::string::npos) << "the limit is named: " << why;
}

TEST(HashFlood, IsRefusedInEveryHashTable) {
  const std::vector<std::uint64_t> keys = colliding_keys(100'000);
  const Bytes map = map_of_keys(keys);
  const Bytes list = encoded(keys);
  expect_refused<std::unordered_map<std::uint64_t, int>>(map);
  expect_refused<std::unordered_multimap<std::uint64_t, int>>(map);
  expect_refused<std::unordered_set<std::uint64_t>>(list);
  expect_refused<std::unordered_multiset<std::uint64_t>>(list);
  expect_refused<std::unordered_map<std::uint64_t, int, HashOfTheLowBits>>(map);
}

TEST(HashFlood, IsRefusedInsideOfOtherTypes) {
  using Table = std::unordered_map<std::uint64_t, int>;
  const Bytes map = map_of_keys(colliding_keys(100'000));
  expect_refused<std::vector<Table>>(test::joined(from_hex("91"), map));
  expect_refused<std::shared_ptr<Table>>(map);
  expect_refused<std::forward_list<Table>>(test::joined(from_hex("91"), map));
  expect_refused<ByHand>(test::joined(test::joined(from_hex("94 01"), map), from_hex("80 90")));
}

// Equal keys in a multimap are no flood: they are found at once.
TEST(HashFlood, ManyValuesOfOneKeyAreNone) {
  const Bytes map = map_of_keys(std::vector<std::uint64_t>(100'000, 7));
  const auto table = decoded<std::unordered_multimap<std::uint64_t, int>>(map);
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ(table->size(), 100'000u);
  EXPECT_EQ(decoded<std::unordered_set<std::uint64_t>>(encoded(std::vector<std::uint64_t>(100'000, 7)))->size(), 1u);
}

TEST(HashFlood, SmallTablesMayHaveAPoorHash) {
  std::vector<std::uint64_t> keys;
  for (std::uint64_t i = 0; i < 100; ++i) keys.push_back(i * 8);
  const auto table = decoded<std::unordered_map<std::uint64_t, int, HashOfTheLowBits>>(map_of_keys(keys));
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ(table->size(), 100u);
}

template <class Key, class MakeKey>
void expect_accepted(std::size_t count, MakeKey make_key) {
  std::vector<Key> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back(make_key(i));
  const auto set = decoded<std::unordered_set<Key>>(encoded(keys));
  ASSERT_TRUE(set.has_value());
  EXPECT_EQ(*set, std::unordered_set<Key>(keys.begin(), keys.end()));
}

TEST(HashFlood, KeysThatNobodyChoseAreAccepted) {
  RandomStream random(1);
  expect_accepted<std::uint64_t>(1'000'000, [&](std::size_t) { return random.bits(); });
  expect_accepted<std::uint64_t>(1'000'000, [](std::size_t i) { return i; });
  expect_accepted<std::uint64_t>(100'000, [](std::size_t i) { return i << 20; });
  expect_accepted<std::int64_t>(100'000, [](std::size_t i) { return -1000 * static_cast<std::int64_t>(i); });
  expect_accepted<std::string>(100'000, [](std::size_t i) { return "user-" + std::to_string(i); });
  expect_accepted<double>(100'000, [](std::size_t i) { return static_cast<double>(i) / 3; });
}

// --- A key that comes twice -------------------------------------------------------------------------------------------

// {"a": {name: "x", age: 1, nick: "y", scores: [1, 2]}, "a": {name: "z", scores: [3]}}
constexpr std::string_view kTwice =
    "82 a161 84 a46e616d65 a178 a3616765 01 a46e69636b a179 a673636f726573 920102"
    "   a161 82 a46e616d65 a17a a673636f726573 9103";

template <class Map>
void expect_the_last() {
  const auto map = decoded<Map>(kTwice);
  ASSERT_TRUE(map.has_value());
  ASSERT_EQ(map->size(), 1u);
  EXPECT_EQ(map->begin()->second, Record("z", std::nullopt, "none", {3})) << "nothing of the first value is left";
}

TEST(KeyThatComesTwice, HasTheLastValueAlone) {
  expect_the_last<std::map<std::string, Record>>();
  expect_the_last<std::unordered_map<std::string, Record>>();
  const auto both = decoded<std::multimap<std::string, Record>>(kTwice);
  ASSERT_TRUE(both.has_value());
  EXPECT_EQ(both->size(), 2u) << "a multimap is for that";
}

TEST(KeyThatComesTwice, HasTheLastValueAloneInsideOfAdaptors) {
  // {"k": {level: 5, records: {}}, "k": {records: {}}}
  const auto value =
      decoded<ByHand>("94 01 80 82 a16b 82 a56c6576656c 05 a77265636f726473 80 a16b 81 a77265636f726473 80 90");
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->maps.at("k").level, 3) << "as in a new one";
}

// As the reference does: what would it mean?
TEST(KeyThatComesTwice, IsRefusedWhereItNamesAField) {
  std::string why;
  EXPECT_FALSE(decoded<Record>(from_hex("83 a46e616d65 a178 a673636f726573 90 a46e616d65 a179"), &why));
  EXPECT_EQ(why, "a field appears twice, in field 'name', at byte 21");
}

// --- Decoding afresh --------------------------------------------------------------------------------------------------

// Any value of any of the families, from chance.
template <class T>
void draw(RandomStream& random, T& value);

template <class Tuple>
void draw_each(RandomStream& random, Tuple&& elements) {
  std::apply([&](auto&... element) { (draw(random, element), ...); }, elements);
}

template <class T>
[[gnu::noinline]] void draw(RandomStream& random, T& value) {
  using namespace detail;
  if constexpr (std::is_same_v<T, bool>) {
    value = random.one_in(2);
  } else if constexpr (std::is_integral_v<T>) {
    value = static_cast<T>(random.below(random.one_in(2) ? 5 : 100'000));
  } else if constexpr (std::is_same_v<T, double>) {
    value = static_cast<double>(random.below(1000)) / 4;
  } else if constexpr (std::is_same_v<T, std::string>) {
    value.assign(random.below(4), static_cast<char>('a' + random.below(3)));
  } else if constexpr (std::is_same_v<T, std::byte>) {
    value = static_cast<std::byte>(random.below(256));
  } else if constexpr (is_a<T, std::optional>) {
    value.reset();
    if (random.one_in(2)) draw(random, value.emplace());
  } else if constexpr (is_a<T, std::shared_ptr>) {
    value = std::make_shared<typename T::element_type>();
    draw(random, *value);
  } else if constexpr (std::is_same_v<T, std::vector<bool>>) {
    value.clear();
    for (auto left = random.below(5); left > 0; --left) value.push_back(random.one_in(2));
  } else if constexpr (Sequence<T>) {
    value.clear();
    for (auto left = random.below(5); left > 0; --left) draw(random, value.emplace_back());
  } else if constexpr (Map<T>) {
    value.clear();
    for (auto left = random.below(5); left > 0; --left) {
      typename T::key_type key{};
      typename T::mapped_type mapped{};
      draw(random, key);
      draw(random, mapped);
      value.emplace(std::move(key), std::move(mapped));
    }
  } else if constexpr (Set<T>) {
    value.clear();
    for (auto left = random.below(5); left > 0; --left) {
      typename T::key_type key{};
      draw(random, key);
      value.insert(std::move(key));
    }
  } else if constexpr (TupleLike<T> || is_std_array<T>) {
    draw_each(random, value);
  } else if constexpr (std::is_same_v<T, Choice>) {
    switch (random.below(3)) {
      case 0: value.template emplace<Nothing>(); break;
      case 1: draw(random, value.template emplace<Rgb>()); break;
      default: draw(random, value.template emplace<Names>()); break;
    }
  } else if constexpr (std::is_same_v<T, OfArrays>) {
    for (int& number : value.numbers) draw(random, number);
    for (char& c : value.text) c = static_cast<char>('a' + random.below(3));
    for (unsigned char& byte : value.bytes) draw(random, byte);
  } else if constexpr (std::is_same_v<T, ByHand>) {
    draw(random, value.table);
    draw(random, value.maps);
    for (int& number : value.numbers) draw(random, number);
  } else if constexpr (Named<T>) {
    T::razor_visit(value, [&random](const FieldInfo&, auto& field) {
      draw(random, field);
      return true;
    });
  } else {
    draw_each(random, value.fields());
  }
}

// A Record whose absent fields are left out, where `encode` would say nil.
Bytes shortened(const Record& record) {
  BytesSink sink;
  Encoder to(sink);
  to.put_map(2u + record.age.has_value() + record.nick.has_value());
  to.put_text("scores");
  encode(to, record.scores);
  to.put_text("name");
  encode(to, record.name);
  if (record.age) {
    to.put_text("age");
    encode(to, *record.age);
  }
  if (record.nick) {
    to.put_text("nick");
    encode(to, *record.nick);
  }
  return std::move(sink).take();
}

template <class T>
bool same(const T& a, const T& b) {
  return a == b;
}
template <class T>
bool same(const std::shared_ptr<T>& a, const std::shared_ptr<T>& b) {
  return a && b ? *a == *b : a == b;
}

/// Decoding into an object that held something gives what decoding into a new one gives: the same refusal, or the same value.
template <class T>
void expect_afresh(const Bytes& bytes, const T& used) {
  T fresh{};
  T again = used;
  std::string why_not_fresh;
  std::string why_not_again;
  const bool into_fresh = decode_value(bytes, fresh, &why_not_fresh);
  const bool into_used = decode_value(bytes, again, &why_not_again);
  RC_ASSERT(into_fresh == into_used);
  RC_ASSERT(why_not_fresh == why_not_again);
  if (into_fresh) RC_ASSERT(same(fresh, again));
}

template <class T>
class CodecFamily : public testing::Test {};

using Families =
    testing::Types<bool, std::uint8_t, std::int64_t, double, std::string, std::optional<std::string>, std::vector<std::byte>,
                   std::vector<std::uint8_t>, std::vector<bool>, std::vector<Record>, std::list<std::optional<int>>,
                   std::deque<std::string>, std::array<std::optional<int>, 3>, std::pair<int, Record>,
                   std::tuple<std::optional<int>, std::vector<int>, Record>, std::map<std::string, Record>,
                   std::multimap<int, std::string>, std::unordered_map<std::string, std::vector<int>>,
                   std::unordered_multimap<int, int>, std::set<std::string>, std::multiset<int>,
                   std::unordered_set<std::string>, std::unordered_multiset<int>, Choice, Record, Rgb, Names, ByMsgpack,
                   ListByMsgpack, OfArrays, ByHand, std::shared_ptr<Record>, std::shared_ptr<ByMsgpack>>;
TYPED_TEST_SUITE(CodecFamily, Families);

template <class T>
T drawn(RandomStream& random) {
  T value{};
  draw(random, value);
  return value;
}

TYPED_TEST(CodecFamily, ComesBackAsItWas) {
  EXPECT_TRUE(rc::check("what is encoded is decoded", [](std::uint64_t seed) {
    RandomStream random(seed);
    const auto value = drawn<TypeParam>(random);
    TypeParam again{};
    RC_ASSERT(decode_value(bytes_of(value), again));
    if constexpr (std::is_same_v<TypeParam, Choice>) {
      RC_ASSERT(bytes_of(value) == bytes_of(again));
    } else {
      RC_ASSERT(same(value, again));
    }
  }));
}

TYPED_TEST(CodecFamily, IsDecodedAfresh) {
  EXPECT_TRUE(rc::check("a used object is as good as a new one", [](std::uint64_t seed) {
    RandomStream random(seed);
    const auto used = drawn<TypeParam>(random);
    const auto sent = drawn<TypeParam>(random);
    if constexpr (!std::is_same_v<TypeParam, Choice>) expect_afresh(bytes_of(sent), used);
    if constexpr (std::is_same_v<TypeParam, Record>) expect_afresh(shortened(sent), used);
  }));
}

// Every prefix, and every byte changed: nothing is read beyond the end (a sanitizer says so), and what decodes at all
// decodes into a used object as into a new one.
TYPED_TEST(CodecFamily, SurvivesBytesThatAreCutAndChanged) {
  EXPECT_TRUE(rc::check("cut and changed", [](std::uint64_t seed) {
    RandomStream random(seed);
    const auto used = drawn<TypeParam>(random);
    const Bytes bytes = bytes_of(drawn<TypeParam>(random));
    if constexpr (!std::is_same_v<TypeParam, Choice>) {
      for (std::size_t end = 0; end < bytes.size(); ++end) {
        const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(end));
        TypeParam value{};
        RC_ASSERT(!decode_value(cut, value));
        Bytes changed = bytes;
        changed[end] = static_cast<std::byte>(random.below(256));
        expect_afresh(changed, used);
      }
    }
  }));
}

TEST(DecodeAfresh, FieldsThatMayBeAbsentAreAsInANewValue) {
  Record record("used", 40, "nick", {1, 2});
  ASSERT_TRUE(decode_whole(from_hex("82 a46e616d65 a178 a673636f726573 90"), record));
  EXPECT_EQ(record, Record("x", std::nullopt, "none", {}));

  ByMsgpack by_msgpack{7, {{"a", record}}};
  ASSERT_TRUE(decode_whole(from_hex("81 a77265636f726473 80"), by_msgpack));
  EXPECT_EQ(by_msgpack, ByMsgpack());
}

TEST(DecodeAfresh, AVariantOfAUsedObjectIsReplaced) {
  Choice choice = Names({"a", "b"});
  ASSERT_TRUE(decode_whole(from_hex("81 a54e616d6573 91 a163"), choice));
  EXPECT_EQ(std::get<Names>(choice), Names({"c"}));
}

// --- Names of fields ---------------------------------------------------------------------------------------------------

struct LongNames {
  int first = 0;
  int second = 0;
  int third = 0;
  RAZOR_FIELDS(LongNames, RAZOR_FIELD_AS(first, "a_name_that_does_not_fit_into_the_first_byte"), second,
               RAZOR_FIELD_AS(third,
                              "a_name_of_more_than_a_byte_can_count_________________________________________________________"
                              "__________________________________________________________________________________________"
                              "__________________________________________________________________________________________"))
};

TEST(NamesOfFields, MayBeLong) {
  LongNames value;
  ASSERT_TRUE(decode_whole(encoded(LongNames(1, 2, 3)), value));
  EXPECT_EQ(value.first, 1);
  EXPECT_EQ(value.second, 2);
  EXPECT_EQ(value.third, 3);
}

TEST(NamesOfFields, MayComeInALongerForm) {
  Record record;
  ASSERT_TRUE(decode_whole(from_hex("82 d9046e616d65 a178 da000673636f726573 9107"), record));
  EXPECT_EQ(record, Record("x", std::nullopt, "none", {7}));
}

// --- Units ------------------------------------------------------------------------------------------------------------

struct Holder {
  Nothing nothing;
  std::optional<Nothing> maybe;
  RAZOR_FIELDS(Holder, nothing, maybe)
};

TEST(Units, AreSentAsTheReferenceSendsThem) {
  EXPECT_EQ(to_hex(encoded(Nothing())), "90");
  EXPECT_EQ(to_hex(encoded(std::vector<Nothing>(2))), "929090");
  EXPECT_EQ(to_hex(encoded(std::optional(Nothing()))), "90") << "not nil: it is there";
  EXPECT_EQ(to_hex(encoded(Unit())), "c0") << "the reference's ()";
  EXPECT_EQ(to_hex(encoded(Choice(Nothing()))), "a74e6f7468696e67") << "an alternative travels by its name";
}

TEST(Units, AreReadFromNilAndFromAnEmptyArray) {
  for (const std::string_view hex : {"c0", "90", "dc0000", "dd00000000"}) {
    EXPECT_TRUE(decoded<Nothing>(hex)) << hex;
    EXPECT_TRUE(decoded<Unit>(hex)) << hex;
    EXPECT_TRUE(decoded<Choice>("81 a74e6f7468696e67" + std::string(hex))) << hex;
  }
  for (const std::string_view hex : {"", "91c0", "80", "00", "a0", "dc", "dc0001c0", "9090"}) {
    EXPECT_FALSE(decoded<Nothing>(hex)) << hex;
  }
  std::string why;
  EXPECT_FALSE(decoded<Nothing>(from_hex("91c0"), &why));
  EXPECT_EQ(why, "expected nil or an empty array, found an array, at byte 0");
  const auto holder = decoded<Holder>("82 a76e6f7468696e67 90 a56d61796265 90");
  ASSERT_TRUE(holder.has_value());
  EXPECT_TRUE(holder->maybe.has_value());
}

// --- Arrays of the language -------------------------------------------------------------------------------------------

TEST(Arrays, AreFilledFromTheBeginning) {
  OfArrays value{{1, 2, 3, 4}, {'a', 'b', 'c', 'd'}, {5, 6, 7}};
  // {numbers: [9], text: "x", bytes: bin 08}
  ASSERT_TRUE(decode_whole(from_hex("83 a76e756d62657273 9109 a474657874 a178 a56279746573 c40108"), value));
  EXPECT_EQ(value, (OfArrays{{9, 0, 0, 0}, {'x', 0, 0, 0}, {8, 0, 0}}));
  ASSERT_TRUE(decode_whole(from_hex("83 a76e756d62657273 90 a474657874 a0 a56279746573 c400"), value));
  EXPECT_EQ(value, OfArrays());
}

TEST(Arrays, MayBeSentEmptyToWhatMsgpackDecodes) {
  const auto value = decoded<ByHand>("94 01 80 80 90");
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(*value, ByHand());
}

TEST(Arrays, RefuseMoreThanTheyHold) {
  EXPECT_FALSE(decoded<OfArrays>("83 a76e756d62657273 95 0102030405 a474657874 a0 a56279746573 c400"));
  EXPECT_FALSE(decoded<OfArrays>("83 a76e756d62657273 90 a474657874 a56162636465 a56279746573 c400"));
  EXPECT_FALSE(decoded<OfArrays>("83 a76e756d62657273 90 a474657874 a0 a56279746573 c40401020304"));
}

TEST(Arrays, ATextMayFillItsArray) {
  const OfArrays full{{}, {'a', 'b', 'c', 'd'}, {}};
  EXPECT_NE(to_hex(encoded(full)).find("a461626364"), std::string::npos);
  EXPECT_EQ(decoded<OfArrays>(encoded(full)), full);
}

}  // namespace
}  // namespace razor::wire
