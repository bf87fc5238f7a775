#pragma once
// Reply<T, E>: how a call ended. The result, the handler's own error, or a failure of the framework: exactly one.
//
//   razor::Reply<int, std::string> reply = co_await calc.div(1, 0);
//   if (reply.ok()) use(*reply);
//   else if (reply.has_error()) show(reply.error());        // the handler's: a std::string
//   else show(reply.call_error().message());                // the framework's, with ran(): no, maybe or yes

#include <string>
#include <type_traits>
#include <utility>

#include "razor/api/outcome.h"
#include "razor/base/error.h"
#include "razor/wire/fields.h"

namespace razor::api {

/// The error type of a method that has no error of its own.
struct NoError {
  bool operator==(const NoError&) const = default;
};

/// A handler's error on its way: `return razor::Fail{"division by zero"};`, `co_return razor::Fail{};` for Unit.
template <class E>
class [[nodiscard]] Fail {
 public:
  // No aggregate: g++ 12 would destroy a temporary one twice in a coroutine.
  explicit Fail(E error_value) : error(std::move(error_value)) {}
  Fail()
    requires std::is_same_v<E, wire::Unit>
      : error() {}
  E error;
};
template <class E>
Fail(E) -> Fail<E>;
Fail() -> Fail<wire::Unit>;

namespace detail {

struct NothingYet {};

template <class>
inline constexpr bool is_fail = false;
template <class E>
inline constexpr bool is_fail<Fail<E>> = true;

/// "asked a Reply for a result, but it holds a call error: …".
[[noreturn]] void refuse_access(std::size_t wanted, std::size_t held, const base::CallError* error);

}  // namespace detail

template <class T, class E = NoError>
class [[nodiscard]] Reply {
 public:
  using Value = detail::ValueOrMonostate<T>;
  using Error = E;

  /// Success.
  Reply()
    requires std::is_void_v<T>
      : held_(std::in_place_index<0>) {}
  template <class U = Value>
    requires(!std::is_void_v<T> && std::is_constructible_v<Value, U> && !std::is_same_v<std::remove_cvref_t<U>, Reply> &&
             !std::is_same_v<std::remove_cvref_t<U>, base::CallError> && !detail::is_fail<std::remove_cvref_t<U>>)
  Reply(U&& value) : held_(std::in_place_index<0>, std::forward<U>(value)) {}
  /// Holds a result that is to be filled in, as decoding does.
  Value& begin_result() {
    held_.template emplace<0>();
    return held_.result();
  }
  /// Nothing yet: the reply of a call that is under way. Callers never see one.
  explicit Reply(detail::NothingYet) {}
  bool has_come() const { return held_.has_value(); }
  /// The handler's error.
  template <class F>
    requires std::is_constructible_v<E, F>
  Reply(Fail<F> fail) : held_(std::in_place_index<1>, std::move(fail.error)) {}
  /// The framework's.
  Reply(base::CallError error) : held_(std::in_place_index<2>, std::move(error)) {}

  bool ok() const { return held_.index() == 0; }
  explicit operator bool() const { return ok(); }
  bool has_error() const { return held_.index() == 1; }
  bool has_call_error() const { return held_.index() == 2; }

  /// The result; only when ok().
  Value& value() & { return checked<0>(); }
  const Value& value() const& { return const_cast<Reply*>(this)->checked<0>(); }
  Value&& value() && { return std::move(checked<0>()); }
  Value& operator*() & { return value(); }
  const Value& operator*() const& { return value(); }
  Value&& operator*() && { return std::move(*this).value(); }
  Value* operator->() { return &value(); }
  const Value* operator->() const { return &value(); }

  /// The handler's error; only when has_error().
  const E& error() const { return const_cast<Reply*>(this)->checked<1>(); }
  /// The framework's; only when has_call_error().
  const base::CallError& call_error() const { return const_cast<Reply*>(this)->checked<2>(); }

  /// Whether the handler ran: yes with a result or with its own error.
  base::Ran ran() const { return has_call_error() ? call_error().ran() : base::Ran::yes; }

 private:
  template <std::size_t Index>
  auto& checked() {
    if (held_.index() != Index) [[unlikely]] {
      detail::refuse_access(Index, held_.index(), has_call_error() ? &held_.failure() : nullptr);
    }
    if constexpr (Index == 0) {
      return held_.result();
    } else if constexpr (Index == 1) {
      return held_.error();
    } else {
      return held_.failure();
    }
  }

  detail::Outcome<Value, E, base::CallError> held_;
};

}  // namespace razor::api

namespace razor {
using api::Fail;
using api::NoError;
using api::Reply;
}  // namespace razor
