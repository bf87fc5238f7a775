#pragma once
// RAZOR_ENUM: an enum that travels by name, as the reference sends an enum of units. Without it an enum travels as its
// integer.
//
//   enum class Priority { low, normal, high };
//   RAZOR_ENUM(Priority, low, normal, high)                                  // "low", "normal", "high"
//
// It stands in the namespace of the enum. For an enum of a class it stands behind the class: RAZOR_ENUM(Job::State, ...). In the class
// it does not compile, by `extern "C++"`: the codec would not find it, and the enum travel as its integer.
// A name on the wire that differs: RAZOR_ENUMERATOR_AS(low, "Low") in the list.

#include <array>
#include <string_view>

#include "razor/wire/fields.h"
#include "razor/wire/for_each_macro.h"

namespace razor::wire {

template <class Enum>
struct Enumerator {
  Enum value;
  std::string_view name;
};

}  // namespace razor::wire

/// All values of `Enum` that travel, by name; others are refused, sent or received.
#define RAZOR_ENUM(Enum, ...)                                                                                               \
  extern "C++" {                                                                                                            \
  [[maybe_unused]] constexpr auto razor_enumerators(Enum) {                                                                 \
    using RazorEnum = Enum;                                                                                                 \
    return ::std::array{RAZOR_FOR_EACH_(RAZOR_ENUMERATOR_, __VA_ARGS__)};                                                   \
  }                                                                                                                         \
  [[maybe_unused]] constexpr ::std::string_view razor_enum_name(Enum) { return ::razor::wire::detail::unqualified(#Enum); } \
  }

/// In the list of RAZOR_ENUM: a value that has another name on the wire.
#define RAZOR_ENUMERATOR_AS(enumerator, wire_name) (enumerator, wire_name)

#define RAZOR_ENUMERATOR_(element) RAZOR_CONCAT_(RAZOR_ENUMERATOR_, RAZOR_IN_PARENTHESES_(element))(element)
#define RAZOR_ENUMERATOR_0(enumerator) ::razor::wire::Enumerator<RazorEnum>{RazorEnum::enumerator, #enumerator},
#define RAZOR_ENUMERATOR_1(pair) RAZOR_ENUMERATOR_PAIR_ pair
#define RAZOR_ENUMERATOR_PAIR_(enumerator, wire_name) ::razor::wire::Enumerator<RazorEnum>{RazorEnum::enumerator, wire_name},
