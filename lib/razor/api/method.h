#pragma once
// What the compiler knows of a method from the pointer to it; and what it refuses, with the method's name in the error.

#include <algorithm>
#include <array>
#include <tuple>

#include "razor/api/service.h"
#include "razor/wire/codec.h"

namespace razor::api {

namespace detail {

/// The part of a parameter, result or error T that a message carries: Blobs travel beside it.
template <class T>
struct PartInMessage {
  using Type = T;
};
template <class T>
  requires(std::is_void_v<T> || std::is_same_v<T, NoError> || wire::is_blob<T>)
struct PartInMessage<T> {
  using Type = wire::Unit;
};
template <class T>
struct PartInMessage<std::pair<T, base::Blob>> {
  using Type = T;
};
template <class T>
using InMessage = typename PartInMessage<T>::Type;

}  // namespace detail

template <class Pointer>
struct MethodTraits;

/// Of a method that is refused: enough for the compiler to say nothing more of it.
template <class S, class Signature>
struct MethodTraits<Signature S::*> {
  using Service = S;
  using Result = void;
  using Error = NoError;
  using Arguments = std::tuple<>;
  static constexpr bool kFitsABlob = true;
  static constexpr bool kTakesValues = true;
  static constexpr bool kTypesTravel = true;
  static constexpr bool kParametersAreReceived = false;
};

template <class S, class T, class E, class... Parameters>
struct MethodTraits<Call<T, E> (S::*)(Parameters...)> {
  using Service = S;
  using Result = T;
  using Error = E;
  using Arguments = std::tuple<std::remove_cvref_t<Parameters>...>;
  static constexpr bool kFitsABlob = (0 + ... + (std::is_same_v<Parameters, base::Blob> ? 1 : 0)) <= 1;
  static constexpr bool kTakesValues = ((!std::is_reference_v<Parameters> && !std::is_pointer_v<Parameters>) && ...);
  static constexpr bool kTypesTravel = wire::detail::Parts<detail::InMessage<T>, detail::InMessage<E>,
                                                           detail::InMessage<std::remove_cvref_t<Parameters>>...>::travel;
  /// Checks what a server adds to that.
  static constexpr bool kParametersAreReceived =
      wire::detail::Parts<detail::InMessage<std::remove_cvref_t<Parameters>>...>::are_received &&
      ((&wire::detail::check_new<std::remove_cvref_t<Parameters>> != nullptr) && ...) &&
      std::is_default_constructible_v<Arguments>;
};

namespace detail {

template <class Pointer>
inline constexpr bool returns_a_call = false;
template <class S, class T, class E, class... Parameters>
inline constexpr bool returns_a_call<Call<T, E> (S::*)(Parameters...)> = true;

// The checks are templates over the method, so that the compiler names it when one fails.

template <auto Method>
void check_types_of() {
  static_assert(MethodTraits<decltype(Method)>::kTypesTravel);
  static_assert(MethodTraits<decltype(Method)>::kFitsABlob,
                "razor: a method of a service takes at most one razor::Blob: a request has one place beside its message");
}

template <auto Method>
struct CheckSignature {
  static_assert(returns_a_call<decltype(Method)>,
                "razor: a method of a service returns a razor::Call, is not const and not overloaded");
  static_assert(MethodTraits<decltype(Method)>::kTakesValues,
                "razor: a method of a service takes its parameters by value: what they refer to would be gone when a "
                "coroutine resumes");
  static_assert(&check_types_of<Method> != nullptr);
  static constexpr bool ok = true;
};

template <auto Method, bool same_as_an_earlier_one>
struct CheckWireName {
  static_assert(!same_as_an_earlier_one, "razor: two methods of a service have the same name on the wire");
  static constexpr bool ok = true;
};

template <auto Method, bool taken>
struct CheckMemberName {
  static_assert(!taken,
                "razor: a method of a service is named as a member of its stub: rename it, and pin its name on the wire "
                "with RAZOR_METHOD_AS");
  static constexpr bool ok = true;
};

/// The public members of Client: a method of the same name could not be called.
inline constexpr std::array<std::string_view, 3> kStubMembers = {"blocking", "with", "channel"};

template <std::size_t N>
constexpr bool stands_before(const std::array<std::string_view, N>& names, std::size_t index) {
  return std::find(names.begin(), names.begin() + index, names[index]) != names.begin() + index;
}
constexpr bool is_stub_member(std::string_view name) {
  return std::find(kStubMembers.begin(), kStubMembers.end(), name) != kStubMembers.end();
}

/// The methods of a service, in the order of its list.
template <auto... Methods>
struct MethodList {
  static constexpr std::size_t kCount = sizeof...(Methods);

