// Random values of random types. The types are trees that a program drew, from every family inside of every other
// (random_type<seed>); the values are drawn when the test runs. What is encoded comes back; every prefix, and every byte changed,
// is refused or is a valid value; and a message that declares more than it holds makes no room for it.
//
// A family that mishandles what stands inside of it fails here in a combination that nobody thought of.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>

#include "razor/base/random_stream.h"
#include "razor/wire/codec.h"
#include "tests/wire/bytes.h"

// --- How much is allocated: the tests below count it ------------------------------------------------------------------

namespace {

std::size_t allocated_now = 0;
std::size_t allocated_max = 0;

}  // namespace

namespace razor::trees {

using base::Bytes;
using base::ByteView;
using base::RandomStream;

/// Counts what it hands out.
template <class T>
struct Counting {
  using value_type = T;
  Counting() = default;
  template <class U>
  Counting(const Counting<U>&) {}
  T* allocate(std::size_t count) {
    allocated_now += count * sizeof(T);
    allocated_max = std::max(allocated_max, allocated_now);
    return std::allocator<T>().allocate(count);
  }
  void deallocate(T* data, std::size_t count) {
    allocated_now -= count * sizeof(T);
    std::allocator<T>().deallocate(data, count);
  }
  bool operator==(const Counting&) const = default;
};
template <class T>
using Vector = std::vector<T, Counting<T>>;

// --- Random types -----------------------------------------------------------------------------------------------------

enum class Kind { one, two, three };
RAZOR_ENUM(Kind, one, two, three)

struct Nothing {
  RAZOR_UNIT(Nothing)
};
template <class A, class B>
struct Fields {
  A a{};
  B b{};
  std::optional<int> c;
  RAZOR_FIELDS(Fields, a, b, c)
};
template <class A, class B>
struct Elements {
  A a{};
  B b{};
  RAZOR_TUPLE(Elements, a, b)
};
template <class A>
struct First {
  A a{};
  RAZOR_NEWTYPE(First, a)
};
template <class A>
struct Second {
  A a{};
  RAZOR_NEWTYPE(Second, a)
};

/// A type, from chance: the seed decides the family, and seeds that are made from it decide what stands inside.
template <std::uint64_t seed, int depth>
constexpr auto random_type() {
  constexpr std::uint64_t drawn = base::scrambled(seed);
  const auto inner = []<std::uint64_t which>() { return random_type<base::scrambled(seed * 31 + which), depth - 1>(); };
  constexpr std::uint64_t family = depth == 0 ? drawn % 9 : 9 + drawn % 13;
  if constexpr (family == 0) return std::type_identity<std::string>();
  if constexpr (family == 1) return std::type_identity<std::int64_t>();
  if constexpr (family == 2) return std::type_identity<std::uint8_t>();
  if constexpr (family == 3) return std::type_identity<bool>();
  if constexpr (family == 4) return std::type_identity<double>();
  if constexpr (family == 5) return std::type_identity<Bytes>();
  if constexpr (family == 6) return std::type_identity<Kind>();
  if constexpr (family == 7) return std::type_identity<std::chrono::sys_time<std::chrono::nanoseconds>>();
  if constexpr (family == 8) return std::type_identity<Nothing>();
  if constexpr (family >= 9) {
    using A = typename decltype(inner.template operator()<1>())::type;
    using B = typename decltype(inner.template operator()<2>())::type;
    if constexpr (family == 9) return std::type_identity<std::vector<A>>();
    if constexpr (family == 10) return std::type_identity<std::list<A>>();
    if constexpr (family == 11) return std::type_identity<std::deque<A>>();
    if constexpr (family == 12) return std::type_identity<std::map<std::string, A>>();
    if constexpr (family == 13) return std::type_identity<std::unordered_map<int, A>>();
    if constexpr (family == 14) return std::type_identity<std::array<A, 2>>();
    if constexpr (family == 15) return std::type_identity<std::pair<A, B>>();
    if constexpr (family == 16) return std::type_identity<First<std::optional<First<A>>>>();
    if constexpr (family == 17) return std::type_identity<First<std::unique_ptr<First<A>>>>();
    if constexpr (family == 18) return std::type_identity<std::variant<Nothing, First<A>, Second<B>>>();
    if constexpr (family == 19) return std::type_identity<Fields<A, B>>();
    if constexpr (family == 20) return std::type_identity<Elements<A, B>>();
    if constexpr (family == 21) return std::type_identity<std::tuple<A, B, int>>();
  }
}
template <std::uint64_t seed>
using RandomType = typename decltype(random_type<seed, 1 + seed % 3>())::type;

// --- Random values ------------------------------------------------------------------------------------------------------

template <class T>
T drawn(RandomStream& random);

template <class T>
[[gnu::noinline]] void draw(RandomStream& random, T& value) {
  using namespace wire::detail;
  if constexpr (std::is_same_v<T, bool>) {
    value = random.one_in(2);
  } else if constexpr (std::is_integral_v<T>) {
    value = static_cast<T>(random.bits() >> random.below(64));
  } else if constexpr (std::is_same_v<T, double>) {
    value = static_cast<double>(static_cast<std::int64_t>(random.bits())) / 3;
  } else if constexpr (std::is_same_v<T, std::string>) {
    value.assign(random.below(40), static_cast<char>(random.below(256)));
  } else if constexpr (std::is_same_v<T, std::byte>) {
    value = static_cast<std::byte>(random.below(256));
  } else if constexpr (std::is_same_v<T, Kind>) {
    value = static_cast<Kind>(random.below(3));
  } else if constexpr (std::is_same_v<T, Nothing>) {
  } else if constexpr (requires { value.time_since_epoch(); }) {
    value = T(typename T::duration(static_cast<std::int64_t>(random.bits() >> random.below(64))));
  } else if constexpr (Sequence<T>) {
    value.clear();
    for (auto left = random.below(3); left > 0; --left) {
      if constexpr (std::is_same_v<typename T::value_type, bool>) {
        value.push_back(random.one_in(2));
      } else {
        draw(random, value.emplace_back());
      }
    }
  } else if constexpr (Map<T>) {
    for (auto left = random.below(3); left > 0; --left) {
      auto key = drawn<typename T::key_type>(random);
      draw(random, value[std::move(key)]);
    }
  } else if constexpr (TupleLike<T> || is_std_array<T>) {
    std::apply([&](auto&... element) { (draw(random, element), ...); }, value);
  } else if constexpr (is_a<T, std::optional>) {
    if (random.one_in(2)) draw(random, value.emplace());
  } else if constexpr (OwningPointer<T>) {
    if (random.one_in(2)) draw(random, *(value = std::make_unique<typename T::element_type>()));
  } else if constexpr (is_a<T, std::variant>) {
    switch (random.below(3)) {
      case 0: value.template emplace<0>(); break;
      case 1: draw(random, value.template emplace<1>()); break;
      default: draw(random, value.template emplace<2>()); break;
    }
  } else {
    T::razor_visit(value, [&random](const wire::FieldInfo&, auto& field) {
      draw(random, field);
      return true;
    });
  }
}

template <class T>
T drawn(RandomStream& random) {
  T value{};
  draw(random, value);
  return value;
}

/// The order in a hash table may differ from one to the next; what it holds may not.
Bytes sorted(Bytes bytes) {
  std::sort(bytes.begin(), bytes.end());
  return bytes;
}

template <class T>
class TypeTree : public testing::Test {};

template <std::size_t... I>
testing::Types<RandomType<1 + I>...> random_types(std::index_sequence<I...>);
using RandomTypes = decltype(random_types(std::make_index_sequence<40>()));
TYPED_TEST_SUITE(TypeTree, RandomTypes);

TYPED_TEST(TypeTree, ValuesComeBackAndBrokenOnesAreRefused) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    RandomStream random(seed);
    const Bytes bytes = wire::encoded(drawn<TypeParam>(random));
    TypeParam again{};
    RC_ASSERT(wire::decode_all(bytes, again));
    RC_ASSERT(sorted(wire::encoded(again)) == sorted(bytes));
    const std::size_t stride = 1 + bytes.size() / 64;
    for (std::size_t end = random.below(stride); end < bytes.size(); end += stride) {
      TypeParam cut{};
      RC_ASSERT(!wire::decode_all(ByteView(bytes).first(end), cut));
      Bytes changed = bytes;
      changed[end] = static_cast<std::byte>(random.below(256));
      TypeParam other{};
      if (wire::decode_all(changed, other)) RC_ASSERT(!wire::encoded(other).empty());
    }
  }));
}

