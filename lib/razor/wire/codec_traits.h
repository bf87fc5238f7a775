#pragma once
// Which family a type belongs to, for the codecs of codec.h. Families are told apart by what a type can do, not by its
// name, so containers that are made like those of the standard library travel as those do, and none of the standard's
// headers is included for them.

#include <array>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "razor/base/bytes.h"
#include "razor/wire/enum_names.h"
#include "razor/wire/fields.h"

namespace razor::wire::detail {

template <class T, template <class...> class Template>
inline constexpr bool is_a = false;
template <class... Args, template <class...> class Template>
inline constexpr bool is_a<Template<Args...>, Template> = true;

template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;

// --- Named by a macro of ours, or by one of msgpack-cxx's --------------------------------------------------------------

/// Named by a macro of fields.h, its own or one that it inherits.
template <class T>
concept Named = requires { T::razor_shape(); };
/// Inherits the macro of a base, which does not know its fields.
template <class T>
concept InheritsName = Named<T> && !std::is_same_v<typename T::RazorNamed, T>;

template <class T>
concept Enum = std::is_enum_v<T>;
template <class T>
concept NamedEnum = Enum<T> && requires(T value) { razor_enumerators(value); };

/// Takes the place of msgpack-cxx's packer where only its kind is asked for.
struct AnyPacker {};
/// Has a packing for msgpack-cxx of its own, by MSGPACK_DEFINE or by hand.
template <class T>
concept HasMsgpackPack = requires(const T& value, AnyPacker& packer) { value.msgpack_pack(packer); };

template <class T>
concept Foreign = std::is_class_v<T> && !Named<T> && !HasMsgpackPack<T>;

// --- Texts and bytes ---------------------------------------------------------------------------------------------------

template <class T>
inline constexpr bool is_text_char = std::is_same_v<T, char> || std::is_same_v<T, char8_t>;

template <class T>
inline constexpr bool is_string = false;
template <class Char, class Traits, class Allocator>
inline constexpr bool is_string<std::basic_string<Char, Traits, Allocator>> = is_text_char<Char>;
template <class T>
inline constexpr bool is_string_view = false;
template <class Char, class Traits>
inline constexpr bool is_string_view<std::basic_string_view<Char, Traits>> = is_text_char<Char>;
template <class T>
concept StringOfAnyKind = is_a<T, std::basic_string> || is_a<T, std::basic_string_view>;

/// What a bin may be read into, and bytes from an array of integers.
template <class T>
concept ByteElement = std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::byte>;
/// Of an array of the language: char holds a text that ends with a zero or the array, the others hold bytes.
template <class T>
concept RawElement = std::is_same_v<T, char> || ByteElement<T>;

// --- Containers --------------------------------------------------------------------------------------------------------

template <class T>
concept Iterable = Foreign<T> && !StringOfAnyKind<T> && requires(const T& value) {
  typename T::value_type;
  value.begin() != value.end();
};
template <class T>
concept Map = Iterable<T> && requires(T& map) {
  typename T::key_type;
  typename T::mapped_type;
  map.clear();
};
template <class T>
concept Set = Iterable<T> && !Map<T> && requires(T& set, typename T::key_type& key) {
  set.insert(std::move(key));
  set.clear();
};
/// std::vector, std::deque, std::list, and what is made like them.
template <class T>
concept Sequence = Iterable<T> && !Map<T> && !Set<T> && requires(T& sequence) {
  sequence.emplace_back();
  sequence.back();
  sequence.clear();
};
/// std::forward_list.
template <class T>
concept ForwardList = Iterable<T> && requires(T& list) { list.emplace_after(list.before_begin()); };

template <class Table>
concept HashTable = requires(const Table& table, const typename Table::key_type& key) {
  table.bucket(key);
  table.key_eq();
};

template <class T>
concept TupleLike = is_a<T, std::tuple> || is_a<T, std::pair>;

// --- What a type is made of --------------------------------------------------------------------------------------------

/// Types whose codecs the codec of another type uses: its `Parts`. Looked at by no_codec.h.
template <class... T>
struct Parts;

template <class T>
struct ArgumentsOfTemplate;
template <template <class...> class Template, class... T>
struct ArgumentsOfTemplate<Template<T...>> {
  using Type = Parts<T...>;
};
/// Of std::pair<int, bool>: int and bool.
template <class T>
using ArgumentsOf = typename ArgumentsOfTemplate<T>::Type;

// --- The rest ----------------------------------------------------------------------------------------------------------

template <class T>
inline constexpr bool is_unique_ptr = false;
template <class T>
inline constexpr bool is_unique_ptr<std::unique_ptr<T>> = !std::is_array_v<T>;
template <class T>
inline constexpr bool is_shared_ptr = false;
template <class T>
inline constexpr bool is_shared_ptr<std::shared_ptr<T>> = !std::is_array_v<T>;
template <class T>
concept OwningPointer = is_unique_ptr<T> || is_shared_ptr<T>;

template <class T>
inline constexpr bool begins_with_monostate = false;
template <class... Rest>
inline constexpr bool begins_with_monostate<std::variant<std::monostate, Rest...>> = true;

template <class T>
concept Nullable = is_a<T, std::optional> || OwningPointer<T>;
/// Its bytes may be nil, so that around it another absence could not be told apart.
template <class T>
concept MayBeNil = Nullable<T> || begins_with_monostate<T> || std::is_same_v<T, Unit> || std::is_same_v<T, std::monostate>;

/// Refuses, by its name, a type of which no new object can be made to decode into.
template <class T>
constexpr bool can_be_new() {
  static_assert(std::is_default_constructible_v<T>,
                "razor: this type has no default constructor: a new object of it is made, and then decoded into");
  return std::is_default_constructible_v<T>;
}

/// As a field, it may be left out.
template <class T>
inline constexpr bool may_be_absent = Nullable<T>;

}  // namespace razor::wire::detail
