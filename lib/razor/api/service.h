#pragma once
#pragma GCC system_header  // compilers do not print the steps of its macros below an error in their arguments
// The definition of a service: an interface of virtual functions, and one line that lists them.
//
//   struct Calculator {
//     virtual razor::Call<int> add(int a, int b) = 0;
//     virtual razor::Call<int, std::string> div(int a, int b) = 0;
//     RAZOR_SERVICE_AS(Calculator, "CalculatorService", add, div)
//   };
//
// From it come the stub (client.h), the server's table (dispatch.h), and the list that tools print (`methods_of`). An
// implementation derives from it; `override` checks completeness and signatures, and mocks are just other
// implementations. Parameters are taken by value, and results are returned in a Call.
//
// On the wire a method is "CalculatorService.add". Its name can be pinned: RAZOR_METHOD_AS(div, "divide") in the list.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "razor/api/call.h"
#include "razor/wire/for_each_macro.h"

/// In the list of RAZOR_SERVICE: the method's name on the wire is this one, whatever it is called here.
#define RAZOR_METHOD_AS(method, wire_name) (method, wire_name)

/// The last line of a service's definition, which is named as its struct on the wire.
#define RAZOR_SERVICE(Service, ...) RAZOR_SERVICE_AS(Service, #Service, __VA_ARGS__)

/// The last line of a service's definition, with its name on the wire.
#define RAZOR_SERVICE_AS(Service, wire_service, ...)                                                                       \
 public:                                                                                                                   \
  static constexpr std::string_view razor_service_name() { return wire_service; }                                          \
  static constexpr auto razor_method_names() { return std::array{RAZOR_FOR_EACH_(RAZOR_METHOD_WIRE_NAME_, __VA_ARGS__)}; } \
  static constexpr auto razor_member_names() {                                                                             \
    return std::array{RAZOR_FOR_EACH_(RAZOR_METHOD_MEMBER_NAME_, __VA_ARGS__)};                                            \
  }                                                                                                                        \
  using RazorService = Service;                                                                                            \
  RAZOR_FOR_EACH_(RAZOR_METHOD_DECLARE_, __VA_ARGS__)                                                                      \
  enum RazorMethodIndex : std::size_t { RAZOR_FOR_EACH_(RAZOR_METHOD_INDEX_, __VA_ARGS__) };                               \
  template <template <auto, std::size_t> class RazorMethod>                                                                \
  struct RazorStub {                                                                                                       \
    template <class RazorTarget>                                                                                           \
    explicit RazorStub(const RazorTarget& razor_target)                                                                    \
        : RAZOR_BEHIND_COMMA_(RAZOR_FOR_EACH_(RAZOR_METHOD_INIT_, __VA_ARGS__)) {}                                         \
    RAZOR_FOR_EACH_(RAZOR_METHOD_MEMBER_, __VA_ARGS__)                                                                     \
  };                                                                                                                       \
  template <template <auto...> class RazorList>                                                                            \
  using RazorMethods = RazorList<RAZOR_BEHIND_COMMA_(RAZOR_FOR_EACH_(RAZOR_METHOD_POINTER_, __VA_ARGS__))>;                \
  virtual void razor_a_service_cannot_derive_from_another_service() const final {}                                         \
  virtual ~Service() = default;

// A method in the list is a name, or a pair that RAZOR_METHOD_AS made.
#define RAZOR_METHOD_(method) RAZOR_CONCAT_(RAZOR_METHOD_OF_, RAZOR_IS_PAIR_(RAZOR_PROBE_ method))(method)
#define RAZOR_METHOD_OF_0(method) method
#define RAZOR_METHOD_OF_1(pair) RAZOR_PAIR_FIRST_ pair
#define RAZOR_PAIR_FIRST_(first, second) first
#define RAZOR_PAIR_SECOND_(first, second) second
#define RAZOR_WIRE_NAME_OF_0(method) RAZOR_STRINGIZE_(method)
#define RAZOR_WIRE_NAME_OF_1(pair) RAZOR_PAIR_SECOND_ pair

