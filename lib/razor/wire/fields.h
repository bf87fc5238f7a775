#pragma once
#pragma GCC system_header  // compilers do not print the steps of its macros below an error in their arguments
// Macros that name what of a type travels: one line inside the type, at its end.
//
//   struct Point { int x; int y; RAZOR_FIELDS(Point, x, y) };                  // {"x": 1, "y": 2}
//   struct Rgb { int r, g, b; RAZOR_TUPLE(Rgb, r, g, b) };                     // [1, 2, 3]
//   struct UserId { std::uint64_t id; RAZOR_NEWTYPE(UserId, id) };             // 7
//   struct Nothing { RAZOR_UNIT(Nothing) };                                    // []
//   using Shape = std::variant<Nothing, UserId, Point>;                        // "Nothing", {"UserId": 7}, {"Point": {…}}
//
// In the place of a field may stand
//   RAZOR_BASE(Event)                 first: all fields of the base class, which has such a macro too
//   RAZOR_FIELD_AS(name_, "name")     a field with another name on the wire
//   RAZOR_DEFAULTED(retries, tags)    fields that may be absent: they are then what a new object has there
//   RAZOR_RENAMED(old, now)           the field `now`: sent as "old", accepted as either
//   RAZOR_ALIAS(now, "old")           the field `now`: sent as "now", accepted as either
//
// The last three are for types that change while programs with the old and the new one talk to each other. A field is added with
// RAZOR_DEFAULTED, and may be removed where all that receive it have that. What may be nil (an optional, a pointer) may be absent
// without it. Fields that a program does not know are skipped.
//
// A variant travels as the reference sends its enums: the name of the alternative, with its content unless it has none.
// Enums that travel by name: enum_names.h.
//
// Each macro but RAZOR_UNIT gives the type a default constructor and one that takes all fields, so it is no aggregate:
// `co_await stub(Point{1, 2})` is safe with g++ 12, which destroys a temporary aggregate twice when it stands in a co_await
// expression. What follows the macro in a class is public.

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include "razor/wire/for_each_macro.h"

namespace razor::wire {

/// No content: an error without details, a result that says nothing. Travels as nil; as an error, as number 0.
struct Unit {
  bool operator==(const Unit&) const = default;
};

/// How a type that was named by a macro of this file travels.
enum class Shape { map, tuple, newtype, unit };

/// What a macro says of a field.
struct FieldInfo {
  std::string_view name;  ///< as which it is sent
  std::string_view other_name = {};  ///< as which it is accepted too; empty for none
};
/// It may be absent.
struct DefaultedFieldInfo : FieldInfo {};

namespace detail {

/// `To`, const where `From` is.
template <class From, class To>
using Like = std::conditional_t<std::is_const_v<From>, const To, To>;

/// How a constructor takes a field: by value, but an array of the language, which C++ does not pass.
template <class Field>
struct ConstructorParameter {
  using Type = Field;
};
template <class Element, std::size_t N>
struct ConstructorParameter<Element[N]> {
  using Type = const Element (&)[N];
};

template <class Field>
using ParameterOf = typename ConstructorParameter<Field>::Type;
template <class Field>
ParameterOf<Field> as_parameter(Field&);

template <class Field>
  requires(!std::is_array_v<Field>)
constexpr void give(Field& field, Field& given) {
  field = std::move(given);
}
template <class Element, std::size_t N>
constexpr void give(Element (&field)[N], const Element (&given)[N]) {
  for (std::size_t i = 0; i < N; ++i) {
    if constexpr (std::is_array_v<Element>) {
      give(field[i], given[i]);
    } else {
      field[i] = given[i];
    }
  }
}

/// The name without namespaces and enclosing classes.
constexpr std::string_view unqualified(std::string_view name) { return name.substr(name.rfind(':') + 1); }

}  // namespace detail
}  // namespace razor::wire

namespace razor {
using wire::Unit;
}  // namespace razor

/// In a list of fields, first: those of a base class.
#define RAZOR_BASE(...) (razor_base, __VA_ARGS__)

/// In a list of fields: one that has another name on the wire.
#define RAZOR_FIELD_AS(field, wire_name) (razor_as, field, wire_name)

/// In a list of fields: these may be absent when an object is decoded, and are then as in a new one.
#define RAZOR_DEFAULTED(...) (razor_defaulted, __VA_ARGS__)

/// In a list of fields: `now`, which is sent under the name that it once had, and accepted under either.
#define RAZOR_RENAMED(old, now) (razor_renamed, now, #old)

/// In a list of fields: `field`, which is sent under its name, and accepted under another one too.
#define RAZOR_ALIAS(field, other_name) (razor_alias, field, other_name)

/// Travels as a map of field names in this order. Defines a default constructor and one that takes all fields.
#define RAZOR_FIELDS(Type, ...) RAZOR_NAMED_FIELDS_(Type, map, __VA_ARGS__)

/// Travels as an array of its fields.
#define RAZOR_TUPLE(Type, ...) RAZOR_NAMED_FIELDS_(Type, tuple, __VA_ARGS__)

