#pragma once
// Outcome<T, E, F>: a result, an error, a failure, or nothing yet: what Call and Reply hold. A std::variant in a std::optional
// would do; it is instantiated for every method, and compilers take several times as long for it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <variant>

namespace razor::api {

namespace detail {

/// void is held as a monostate.
template <class T>
using ValueOrMonostate = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class T, class E, class F>
class Outcome {
 public:
  static constexpr std::size_t kResult = 0, kError = 1, kFailure = 2, kNothing = 3;
  static constexpr bool kCopies = std::is_copy_constructible_v<T> && std::is_copy_constructible_v<E>;

  Outcome() {}
  template <std::size_t Index, class... Args>
  explicit Outcome(std::in_place_index_t<Index> index, Args&&... args) {
    construct(index, std::forward<Args>(args)...);
  }
  Outcome(Outcome&& other) noexcept(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_constructible_v<E>) {
    take(std::move(other));
  }
  Outcome(const Outcome& other)
    requires(kCopies)
  {
    take(other);
  }
  Outcome& operator=(Outcome&& other) noexcept(std::is_nothrow_move_constructible_v<T> &&
                                               std::is_nothrow_move_constructible_v<E>) {
    if (this != &other) {
      reset();
      take(std::move(other));
    }
    return *this;
  }
  Outcome& operator=(const Outcome& other)
    requires(kCopies)
  {
    if (this != &other) *this = Outcome(other);
    return *this;
  }
  ~Outcome() { reset(); }

  std::size_t index() const { return index_; }
  bool has_value() const { return index_ != kNothing; }
  explicit operator bool() const { return has_value(); }

  T& result() { return result_; }
  const T& result() const { return result_; }
  E& error() { return error_; }
  const E& error() const { return error_; }
  F& failure() { return failure_; }
  const F& failure() const { return failure_; }

  template <std::size_t Index, class... Args>
  void emplace(Args&&... args) {
    reset();
    construct(std::in_place_index<Index>, std::forward<Args>(args)...);
  }
  void reset() {
    switch (std::exchange(index_, std::uint8_t{kNothing})) {
      case kResult: std::destroy_at(&result_); return;
      case kError: std::destroy_at(&error_); return;
      case kFailure: std::destroy_at(&failure_); return;
      default: return;
    }
  }

 private:
  template <std::size_t Index, class... Args>
  void construct(std::in_place_index_t<Index>, Args&&... args) {
    if constexpr (Index == kResult) {
      ::new (static_cast<void*>(std::addressof(result_))) T(std::forward<Args>(args)...);
    } else if constexpr (Index == kError) {
      ::new (static_cast<void*>(std::addressof(error_))) E(std::forward<Args>(args)...);
    } else {
      ::new (static_cast<void*>(std::addressof(failure_))) F(std::forward<Args>(args)...);
    }
    index_ = Index;
  }
  template <class From>
  void take(From&& other) {
    switch (other.index_) {
      case kResult: return construct(std::in_place_index<kResult>, std::forward<From>(other).result_);
      case kError: return construct(std::in_place_index<kError>, std::forward<From>(other).error_);
      case kFailure: return construct(std::in_place_index<kFailure>, std::forward<From>(other).failure_);
      default: return;
    }
  }

  union {
    T result_;
    E error_;
    F failure_;
  };
  std::uint8_t index_ = kNothing;
};

}  // namespace detail
}  // namespace razor::api
