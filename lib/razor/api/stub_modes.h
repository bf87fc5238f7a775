#pragma once
// The modes of a stub: how a method is called by coroutines and by threads that wait. Private to api.

#include "razor/api/blocking_call.h"
#include "razor/api/client_call.h"
#include "razor/api/method.h"

namespace razor::api::detail {

template <auto Method, class Argument, class Given>
constexpr bool check_argument() {
  constexpr bool converts = std::is_convertible_v<Given, Argument>;
  static_assert(converts || !std::is_same_v<std::remove_cvref_t<Given>, Argument>,
                "razor: an argument cannot be copied: hand it over, std::move(argument)");
  static_assert(converts || std::is_same_v<std::remove_cvref_t<Given>, Argument>,
                "razor: an argument does not convert to the method's parameter");
  static_assert(std::is_lvalue_reference_v<Given> || !is_freed_twice<std::remove_cvref_t<Given>>,
                "razor: g++ before 13 destroys a temporary aggregate twice inside a co_await expression: give the value a "
                "name first, or name its fields with RAZOR_FIELDS, which gives the type a constructor");
  return true;
}

/// `given` as it is encoded: itself where it has the parameter's type, else converted.
template <class Argument, class Given>
decltype(auto) as_argument(Given&& given) {
  if constexpr (std::is_same_v<Argument, std::remove_cvref_t<Given>>) {
    return static_cast<const Argument&>(given);
  } else {
    return static_cast<Argument>(std::forward<Given>(given));
  }
}

/// A call in this process whose timeout is spent.
base::CallError no_time(std::string_view action);
/// Blocking calls that would never end, or that nobody can wait for, end the program.
void check_thread(const StubTarget& target, std::string_view action);
void check_plain(bool is_plain, std::string_view action);

/// How a method is called by a coroutine …
template <auto Method, std::size_t Index>
class AsyncMode {
  using Traits = MethodTraits<decltype(Method)>;
  using Service = typename Traits::Service;
  using T = typename Traits::Result;
  using E = typename Traits::Error;
  using Action = ActionName<Service, Index>;

 public:
  using Returned = ClientCall<T, E>;
  using Completes = void;

  template <class... Args>
  static Returned call(const StubTarget& target, const Args&... args) {
    return Returned(Action::full(), target, options(target), args...);
  }
  /// In this process: the arguments are handed to the implementation.
  template <class... Args>
  static Returned call_here(const StubTarget& target, Args&&... args) {
    if (has_no_time(target)) return Returned(Action::full(), Reply<T, E>(no_time(Action::full())));
    // As over the network: what escapes a handler reaches its caller as an error.
    try {
      return Returned(Action::full(), enter(target, std::move(args)...));
    } catch (...) {
      return Returned(Action::full(), error_of_thrown(std::current_exception()));
    }
  }

  template <class Done, class... Args>
  static void start(const StubTarget& target, Done done, const Args&... args) {
    new CompletedCall<T, E, Done>(target, options(target), Action::full(), std::move(done), args...);  // owns itself
  }

 protected:
  static stream::CallOptions options(const StubTarget& target) {
    stream::CallOptions options = target.options;
    if constexpr (is_idempotent<Service, Index>()) options.idempotent = true;
    return options;
  }

  /// A spent timeout is spent in this process too; deadlines need a clock, which a call in this process does not have.
  static bool has_no_time(const StubTarget& target) {
    return target.options.timeout && *target.options.timeout <= base::Duration::zero();
  }

  /// The handler in this process.
  template <class... Args>
  static Call<T, E> enter(const StubTarget& target, Args&&... args) {
    return (static_cast<Service*>(target.implementation)->*Method)(std::move(args)...);
  }
};

/// … and by a thread that waits.
template <auto Method, std::size_t Index>
class BlockingMode : AsyncMode<Method, Index> {
  using Traits = MethodTraits<decltype(Method)>;
  using T = typename Traits::Result;
  using E = typename Traits::Error;

 public:
  using Returned = Reply<T, E>;

  template <class... Args>
  static Returned call(const StubTarget& target, const Args&... args) {
    check_thread(target, kAction);
    return BlockingCall<T, E>(kAction, target, AsyncMode<Method, Index>::options(target), args...).wait();
  }
  template <class... Args>
  static Returned call_here(const StubTarget& target, Args&&... args) {
    try {
      if (AsyncMode<Method, Index>::has_no_time(target)) return no_time(kAction);
      Call<T, E> local = AsyncMode<Method, Index>::enter(target, std::move(args)...);
      check_plain(local.coroutine() == nullptr, kAction);
      return Call<T, E>::reply_of(std::move(local.immediate()));
    } catch (...) {
      return error_of_thrown(std::current_exception());
    }
  }

 private:
  static constexpr std::string_view kAction = ActionName<typename Traits::Service, Index>::full();
};

}  // namespace razor::api::detail
