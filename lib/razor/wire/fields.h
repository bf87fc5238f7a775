#pragma once
// Macros that name what of a type travels. One line inside the type; the type also gets constructors, and works with
// msgpack-cxx itself (each implies MSGPACK_DEFINE_MAP or its kin).
//
//   struct Point { int x; int y; RAZOR_FIELDS(Point, x, y) };                  // {"x": 1, "y": 2}
//   struct Rgb { int r, g, b; RAZOR_TUPLE(Rgb, r, g, b) };                     // [1, 2, 3]
//   struct UserId { std::uint64_t id; RAZOR_NEWTYPE(UserId, id) };             // 7
//   struct Nothing { RAZOR_UNIT(Nothing) };                                    // []
//   using Shape = std::variant<Nothing, UserId, Point>;                        // "Nothing", {"UserId": 7}, {"Point": {…}}
//
// A variant travels as the reference sends its enums: the name of the alternative, with its content unless it has none.
//
// Types named by these macros have constructors and are no aggregates: `co_await stub(Point{1, 2})` is safe with g++ 12,
// which destroys a temporary aggregate twice when it stands in a co_await expression.

#include <array>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "razor/wire/for_each_macro.h"
#include "razor/wire/msgpack_headers.h"

namespace razor::wire {

/// What msgpack-cxx does with a type without content, as a member of others: it reads nil, or an array without elements.
inline void unpack_unit(const msgpack::object& from) {
  const bool is_empty_array = from.type == msgpack::type::ARRAY && from.via.array.size == 0;
  if (!from.is_nil() && !is_empty_array) throw msgpack::type_error();
}

/// No content: an error without details, a result that says nothing. Travels as nil; as an error, as number 0.
struct Unit {
  bool operator==(const Unit&) const = default;

  template <class Packer>
  void msgpack_pack(Packer& packer) const {
    packer.pack_nil();
  }
  void msgpack_unpack(const msgpack::object& from) { unpack_unit(from); }
  template <class Object>
  void msgpack_object(Object* to, msgpack::zone&) const {
    to->type = msgpack::type::NIL;
  }
};

/// How a type that was named by a macro of this file travels.
enum class Shape { map, tuple, newtype, unit };

}  // namespace razor::wire

namespace razor {
using wire::Unit;
}  // namespace razor

#define RAZOR_NAMED_SHAPE_(Type, shape)                                     \
  static constexpr std::string_view razor_type_name() { return #Type; }     \
  static constexpr ::razor::wire::Shape razor_shape() { return ::razor::wire::Shape::shape; }

#define RAZOR_FIELD_NAME_(field) std::string_view(#field),
#define RAZOR_FIELD_PARAMETER_(field) , decltype(field) razor_##field
#define RAZOR_FIELD_INITIALISER_(field) , field(std::move(razor_##field))
// The first of a list, without its comma.
#define RAZOR_BEHIND_COMMA_(...) RAZOR_BEHIND_COMMA_OF_(__VA_ARGS__)
#define RAZOR_BEHIND_COMMA_OF_(nothing, ...) __VA_ARGS__

#define RAZOR_NAMED_FIELDS_(Type, shape, ...)                                                                         \
  Type() = default;                                                                                                   \
  explicit(std::tuple_size_v<decltype(std::forward_as_tuple(__VA_ARGS__))> == 1)                                      \
      Type(RAZOR_BEHIND_COMMA_(RAZOR_FOR_EACH_(RAZOR_FIELD_PARAMETER_, __VA_ARGS__)))                                 \
      : RAZOR_BEHIND_COMMA_(RAZOR_FOR_EACH_(RAZOR_FIELD_INITIALISER_, __VA_ARGS__)) {}                                \
  static constexpr auto razor_field_names() { return std::array{RAZOR_FOR_EACH_(RAZOR_FIELD_NAME_, __VA_ARGS__)}; }   \
  auto razor_fields() { return std::tie(__VA_ARGS__); }                                                               \
  auto razor_fields() const { return std::tie(__VA_ARGS__); }                                                         \
  RAZOR_NAMED_SHAPE_(Type, shape)

/// Travels as a map of field names in this order. Defines a default constructor and one that takes all fields.
#define RAZOR_FIELDS(Type, ...)              \
  RAZOR_NAMED_FIELDS_(Type, map, __VA_ARGS__) \
  MSGPACK_DEFINE_MAP(__VA_ARGS__)

/// Travels as an array of its fields.
#define RAZOR_TUPLE(Type, ...)                  \
  RAZOR_NAMED_FIELDS_(Type, tuple, __VA_ARGS__) \
  MSGPACK_DEFINE_ARRAY(__VA_ARGS__)

/// Travels as its only field does.
#define RAZOR_NEWTYPE(Type, field) RAZOR_NAMED_FIELDS_(Type, newtype, field)

/// Travels as an empty array, as the reference sends a unit struct; read from nil too.
#define RAZOR_UNIT(Type)                               \
  RAZOR_NAMED_SHAPE_(Type, unit)                       \
  bool operator==(const Type&) const { return true; }  \
  template <class RazorPacker>                         \
  void msgpack_pack(RazorPacker& razor_packer) const { \
    razor_packer.pack_array(0);                        \
  }                                                    \
  void msgpack_unpack(const msgpack::object& razor_from) { ::razor::wire::unpack_unit(razor_from); } \
  template <class RazorObject>                         \
  void msgpack_object(RazorObject* razor_to, msgpack::zone&) const { \
    razor_to->type = msgpack::type::ARRAY;             \
    razor_to->via.array.ptr = nullptr;                 \
    razor_to->via.array.size = 0;                      \
  }