// --- Memory -------------------------------------------------------------------------------------------------------------

struct Wide {
  std::uint64_t numbers[16] = {};
  RAZOR_NEWTYPE(Wide, numbers)
};
struct Nested {
  Vector<Nested> inner;
  std::uint64_t ballast[32] = {};
  RAZOR_TUPLE(Nested, inner)
};

template <class T>
std::size_t allocated_for(const Bytes& bytes) {
  allocated_now = allocated_max = 0;
  T value{};
  EXPECT_FALSE(wire::decode_all(bytes, value));
  return allocated_max;
}

TEST(Memory, NoRoomIsMadeForElementsThatAreOnlyDeclared) {
  for (const std::size_t size : {10u, 100u, 10'000u, 1'000'000u}) {
    // An array of as many elements as there are bytes; the first of them is none.
    wire::BytesSink sink;
    Encoder to(sink);
    to.put_array(size);
    const std::size_t head = sink.size();
    Bytes bytes = std::move(sink).take();
    bytes.resize(head + size, std::byte{0xc1});
    const std::size_t limit = std::max<std::size_t>(4 * bytes.size(), 1024) + sizeof(Wide);  // the element that fails
    EXPECT_LE(allocated_for<Vector<Wide>>(bytes), limit);
    EXPECT_LE(allocated_for<Vector<std::string>>(bytes), limit);
    EXPECT_LE(allocated_for<Vector<std::uint64_t>>(bytes), limit);
  }
}

// Each level declares as much as there is room for: all levels together get no more than one.
TEST(Memory, NestedDeclarationsShareIt) {
  Bytes bytes;
  for (int level = 0; level < 25; ++level) {
    const Bytes claim = wire::test::from_hex("91 dc f000");  // a Nested, whose array has 61,440 elements
    bytes.insert(bytes.end(), claim.begin(), claim.end());
  }
  bytes.resize(70'000, std::byte{0xc1});
  EXPECT_LE(allocated_for<Nested>(bytes), 4 * bytes.size() + 25 * 2 * sizeof(Nested));
}

// What has arrived takes what it takes, and a vector that was announced rightly is not copied as it grows.
TEST(Memory, ElementsThatArriveHaveTheirRoomAtOnce) {
  const Bytes bytes = wire::encoded(std::vector<std::uint32_t>(10'000, 7));
  allocated_now = allocated_max = 0;
  Vector<std::uint32_t> value;
  ASSERT_TRUE(wire::decode_all(bytes, value));
  EXPECT_EQ(allocated_max, 4 * 10'000u);
}

}  // namespace razor::trees
