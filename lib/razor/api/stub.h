#pragma once
// The methods of a stub, as RAZOR_SERVICE puts them together: how each is called by coroutines and by threads that wait.

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

/// A method of a stub: an object that is called like the method.
template <auto Method, class Mode, class Arguments>
class StubMethod;

template <auto Method, class Mode, class... Args>
class StubMethod<Method, Mode, std::tuple<Args...>> {
 public:
  using Returned = typename Mode::Returned;

  explicit StubMethod(const StubTarget& target) : target_(&target) {}

  template <class... Given>
    requires(sizeof...(Given) == sizeof...(Args))
  Returned operator()(Given&&... given) const {
    static_assert((check_argument<Method, Args, Given>() && ...));
    if (target_->implementation != nullptr)
      return Mode::call_here(*target_, static_cast<Args>(std::forward<Given>(given))...);
    return Mode::call(*target_, as_argument<Args>(std::forward<Given>(given))...);
  }

  /// Instead of awaiting: `calc.add.start(done, 1, 2)` calls `done(Reply)` when the call has ended, as `then` does, and
  /// never inside `start` (but by a plain handler in this process). The cheapest way to call: no coroutine, nothing that moves.
  template <class Done, class... Given>
    requires(sizeof...(Given) == sizeof...(Args) && requires(Mode mode) { typename Mode::Completes; })
  void start(Done done, Given&&... given) const {
    static_assert((check_argument<Method, Args, Given>() && ...));
    if (target_->implementation != nullptr) {
      return Mode::call_here(*target_, static_cast<Args>(std::forward<Given>(given))...).then(std::move(done));
    }
    Mode::start(*target_, std::move(done), as_argument<Args>(std::forward<Given>(given))...);
  }

  /// For arguments in braces: `calc.move({1, 2}, {3, 4})`.
  Returned operator()(const Args&... args) const
    requires((!is_freed_twice<Args> && std::is_copy_constructible_v<Args>) && ...)
  {
    if (target_->implementation != nullptr) return Mode::call_here(*target_, Args(args)...);
    return Mode::call(*target_, args...);
  }

 private:
  const StubTarget* target_;
};

template <auto Method, std::size_t Index>
using AsyncMethod = StubMethod<Method, AsyncMode<Method, Index>, typename MethodTraits<decltype(Method)>::Arguments>;
template <auto Method, std::size_t Index>
using BlockingMethod = StubMethod<Method, BlockingMode<Method, Index>, typename MethodTraits<decltype(Method)>::Arguments>;

}  // namespace razor::api::detail
