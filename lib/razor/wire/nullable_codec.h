#pragma once
// Codecs of what may be nil: std::optional, std::unique_ptr, std::shared_ptr. A pointer travels as what it points to: a
// shared object arrives once for each pointer to it, and one that points back to itself does not travel.

#include "razor/wire/codec.h"
#include "razor/wire/codec_traits.h"

namespace razor {

namespace wire::detail {

template <class Content>
constexpr void check_content() {
  static_assert(
      !MayBeNil<Content>,
      "razor: an optional, or a pointer, to what may be nil itself: both would be nil on the wire, and arrive as one");
  static_assert(!std::is_polymorphic_v<Content> || std::is_final_v<Content>,
                "razor: a pointer to a class with virtual functions: what derives from it would be cut to its base. A "
                "std::variant says which types there are");
}

}  // namespace wire::detail

template <class Content>
struct Codec<std::optional<Content>> {
  using Parts = wire::detail::Parts<Content>;

  static void encode(wire::Encoder& to, const std::optional<Content>& value) {
    wire::detail::check_content<Content>();
    if (value) {
      Codec<Content>::encode(to, *value);
    } else {
      to.put_nil();
    }
  }
  static bool decode(wire::Decoder& from, std::optional<Content>& value) {
    wire::detail::check_content<Content>();
    if (from.next_is_nil()) {
      value.reset();
      return from.read_nil();
    }
    return Codec<Content>::decode(from, value.emplace());
  }
};

template <wire::detail::OwningPointer T>
struct Codec<T> {
  using Content = std::remove_const_t<typename T::element_type>;
  using Parts = wire::detail::Parts<Content>;

  static void encode(wire::Encoder& to, const T& value) {
    wire::detail::check_content<Content>();
    if (value == nullptr) return to.put_nil();
    to.enter_pointer();
    Codec<Content>::encode(to, *value);
    to.leave_pointer();
  }
  static bool decode(wire::Decoder& from, T& value) {
    wire::detail::check_content<Content>();
    if (from.next_is_nil()) {
      value = nullptr;
      return from.read_nil();
    }
    if (!from.enter_pointer()) return false;
    // Another object, also where `value` has one: that may be shared.
    auto content = make();
    const bool decoded = Codec<Content>::decode(from, *content);
    value = std::move(content);
    from.leave_pointer();
    return decoded;
  }

 private:
  static auto make() {
    if constexpr (wire::detail::is_shared_ptr<T>) {
      return std::make_shared<Content>();
    } else {
      return std::make_unique<Content>();
    }
  }
};

}  // namespace razor