  /// Fails to compile when something is wrong with the definition of the service.
  template <class Service, std::size_t... I>
  static constexpr bool check(std::index_sequence<I...>) {
    constexpr auto wire_names = Service::razor_method_names();
    constexpr auto member_names = Service::razor_member_names();
    return (CheckSignature<Methods>::ok && ...) && (CheckWireName<Methods, stands_before(wire_names, I)>::ok && ...) &&
           (CheckMemberName<Methods, is_stub_member(member_names[I])>::ok && ...);
  }
};

template <class Service>
using MethodsOf = typename Service::template RazorMethods<MethodList>;

template <class Service>
constexpr bool check_service() {
  if constexpr (requires { MethodsOf<Service>::kCount; }) {  // else an error in RAZOR_SERVICE was said before
    return MethodsOf<Service>::template check<Service>(std::make_index_sequence<MethodsOf<Service>::kCount>{});
  }
  return true;
}

/// Whether a method of a service is listed in RAZOR_IDEMPOTENT.
template <class Service, std::size_t Index>
constexpr bool is_idempotent() {
  if constexpr (requires { Service::razor_is_idempotent(Index); }) return Service::razor_is_idempotent(Index);
  return false;
}

/// … in RAZOR_CANCELLABLE.
template <class Service, std::size_t Index>
constexpr bool is_cancellable() {
  if constexpr (requires { Service::razor_is_cancellable(Index); }) return Service::razor_is_cancellable(Index);
  return false;
}

/// "CalculatorService.add", put together by the compiler.
template <class Service, std::size_t Index>
class ActionName {
 public:
  static constexpr std::string_view full() { return {kFull.data(), kFull.size()}; }
  static constexpr std::string_view method() { return Service::razor_method_names()[Index]; }

 private:
  static constexpr auto make() {
    constexpr std::string_view service = Service::razor_service_name();
    std::array<char, service.size() + 1 + method().size()> text{};
    auto end = std::copy(service.begin(), service.end(), text.begin());
    *end++ = '.';
    constexpr std::string_view name = method();
    std::copy(name.begin(), name.end(), end);
    return text;
  }
  static constexpr auto kFull = make();
};

// --- Temporaries that g++ 12 destroys twice --------------------------------------------------------------------------

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
inline constexpr bool kAggregatesAreDestroyedTwice = true;
#else
inline constexpr bool kAggregatesAreDestroyedTwice = false;
#endif

template <class T, class... Around>
struct HoldsBareAggregate;

/// Whether a type of the list holds a bare aggregate. `Around` are the types whose fields are looked at: a tree holds trees.
template <class... Around>
struct InFieldsOf {
  template <class... T>
  struct Any {
    static constexpr bool value = (HoldsBareAggregate<std::remove_cvref_t<T>, Around...>::value || ...);
  };
};

/// An aggregate whose destructor does something, or what may have been made from a temporary one.
template <class T, class... Around>
struct HoldsBareAggregate {
  static constexpr bool value = [] {
    if constexpr ((std::is_same_v<T, Around> || ...)) {
      return false;
    } else if constexpr (wire::detail::Named<T>) {
      return T::template RazorFieldTypes<InFieldsOf<T, Around...>::template Any>::value;
    } else {
      return std::is_aggregate_v<T> && !std::is_trivially_destructible_v<T>;
    }
  }();
};
template <template <class...> class Container, class... T, class... Around>
  requires(wire::detail::Sequence<Container<T...>> || wire::detail::Map<Container<T...>> ||
           wire::detail::Set<Container<T...>> || wire::detail::TupleLike<Container<T...>> ||
           wire::detail::is_a<Container<T...>, std::optional> || wire::detail::is_a<Container<T...>, std::variant>)
struct HoldsBareAggregate<Container<T...>, Around...> {
  static constexpr bool value = (HoldsBareAggregate<std::remove_cv_t<T>, Around...>::value || ...);
};

template <class T>
inline constexpr bool is_freed_twice = kAggregatesAreDestroyedTwice && HoldsBareAggregate<T>::value;

}  // namespace detail
}  // namespace razor::api
