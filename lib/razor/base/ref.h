#pragma once
// Ref<T>: shared ownership within one thread, with the count inside the object. For objects that callbacks may outlive.

#include <cstddef>
#include <utility>

namespace razor::base {

/// Gives an object a count. It is made with `make_ref` and deleted with its last Ref: by way of a base it needs a
/// virtual destructor.
class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

 protected:
  ~RefCounted() = default;

 private:
  template <class>
  friend class Ref;
  std::size_t references_ = 0;
};

/// Null when moved from, or made without an object.
template <class T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* object) : object_(object) {
    if (object_ != nullptr) ++count();
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  /// A Ref to a base of T.
  template <class Derived>
  Ref(const Ref<Derived>& other) : Ref(other.get()) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr && --count() == 0) delete object_;
  }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  std::size_t& count() const { return static_cast<RefCounted*>(object_)->references_; }

  T* object_ = nullptr;
};

template <class T, class... Args>
Ref<T> make_ref(Args&&... args) {
  return Ref<T>(new T(std::forward<Args>(args)...));
}

}  // namespace razor::base
