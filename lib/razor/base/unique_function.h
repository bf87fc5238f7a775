#pragma once
// UniqueFunction: std::function for callables that can only be moved (C++23's std::move_only_function, which Debian 12's
// library lacks). Callables of up to `kInlineBytes` are held without an allocation.

#include <concepts>
#include <cstddef>
#include <functional>
#include <new>
#include <type_traits>
#include <utility>

#include "razor/base/check.h"

namespace razor::base {

template <class Signature>
class UniqueFunction;

template <class R, class... Args>
class UniqueFunction<R(Args...)> {
 public:
  static constexpr std::size_t kInlineBytes = 32;

  UniqueFunction() = default;
  UniqueFunction(std::nullptr_t) {}

  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, UniqueFunction> && std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
  UniqueFunction(F&& callable) {
    using Held = std::decay_t<F>;
    if constexpr (fits_inline<Held>) {
      ::new (static_cast<void*>(storage_)) Held(std::forward<F>(callable));
      operations_ = &kInline<Held>;
    } else {
      ::new (static_cast<void*>(storage_)) Held*(new Held(std::forward<F>(callable)));
      operations_ = &kAllocated<Held>;
    }
  }

  UniqueFunction(UniqueFunction&& other) noexcept { take(other); }
  UniqueFunction& operator=(UniqueFunction&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~UniqueFunction() { reset(); }

  explicit operator bool() const { return operations_ != nullptr; }

  R operator()(Args... args) {
    RAZOR_CHECK(operations_ != nullptr, "call of an empty UniqueFunction");
    return operations_->call(storage_, std::forward<Args>(args)...);
  }

  void reset() {
    if (operations_ == nullptr) return;
    std::exchange(operations_, nullptr)->destroy(storage_);
  }

 private:
  struct Operations {
    R (*call)(void*, Args&&...);
    void (*move)(void* from, void* to) noexcept;
    void (*destroy)(void*) noexcept;
  };

  template <class Held>
  static constexpr bool fits_inline = sizeof(Held) <= kInlineBytes && alignof(Held) <= alignof(std::max_align_t) &&
                                      std::is_nothrow_move_constructible_v<Held>;

  // std::invoke_r of C++23: an R of void drops the result.
  template <class Held>
  static R invoke(Held& held, Args&&... args) {
    if constexpr (std::is_void_v<R>) {
      std::invoke(held, std::forward<Args>(args)...);
    } else {
      return std::invoke(held, std::forward<Args>(args)...);
    }
  }

  template <class Held>
  static constexpr Operations kInline = {
      [](void* at, Args&&... args) -> R { return invoke(*static_cast<Held*>(at), std::forward<Args>(args)...); },
      [](void* from, void* to) noexcept {
        ::new (to) Held(std::move(*static_cast<Held*>(from)));
        static_cast<Held*>(from)->~Held();
      },
      [](void* at) noexcept { static_cast<Held*>(at)->~Held(); },
  };

  template <class Held>
  static constexpr Operations kAllocated = {
      [](void* at, Args&&... args) -> R { return invoke(**static_cast<Held**>(at), std::forward<Args>(args)...); },
      [](void* from, void* to) noexcept { ::new (to) Held*(*static_cast<Held**>(from)); },
      [](void* at) noexcept { delete *static_cast<Held**>(at); },
  };

  void take(UniqueFunction& other) {
    operations_ = std::exchange(other.operations_, nullptr);
    if (operations_ != nullptr) operations_->move(other.storage_, storage_);
  }

  const Operations* operations_ = nullptr;
  alignas(std::max_align_t) std::byte storage_[kInlineBytes];
};

}  // namespace razor::base
