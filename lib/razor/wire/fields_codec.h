#pragma once
// Codec of types that are named by RAZOR_FIELDS and its kin (fields.h).
//
// Fields that arrive in the order of declaration, as nearly always, are decoded one after the other where they lie. At the
// first that is not as expected the rest of the map goes a slower way: over a table of the fields, in any order.

#include <span>

#include "razor/wire/array_codec.h"
#include "razor/wire/codec.h"
#include "razor/wire/codec_traits.h"

namespace razor {

namespace wire::detail {

/// A field where it lies.
struct FieldRef {
  FieldInfo info;
  void* address = nullptr;
  bool (*decode)(Decoder& from, void* address) = nullptr;
  void (*take)(void* to,
               void* from) = nullptr;  ///< of a field that may be absent: `*from` goes to `*to`; null for the others
  bool seen = false;
};

template <class Field>
bool decode_at(Decoder& from, void* address) {
  return Codec<Field>::decode(from, *static_cast<Field*>(address));
}

/// `from` may be null, for nothing.
template <class Field>
void take(void* to, void* from) {
  auto& taking = *static_cast<Field*>(to);
  if (from == nullptr) {
    value_initialise(taking);
  } else {
    give(taking, *static_cast<Field*>(from));
  }
}

template <class Info, class Field>
FieldRef field_ref(const Info& info, Field& field) {
  FieldRef ref{info, &field, &decode_at<Field>, nullptr, false};
  if constexpr (may_be_absent<Field> || std::is_same_v<Info, DefaultedFieldInfo>) ref.take = &take<Field>;
  return ref;
}

/// Where reading a map into fields stands.
struct FieldsProgress {
  std::uint32_t entries = 0;  ///< that the map declares
  std::uint32_t entries_read = 0;
};

/// Reads the rest of a map into `fields`, in any order. False also where one that may not be absent is.
bool decode_other_fields(Decoder& from, std::span<FieldRef> fields, FieldsProgress& progress);
/// Reads an array with exactly these fields.
bool decode_elements(Decoder& from, std::span<FieldRef> fields);

bool all_seen(std::span<const FieldRef> fields);
/// Gives the fields of `object` that did not come what they have in `fresh`; nothing where that is null.
void take_absent_fields(std::span<const FieldRef> fields, void* object, void* fresh);

/// Fields that did not come are as in a new T, whatever `value` was before.
template <class T>
void reset_absent_fields(std::span<const FieldRef> fields, T& value) {
  if (all_seen(fields)) return;
  if constexpr (std::default_initializable<T>) {
    T fresh{};
    take_absent_fields(fields, &value, &fresh);
  } else {
    take_absent_fields(fields, &value, nullptr);
  }
}

// --- Visitors of razor_visit ---------------------------------------------------------------------------------------------

/// The name is a constant where this is inlined, and is then copied by a move or two.
[[gnu::always_inline]] inline void put_field_name(Encoder& to, std::string_view name) {
  if (name.size() >= 32) return to.put_text(name);
  std::byte* at = to.sink().reserve(1 + name.size());
  at[0] = static_cast<std::byte>(0xa0 + name.size());
  std::memcpy(at + 1, name.data(), name.size());
  to.sink().advance_to(at + 1 + name.size());
}

struct EncodeEntry {
  Encoder& to;
  template <class Field>
  [[gnu::always_inline]] bool operator()(FieldInfo info, const Field& field) const {
    put_field_name(to, info.name);
    Codec<Field>::encode(to, field);
    return true;
  }
};

struct EncodeElement {
  Encoder& to;
  template <class Field>
  bool operator()(const FieldInfo&, const Field& field) const {
    Codec<Field>::encode(to, field);
    return true;
  }
};

struct DecodeElement {
  Decoder& from;
  template <class Field>
  bool operator()(const FieldInfo& info, Field& field) const {
    return Codec<Field>::decode(from, field) || from.fail_in(info.name);
  }
};

/// The next entry is the field, as expected, and has been read into it. False when it is another, of which nothing was read, or
/// does not decode.
struct DecodeExpectedEntry {
  Decoder& from;
  FieldsProgress& progress;
  template <class Field>
  [[gnu::always_inline]] bool operator()(FieldInfo info, Field& field) const {
    if (progress.entries_read == progress.entries || !from.skip_text(info.name)) return false;
    if (!Codec<Field>::decode(from, field)) return from.fail_in(info.name);
    ++progress.entries_read;
    return true;
  }
};

struct CollectFields {
  FieldRef* next;
  template <class Info, class Field>
  bool operator()(const Info& info, Field& field) {
    *next++ = field_ref(info, field);
    return true;
  }
};

/// The slower way. Before it, `progress.entries_read` fields came in order.
template <class T>
[[gnu::noinline]] bool decode_in_any_order(Decoder& from, T& value, FieldsProgress& progress) {
  FieldRef fields[T::razor_field_count()];
  T::razor_visit(value, CollectFields{fields});
  for (std::size_t i = 0; i < progress.entries_read; ++i) fields[i].seen = true;
  if (!decode_other_fields(from, fields, progress)) return false;
  reset_absent_fields(std::span<const FieldRef>(fields), value);
  return true;
}

template <class T>
constexpr void check_named() {
  static_assert(
      !InheritsName<T>,
      "razor: this type inherits the macro of its base class, which does not know its own fields, so they would be lost. "
      "Write RAZOR_FIELDS(Derived, RAZOR_BASE(Base), field...) in it, or RAZOR_FIELDS(Derived, RAZOR_BASE(Base)) if "
      "it adds none");
}

}  // namespace wire::detail

template <wire::detail::Named T>
struct Codec<T> {
  using Parts = typename T::template RazorFieldTypes<wire::detail::Parts>;

  static void encode(wire::Encoder& to, const T& value) {
    wire::detail::check_named<T>();
    if constexpr (kShape == wire::Shape::unit) {
      to.put_array(0);
    } else if constexpr (kShape == wire::Shape::newtype) {
      T::razor_visit(value, wire::detail::EncodeElement{to});
    } else if constexpr (kShape == wire::Shape::tuple) {
      to.put_array(T::razor_field_count());
      to.enter();
      T::razor_visit(value, wire::detail::EncodeElement{to});
      to.leave();
    } else {
      to.put_map(T::razor_field_count());
      to.enter();
      T::razor_visit(value, wire::detail::EncodeEntry{to});
      to.leave();
    }
  }

  static bool decode(wire::Decoder& from, T& value) {
    wire::detail::check_named<T>();
    if constexpr (kShape == wire::Shape::unit) {
      return from.read_unit();
    } else if constexpr (kShape == wire::Shape::newtype) {
      return T::razor_visit(value, wire::detail::DecodeElement{from});
    } else if constexpr (kShape == wire::Shape::tuple) {
      if (!wire::detail::enter_array_of(from, T::razor_field_count())) return false;
      const bool decoded = T::razor_visit(value, wire::detail::DecodeElement{from});
      from.leave();
      return decoded;
    } else {
      wire::detail::FieldsProgress progress;
      if (!from.read_map(progress.entries) || !from.enter()) return false;
      const bool as_expected = T::razor_visit(value, wire::detail::DecodeExpectedEntry{from, progress});
      if (as_expected && progress.entries == T::razor_field_count()) [[likely]] {
        from.leave();
        return true;
      }
      wire::detail::FieldsProgress rest =
          progress;  // a copy: the address of `progress` is not taken, so it stays in registers
      return from.ok() && wire::detail::decode_in_any_order(from, value, rest);
    }
  }

 private:
  static constexpr wire::Shape kShape = T::razor_shape();
};

}  // namespace razor