#define RAZOR_METHOD_WIRE_NAME_(method) \
  std::string_view(RAZOR_CONCAT_(RAZOR_WIRE_NAME_OF_, RAZOR_IS_PAIR_(RAZOR_PROBE_ method))(method)),
#define RAZOR_METHOD_MEMBER_NAME_(method) std::string_view(RAZOR_STRINGIZE_(RAZOR_METHOD_(method))),
#define RAZOR_METHOD_INDEX_(method) RAZOR_CONCAT_(razor_index_, RAZOR_METHOD_(method)),
#define RAZOR_METHOD_INIT_(method) , RAZOR_METHOD_(method)(razor_target)
// The pointer to a method has a name: of an overloaded method it cannot be made, which is said here, once, and not wherever a
// template takes it.
#define RAZOR_METHOD_DECLARE_(method) RAZOR_METHOD_DECLARE_OF_(RAZOR_METHOD_(method))
#define RAZOR_METHOD_DECLARE_OF_(method) RAZOR_METHOD_DECLARE_NOW_(method)
#define RAZOR_METHOD_DECLARE_NOW_(method) static constexpr auto razor_pointer_##method = &RazorService::method;
#define RAZOR_METHOD_MEMBER_(method)                                                                                    \
  RazorMethod<RAZOR_CONCAT_(razor_pointer_, RAZOR_METHOD_(method)), RAZOR_CONCAT_(razor_index_, RAZOR_METHOD_(method))> \
      RAZOR_METHOD_(method);
#define RAZOR_METHOD_POINTER_(method) , RAZOR_CONCAT_(razor_pointer_, RAZOR_METHOD_(method))

/// Behind RAZOR_SERVICE, in the service: these of its methods may run more than once, so a pool sends a call of them again
/// when it may or may not have run.
///
///   RAZOR_SERVICE(Store, get, put, increment)
///   RAZOR_IDEMPOTENT(get, put)
#define RAZOR_IDEMPOTENT(...)                                                              \
  static constexpr bool razor_is_idempotent(std::size_t razor_index) {                     \
    return ((void)razor_index, false)RAZOR_FOR_EACH_(RAZOR_METHOD_IS_INDEX_, __VA_ARGS__); \
  }
#define RAZOR_METHOD_IS_INDEX_(method) || razor_index == razor_index_##method

/// Behind RAZOR_SERVICE, in the service: the coroutines that are the handlers of these methods are destroyed where they are
/// suspended, once nobody waits for them any more: their caller has dropped the call, or its deadline has passed, or the connection
/// is gone. Only for handlers that may end at any `co_await`: what they have begun is undone by destructors, or may stay half done.
///
///   RAZOR_SERVICE(Store, get, put, find)
///   RAZOR_CANCELLABLE(get, find)
#define RAZOR_CANCELLABLE(...)                                                             \
  static constexpr bool razor_is_cancellable(std::size_t razor_index) {                    \
    return ((void)razor_index, false)RAZOR_FOR_EACH_(RAZOR_METHOD_IS_INDEX_, __VA_ARGS__); \
  }

/// Behind RAZOR_SERVICE, in the service: its messages are written in this format (wire/wire_format.h) by clients that name no
/// other, and a Server that serves it reads it, as if by `accept_format`.
///
///   RAZOR_SERVICE(Store, get, put)
///   RAZOR_FORMAT(razor::json_format())
#define RAZOR_FORMAT(format) \
  static const ::razor::wire::WireFormat& razor_format() { return format; }

namespace razor::api {

/// "CalculatorService.add": what a request asks for.
struct MethodName {
  std::string_view service;
  std::string_view method;
  std::string full() const { return std::string(service) + "." + std::string(method); }
};

/// The format that the service names by RAZOR_FORMAT; null: it names none, so msgpack.
template <class Service>
const wire::WireFormat* format_of() {
  if constexpr (requires { Service::razor_format(); }) return &Service::razor_format();
  return nullptr;
}

/// The names on the wire of a service's methods, as they are listed.
template <class Service>
std::vector<MethodName> methods_of() {
  std::vector<MethodName> methods;
  for (const std::string_view method : Service::razor_method_names()) {
    methods.push_back({Service::razor_service_name(), method});
  }
  return methods;
}

}  // namespace razor::api
