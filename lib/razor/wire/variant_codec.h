#pragma once
// Codec of std::variant, as the reference sends its enums: an alternative without content is its name, another one a map of
// one pair, its name and its content. Alternatives are types that have a name: those of fields.h and of RAZOR_ENUM.
// A variant that begins with std::monostate is nil while it holds that, as an optional enum of the reference's.

#include "razor/wire/codec.h"
#include "razor/wire/codec_traits.h"

namespace razor {

namespace wire::detail {

template <class Alternative>
inline constexpr bool has_name = Named<Alternative> || NamedEnum<Alternative> || std::is_same_v<Alternative, std::monostate>;

template <class Alternative>
constexpr std::string_view name_of_alternative() {
  if constexpr (Named<Alternative>) {
    return Alternative::razor_type_name();
  } else if constexpr (NamedEnum<Alternative>) {
    return razor_enum_name(Alternative());
  } else {
    return {};
  }
}

template <class Alternative>
constexpr bool is_unit_alternative() {
  if constexpr (Named<Alternative>) return Alternative::razor_shape() == Shape::unit;
  return false;
}

template <class... T>
constexpr bool names_are_unique() {
  const std::array names = {name_of_alternative<T>()...};
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t earlier = 0; earlier < i; ++earlier) {
      if (names[i] == names[earlier]) return false;
    }
  }
  return true;
}

}  // namespace wire::detail

template <class... T>
struct Codec<std::variant<T...>> {
  using Variant = std::variant<T...>;
  using Parts = wire::detail::Parts<T...>;

  static constexpr bool kNamed = (wire::detail::has_name<T> && ...);
  static_assert(kNamed,
                "razor: an alternative of a variant travels by name: name it with RAZOR_UNIT, RAZOR_NEWTYPE, RAZOR_TUPLE, "
                "RAZOR_FIELDS or RAZOR_ENUM. A std::monostate comes first");
  static_assert(!kNamed || wire::detail::names_are_unique<T...>(),
                "razor: two alternatives of a variant have the same name on the wire");

  static void encode(wire::Encoder& to, const Variant& value) {
    std::visit([&to]<class Alternative>(const Alternative& held) { encode_alternative(to, held); }, value);
  }

  static bool decode(wire::Decoder& from, Variant& value) {
    if constexpr (wire::detail::begins_with_monostate<Variant>) {
      if (from.next_is_nil()) {
        value.template emplace<0>();
        return from.read_nil();
      }
    }
    const bool has_content = from.next_is_map();
    std::uint32_t count = 1;
    std::string_view name;
    if (has_content && (!from.read_map(count) || !from.enter())) return false;
    if (count != 1) return from.fail("a variant has one alternative at a time");
    if (!from.read_text(name)) return false;
    bool decoded = false;
    const bool known = (try_alternative<T>(from, value, name, has_content, decoded) || ...);
    if (!known) return from.fail("no such alternative");
    if (has_content) from.leave();
    return decoded;
  }

 private:
  template <class Alternative>
  static void encode_alternative(wire::Encoder& to, const Alternative& held) {
    constexpr std::string_view name = wire::detail::name_of_alternative<Alternative>();
    if constexpr (std::is_same_v<Alternative, std::monostate>) {
      to.put_nil();
    } else if constexpr (wire::detail::is_unit_alternative<Alternative>()) {
      to.put_text(name);
    } else {
      to.put_map(1);
      to.enter();
      to.put_text(name);
      Codec<Alternative>::encode(to, held);
      to.leave();
    }
  }

  /// Whether it is the one that is called `name`.
  template <class Alternative>
  static bool try_alternative(wire::Decoder& from, Variant& value, std::string_view name, bool has_content, bool& decoded) {
    if constexpr (std::is_same_v<Alternative, std::monostate>) {
      return false;
    } else {
      constexpr std::string_view own = wire::detail::name_of_alternative<Alternative>();
      if (name != own) return false;
      if constexpr (wire::detail::is_unit_alternative<Alternative>()) {
        value.template emplace<Alternative>();
        decoded = !has_content || from.read_unit();
      } else if (has_content) {
        decoded = Codec<Alternative>::decode(from, value.template emplace<Alternative>());
      } else {
        from.fail("the alternative lacks its content", own);
      }
      return true;
    }
  }
};

}  // namespace razor