/// Travels as its only field does.
#define RAZOR_NEWTYPE(Type, field) RAZOR_NAMED_FIELDS_(Type, newtype, field)

/// Travels as an empty array, as the reference sends a unit struct; read from nil too.
#define RAZOR_UNIT(Type)                                          \
 public:                                                          \
  bool operator==(const Type&) const { return true; }             \
  static constexpr std::size_t razor_field_count() { return 0; }  \
  template <class RazorSelf, class RazorVisitor>                  \
  static constexpr bool razor_visit(RazorSelf&, RazorVisitor&&) { \
    return true;                                                  \
  }                                                               \
  template <template <class...> class RazorList>                  \
  using RazorFieldTypes = RazorList<>;                            \
  RAZOR_NAMED_SHAPE_(Type, unit)

// ---------------------------------------------------------------------------------------------------------------------
// What the macros put into a type. `razor_visit(object, visitor)` calls `visitor(FieldInfo, field)` for each field in
// order, until that returns false: one function template instead of a tuple of references, which compilers take long for.
// It is always inlined: what a visitor refers to would otherwise be loaded anew for each field.

#define RAZOR_NAMED_SHAPE_(Type, shape)                                                                     \
  using RazorNamed = Type;                                                                                  \
  static constexpr std::string_view razor_type_name() { return ::razor::wire::detail::unqualified(#Type); } \
  static constexpr ::razor::wire::Shape razor_shape() { return ::razor::wire::Shape::shape; }

#define RAZOR_NAMED_FIELDS_(Type, shape, ...)                                                                          \
 public:                                                                                                               \
  Type() = default;                                                                                                    \
  explicit(RAZOR_IS_ONE_(__VA_ARGS__)) Type(RAZOR_BEHIND_COMMA_(RAZOR_FOR_EACH_(RAZOR_FIELD_PARAMETER_, __VA_ARGS__))) \
      : Type() {                                                                                                       \
    RAZOR_FOR_EACH_(RAZOR_FIELD_GIVE_, __VA_ARGS__)                                                                    \
  }                                                                                                                    \
  static constexpr std::size_t razor_field_count() { return 0 RAZOR_FOR_EACH_(RAZOR_FIELD_COUNT_, __VA_ARGS__); }      \
  template <class RazorSelf, class RazorVisitor>                                                                       \
  [[gnu::always_inline]] static constexpr bool razor_visit(RazorSelf& razor_self, RazorVisitor&& razor_visitor) {      \
    return true RAZOR_FOR_EACH_(RAZOR_FIELD_VISIT_, __VA_ARGS__);                                                      \
  }                                                                                                                    \
  template <template <class...> class RazorList, class RazorSelf = Type>                                               \
  using RazorFieldTypes = RazorList<RAZOR_BEHIND_COMMA_(RAZOR_FOR_EACH_(RAZOR_FIELD_TYPE_, __VA_ARGS__))>;             \
  RAZOR_NAMED_SHAPE_(Type, shape)

// An element of the list is a field, or something in parentheses that begins with its kind: razor_base, razor_as ...
#define RAZOR_FIELD_KIND_(element) RAZOR_CONCAT_(RAZOR_FIELD_KIND_, RAZOR_IN_PARENTHESES_(element))(element)
#define RAZOR_FIELD_KIND_0(element) razor_field
#define RAZOR_FIELD_KIND_1(element) RAZOR_FIELD_KIND_FIRST_ element
#define RAZOR_FIELD_KIND_FIRST_(kind, ...) kind
#define RAZOR_BY_KIND_(prefix, element) RAZOR_CONCAT_(prefix, RAZOR_FIELD_KIND_(element))

// Two ways to write one type: of a misspelt field, each compiler says least in the way that it has here.
#ifdef __clang__
#define RAZOR_PARAMETER_TYPE_(field) ::razor::wire::detail::ParameterOf<decltype(field)>
#else
#define RAZOR_PARAMETER_TYPE_(field) decltype(::razor::wire::detail::as_parameter(field))
#endif

#define RAZOR_FIELD_PARAMETER_(element) RAZOR_BY_KIND_(RAZOR_PARAMETER_, element)(element)
#define RAZOR_PARAMETER_razor_field(field) , RAZOR_PARAMETER_TYPE_(field) razor_given_##field
#define RAZOR_PARAMETER_razor_as(element) RAZOR_PARAMETER_AS_ element
#define RAZOR_PARAMETER_AS_(kind, field, wire_name) RAZOR_PARAMETER_razor_field(field)
#define RAZOR_PARAMETER_razor_base(element) RAZOR_PARAMETER_BASE_ element
#define RAZOR_PARAMETER_BASE_(kind, ...) , __VA_ARGS__ razor_given_base

#define RAZOR_PARAMETER_razor_renamed(element) RAZOR_PARAMETER_AS_ element
#define RAZOR_PARAMETER_razor_alias(element) RAZOR_PARAMETER_AS_ element
#define RAZOR_PARAMETER_razor_defaulted(element) RAZOR_PARAMETER_DEFAULTED_ element
#define RAZOR_PARAMETER_DEFAULTED_(kind, ...) RAZOR_FOR_EACH_INNER_(RAZOR_PARAMETER_razor_field, __VA_ARGS__)

#define RAZOR_FIELD_GIVE_(element) RAZOR_BY_KIND_(RAZOR_GIVE_, element)(element)
#define RAZOR_GIVE_razor_field(field) ::razor::wire::detail::give(field, razor_given_##field);
#define RAZOR_GIVE_razor_as(element) RAZOR_GIVE_AS_ element
#define RAZOR_GIVE_AS_(kind, field, wire_name) RAZOR_GIVE_razor_field(field)
#define RAZOR_GIVE_razor_base(element) RAZOR_GIVE_BASE_ element
#define RAZOR_GIVE_BASE_(kind, ...) static_cast<__VA_ARGS__&>(*this) = std::move(razor_given_base);

#define RAZOR_GIVE_razor_renamed(element) RAZOR_GIVE_AS_ element
#define RAZOR_GIVE_razor_alias(element) RAZOR_GIVE_AS_ element
#define RAZOR_GIVE_razor_defaulted(element) RAZOR_GIVE_DEFAULTED_ element
#define RAZOR_GIVE_DEFAULTED_(kind, ...) RAZOR_FOR_EACH_INNER_(RAZOR_GIVE_razor_field, __VA_ARGS__)

#define RAZOR_FIELD_COUNT_(element) RAZOR_BY_KIND_(RAZOR_COUNT_, element)(element)
#define RAZOR_COUNT_razor_field(field) +1
#define RAZOR_COUNT_razor_as(element) +1
#define RAZOR_COUNT_razor_base(element) RAZOR_COUNT_BASE_ element
#define RAZOR_COUNT_BASE_(kind, ...) +__VA_ARGS__::razor_field_count()

#define RAZOR_COUNT_razor_renamed(element) +1
#define RAZOR_COUNT_razor_alias(element) +1
#define RAZOR_COUNT_razor_defaulted(element) RAZOR_COUNT_DEFAULTED_ element
#define RAZOR_COUNT_DEFAULTED_(kind, ...) +RAZOR_COUNT_(__VA_ARGS__)

#define RAZOR_FIELD_VISIT_(element) RAZOR_BY_KIND_(RAZOR_VISIT_, element)(element)
#define RAZOR_VISIT_razor_field(field) &&razor_visitor(::razor::wire::FieldInfo{#field}, razor_self.field)
#define RAZOR_VISIT_razor_as(element) RAZOR_VISIT_AS_ element
#define RAZOR_VISIT_AS_(kind, field, wire_name) &&razor_visitor(::razor::wire::FieldInfo{wire_name}, razor_self.field)
#define RAZOR_VISIT_razor_base(element) RAZOR_VISIT_BASE_ element
#define RAZOR_VISIT_BASE_(kind, ...) \
  &&__VA_ARGS__::razor_visit(static_cast<::razor::wire::detail::Like<RazorSelf, __VA_ARGS__>&>(razor_self), razor_visitor)

#define RAZOR_VISIT_razor_renamed(element) RAZOR_VISIT_RENAMED_ element
#define RAZOR_VISIT_RENAMED_(kind, field, old) &&razor_visitor(::razor::wire::FieldInfo{old, #field}, razor_self.field)
#define RAZOR_VISIT_razor_alias(element) RAZOR_VISIT_ALIAS_ element
#define RAZOR_VISIT_ALIAS_(kind, field, other_name) \
  &&razor_visitor(::razor::wire::FieldInfo{#field, other_name}, razor_self.field)
#define RAZOR_VISIT_razor_defaulted(element) RAZOR_VISIT_DEFAULTED_ element
#define RAZOR_VISIT_DEFAULTED_(kind, ...) RAZOR_FOR_EACH_INNER_(RAZOR_VISIT_ONE_DEFAULTED_, __VA_ARGS__)
#define RAZOR_VISIT_ONE_DEFAULTED_(field) &&razor_visitor(::razor::wire::DefaultedFieldInfo{{#field}}, razor_self.field)

#define RAZOR_FIELD_TYPE_(element) RAZOR_BY_KIND_(RAZOR_TYPE_, element)(element)
#define RAZOR_TYPE_razor_field(field) , decltype(RazorSelf::field)
#define RAZOR_TYPE_razor_as(element) RAZOR_TYPE_AS_ element
#define RAZOR_TYPE_AS_(kind, field, wire_name) RAZOR_TYPE_razor_field(field)
#define RAZOR_TYPE_razor_renamed(element) RAZOR_TYPE_AS_ element
#define RAZOR_TYPE_razor_alias(element) RAZOR_TYPE_AS_ element
#define RAZOR_TYPE_razor_defaulted(element) RAZOR_TYPE_DEFAULTED_ element
#define RAZOR_TYPE_DEFAULTED_(kind, ...) RAZOR_FOR_EACH_INNER_(RAZOR_TYPE_razor_field, __VA_ARGS__)
#define RAZOR_TYPE_razor_base(element) RAZOR_TYPE_BASE_ element
#define RAZOR_TYPE_BASE_(kind, ...) , __VA_ARGS__
