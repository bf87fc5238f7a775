// The table of types (type_table.h): what each sends, byte for byte, alone, as a field, as an element, as an alternative of a variant and
// as a result that may be absent; and that each comes back. A family whose bytes change, or that cannot stand inside of
// another, fails in its row. Every prefix of the bytes is refused, and whatever a changed byte makes of them is refused or is
// another value of the type.

#include "tests/wire/type_table.h"

#include <gtest/gtest.h>

#include <future>

#include "tests/wire/bytes.h"

namespace razor::table {

using wire::test::from_hex;
using wire::test::joined;
using wire::test::to_hex;

// --- A row ----------------------------------------------------------------------------------------------------------

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

struct ExpectRow {
  template <class T>
  void add(const char* name, T value, std::string_view hex) {
    expect_row<T>(name, std::move(value), hex);
  }
};

// --- The table --------------------------------------------------------------------------------------------------------

TEST(TypeTable, Numbers) {
  integers(ExpectRow());
  floats_and_bits(ExpectRow());
  EXPECT_EQ(there_and_back<std::byte>(from_hex("ccc8")), "ccc8") << "alone; in a row they are bin";
}

TEST(TypeTable, Texts) {
  texts(ExpectRow());
  EXPECT_EQ(to_hex(wire::encoded(std::string_view("view"))), "a476696577") << "sent only";
  EXPECT_EQ(to_hex(wire::encoded("literal")), "a76c69746572616c") << "sent only";
}

TEST(TypeTable, Bytes) {
  runs_of_bytes(ExpectRow());
  const std::array<std::byte, 2> two = {std::byte{1}, std::byte{2}};
  EXPECT_EQ(to_hex(wire::encoded(ByteView(two))), "c4020102") << "sent only";
  EXPECT_EQ(there_and_back<Bytes>(from_hex("92 01 ccc8")), "c40201c8") << "read from either";
  EXPECT_EQ(there_and_back<std::vector<std::uint8_t>>(from_hex("c40201c8")), "9201ccc8");
  EXPECT_EQ(there_and_back<FourBytes>(from_hex("94 01 02 03 04")), "c40401020304");
  expect_refused<FourBytes>("c40101", "wrong number of elements");
  expect_refused<FourBytes>("c4050102030405", "too many bytes");
}

TEST(TypeTable, Containers) {
  containers(ExpectRow());
  maps(ExpectRow());
}

TEST(TypeTable, OfAFixedNumberOfElements) {
  of_a_fixed_number_of_elements(ExpectRow());
  const std::vector<int> ints = {1, 2};
  EXPECT_EQ(to_hex(wire::encoded(std::span(ints))), "920102") << "sent only";
  EXPECT_EQ(to_hex(wire::encoded(std::span(ints).first<1>())), "9101") << "sent only";
}

TEST(TypeTable, WhatMayBeNil) { what_may_be_nil(ExpectRow()); }

TEST(TypeTable, Time) { times(ExpectRow()); }

TEST(TypeTable, TypesOfUsers) {
  types_of_users(ExpectRow());
  types_made_of_others(ExpectRow());
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
  EXPECT_EQ(there_and_back<Priority>(from_hex("81 a468696768 c0")), "a468696768")
      << "as a variant of the reference's with data";
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
  EXPECT_EQ(there_and_back<std::chrono::sys_seconds>(from_hex("c70cff 1dcd6500 fffffffffffffffe")),
            "c70cff00000000fffffffffffffffe")
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

TEST(Structs, WhatMayBeNilMayBeLeftOut) {
  EXPECT_EQ(there_and_back<List>(from_hex("81 a576616c7565 01")), "82a576616c756501a46e657874c0");
}

}  // namespace razor::table
