#pragma once
// encode and decode: user types to msgpack and back, without an object tree in between.
//
// Directly: integers, enums, floats, bool, std::string, Bytes (as bin), std::vector, std::list, std::deque, arrays, the
// maps and sets of the standard library, std::optional, std::pair, std::tuple, std::variant, Unit, types named by the
// macros of fields.h, and types with MSGPACK_DEFINE_MAP, MSGPACK_DEFINE_ARRAY or MSGPACK_DEFINE. Every other type that
// msgpack-cxx has an adaptor for goes through msgpack-cxx, with the same limits.
//
// A value is decoded afresh: what it was before does not show in what it is after. Of a key that comes twice in a map the
// last value stands, alone; a struct that names a field twice is refused.
//
// Time: decoding n bytes costs O(n log n) at worst; keys that are chosen to collide in a hash table are refused
// (hash_guard.h).
//
// Source: protocol.md, "msgpack".

#include <algorithm>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "razor/base/result.h"
#include "razor/wire/decoder.h"
#include "razor/wire/encoder.h"
#include "razor/wire/fields.h"
#include "razor/wire/hash_guard.h"
#include "razor/wire/msgpack_headers.h"

namespace razor::wire {

/// Appends `value`.
/// Errors: throws EncodeError, std::bad_alloc, and what an adaptor of the user's throws.
template <class T>
void encode(Encoder& to, const T& value);

/// Reads one value into `value`, which is partly written when that fails. False on failure: see `from.error_message()`.
/// What does not travel of it, such as members that RAZOR_FIELDS does not name, keeps its value.
/// Errors: throws std::bad_alloc, and what an adaptor of the user's throws.
template <class T>
bool decode(Decoder& from, T& value);

/// What a value's bytes are, as a block of their own: for tests and tools.
template <class T>
base::Bytes encoded(const T& value) {
  BytesSink sink;
  Encoder to(sink);
  encode(to, value);
  return std::move(sink).take();
}

/// Reads the one value that `bytes` are, to their end. False: see `error`.
/// Errors: throws as `decode` does.
template <class T>
bool decode_all(base::ByteView bytes, T& value, std::string* error = nullptr) {
  Decoder from(bytes);
  if (decode(from, value) && from.finish()) return true;
  if (error != nullptr) *error = from.error_message();
  return false;
}

/// The same, where exceptions count as failures.
template <class T>
bool decode_whole(base::ByteView bytes, T& value, std::string* error = nullptr) {
  try {
    return decode_all(bytes, value, error);
  } catch (const std::exception& exception) {
    if (error != nullptr) *error = exception.what();
  } catch (...) {
    if (error != nullptr) *error = "an adaptor threw";
  }
  return false;
}

/// The parameter list of a method: nil for none, one alone as it is, several as an array.
template <class... Args>
void encode_parameters(Encoder& to, const Args&... args) {
  if constexpr (sizeof...(Args) == 0) to.put_nil();
  if constexpr (sizeof...(Args) > 1) to.put_array(sizeof...(Args));
  (encode(to, args), ...);
}

template <class... Args>
bool decode_parameters(Decoder& from, std::tuple<Args...>& args) {
  if constexpr (sizeof...(Args) == 0) {
    return from.read_nil();
  } else if constexpr (sizeof...(Args) == 1) {
    return decode(from, std::get<0>(args));
  } else {
    return decode(from, args);
  }
}

// ---------------------------------------------------------------------------------------------------------------------

namespace detail {

template <class T, template <class...> class Template>
inline constexpr bool is_a = false;
template <class... Args, template <class...> class Template>
inline constexpr bool is_a<Template<Args...>, Template> = true;

template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;

template <class T>
concept Sequence = is_a<T, std::vector> || is_a<T, std::list> || is_a<T, std::deque>;
template <class T>
concept Map = is_a<T, std::map> || is_a<T, std::multimap> || is_a<T, std::unordered_map> || is_a<T, std::unordered_multimap>;
template <class T>
concept Set = is_a<T, std::set> || is_a<T, std::multiset> || is_a<T, std::unordered_set> || is_a<T, std::unordered_multiset>;
template <class T>
concept TupleLike = is_a<T, std::tuple> || is_a<T, std::pair>;
template <class T>
concept Text = std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view> || std::is_same_v<T, const char*>;
template <class T>
concept ByteElement = std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::byte>;
/// Of an array of the language: char holds a text that ends with a zero or the array, the others hold bytes.
template <class T>
concept RawElement = std::is_same_v<T, char> || ByteElement<T>;
template <class T>
concept Named = requires { T::razor_shape(); };

template <class T>
inline constexpr bool may_be_absent = is_a<T, std::optional>;

// --- The fields of a struct, for decoding --------------------------------------------------------------------------

/// A field where it lies. Trivial, so that an array of them costs nothing before it is filled.
struct FieldRef {
  const char* name_data;
  std::size_t name_size;
  void* address;
  bool (*decode)(Decoder& from, void* address);
  void (*take)(void* to, void* from);  ///< for a field that may be absent: `*from` goes to `*to`; null for the others

  bool may_be_absent() const { return take != nullptr; }
  std::string_view name() const { return {name_data, name_size}; }
};
static_assert(std::is_trivially_default_constructible_v<FieldRef>);

template <class T>
bool decode_at(Decoder& from, void* address) {
  return decode(from, *static_cast<T*>(address));
}

/// `from` may be null, for nothing.
template <class Optional>
void take_optional(void* to, void* from) {
  auto& taking = *static_cast<Optional*>(to);
  taking.reset();
  if (from == nullptr) return;
  if (auto& taken = *static_cast<Optional*>(from)) taking.emplace(*std::move(taken));
}

template <class T>
FieldRef field_ref(std::string_view name, T& field) {
  FieldRef ref{name.data(), name.size(), &field, &decode_at<T>, nullptr};
  if constexpr (may_be_absent<T>) ref.take = &take_optional<T>;
  return ref;
}

inline constexpr std::size_t kFieldsMax = 64;

/// Where reading a map into fields stands.
struct FieldsProgress {
  std::uint32_t entries = 0;       ///< that the map declares
  std::uint32_t entries_read = 0;
  std::uint64_t seen = 0;          ///< a bit for each field that has been read
  std::string_view name;           ///< of the entry that is being read; without data until its name was
};

/// Reads a map into `fields`, whose order is that in which a peer is expected to send them; any order works. `seen` has a
/// bit for each field that came.
bool decode_fields(Decoder& from, std::span<FieldRef> fields, std::uint64_t& seen);
/// The rest of a map that is not as expected: other fields, another order, too few.
bool decode_other_fields(Decoder& from, std::span<FieldRef> fields, FieldsProgress& progress);
/// Reads an array with exactly these fields.
bool decode_elements(Decoder& from, std::span<FieldRef> fields);

inline bool all_seen(std::size_t fields, std::uint64_t seen) {
  return fields == kFieldsMax ? seen == ~std::uint64_t{0} : seen == (std::uint64_t{1} << fields) - 1;
}
/// Gives the fields of `object` that did not come what they have in `fresh`; nothing where that is null.
void take_absent_fields(std::span<const FieldRef> fields, std::uint64_t seen, void* object, void* fresh);

/// Fields that did not come are as in a new T, whatever `value` was before.
template <class T>
void reset_absent_fields(std::span<const FieldRef> fields, std::uint64_t seen, T& value) {
  if (all_seen(fields.size(), seen)) return;
  if constexpr (std::default_initializable<T>) {
    T fresh{};
    take_absent_fields(fields, seen, &value, &fresh);
  } else {
    take_absent_fields(fields, seen, &value, nullptr);
  }
}

/// The text that an array of char holds.
template <std::size_t N>
std::string_view text_in(const char (&array)[N]) {
  return {array, static_cast<std::size_t>(std::find(array, array + N, '\0') - array)};
}

#define RAZOR_UNSIGNED_PACKERS_                                                                              \
  pack_uint8, pack_uint16, pack_uint32, pack_uint64, pack_fix_uint8, pack_fix_uint16, pack_fix_uint32,        \
      pack_fix_uint64, pack_unsigned_char, pack_unsigned_short, pack_unsigned_int, pack_unsigned_long,        \
      pack_unsigned_long_long
#define RAZOR_SIGNED_PACKERS_                                                                                 \
  pack_int8, pack_int16, pack_int32, pack_int64, pack_fix_int8, pack_fix_int16, pack_fix_int32, pack_fix_int64, \
      pack_char, pack_signed_char, pack_wchar, pack_short, pack_int, pack_long, pack_long_long

/// Takes the part of msgpack-cxx's packer in a type's msgpack_pack and notes where the fields lie, instead of packing
/// them. What MSGPACK_DEFINE_MAP and its kin write is understood; hand-written packing that does more is recognised,
/// and left to msgpack-cxx.
class FieldCollector {
 public:
  FieldCollector(const void* object, std::size_t object_bytes)
      : begin_(static_cast<const char*>(object)), end_(begin_ + object_bytes) {}

  bool understood() const { return understood_ && (is_map_ || is_array_) && count_ == declared_ && !has_key_; }
  bool is_map() const { return is_map_; }
  std::span<FieldRef> fields() { return {fields_.data(), count_}; }

  FieldCollector& pack_map(std::uint32_t count) { return begin(is_map_, count); }
  FieldCollector& pack_array(std::uint32_t count) { return begin(is_array_, count); }

  template <class T>
  FieldCollector& pack(const T& value) {
    const char* at = reinterpret_cast<const char*>(&value);
    const bool lies_in_object = at >= begin_ && at + sizeof(T) <= end_;
    if constexpr (std::is_array_v<T> && std::is_same_v<std::remove_extent_t<T>, char>) {
      if (is_map_ && !has_key_ && !lies_in_object) {
        key_ = text_in(value);
        has_key_ = true;
        return *this;
      }
    }
    if (!lies_in_object || (is_map_ && !has_key_) || count_ == kFieldsMax) return give_up();
    fields_[count_++] = field_ref(key_, const_cast<T&>(value));
    has_key_ = false;
    return *this;
  }
  template <class T>
  FieldCollector& operator<<(const T& value) {
    return pack(value);
  }

  // The rest of a packer: only hand-written packing calls these.
  FieldCollector& pack_nil() { return give_up(); }
  FieldCollector& pack_true() { return give_up(); }
  FieldCollector& pack_false() { return give_up(); }
#define RAZOR_GIVE_UP_(name) \
  template <class... Args>   \
  FieldCollector& name(const Args&...) { \
    return give_up();        \
  }
  RAZOR_FOR_EACH_(RAZOR_GIVE_UP_, RAZOR_UNSIGNED_PACKERS_, RAZOR_SIGNED_PACKERS_, pack_float, pack_double, pack_str,
                  pack_str_body, pack_bin, pack_bin_body, pack_ext, pack_ext_body)
#undef RAZOR_GIVE_UP_

 private:
  FieldCollector& begin(bool& shape, std::uint32_t count) {
    if (is_map_ || is_array_) return give_up();
    shape = true;
    declared_ = count;
    return *this;
  }
  FieldCollector& give_up() {
    understood_ = false;
    return *this;
  }

  const char* begin_;
  const char* end_;
  bool understood_ = true;
  bool is_map_ = false;
  bool is_array_ = false;
  std::size_t declared_ = 0;
  std::size_t count_ = 0;
  std::string_view key_;  // of the value that comes next; none in an array
  bool has_key_ = false;
  std::array<FieldRef, kFieldsMax> fields_;
};

template <class T>
concept HasMsgpackPack = requires(const T& value, FieldCollector& collector) { value.msgpack_pack(collector); };

// --- msgpack-cxx, for what has no direct way -------------------------------------------------------------------------

/// The stream that msgpack-cxx packs into.
struct PackStream {
  ByteSink& sink;
  void write(const char* data, std::size_t count) {
    sink.put(base::ByteView(reinterpret_cast<const std::byte*>(data), count));
  }
};

template <class T>
void encode_by_adaptor(Encoder& to, const T& value) {
  PackStream stream{to.sink()};
  msgpack::pack(stream, value);
}

template <class T>
bool decode_by_adaptor(Decoder& from, T& value) {
  base::ByteView raw;
  if (!from.read_raw(raw)) return false;  // also checks the limits, so that what msgpack-cxx sees is well formed
  const msgpack::object_handle object = msgpack::unpack(reinterpret_cast<const char*>(raw.data()), raw.size());
  try {
    if constexpr (std::default_initializable<T> && std::movable<T>) {
      T fresh{};  // an adaptor may leave parts of a value as they are
      object.get().convert(fresh);
      value = std::move(fresh);
    } else {
      object.get().convert(value);
    }
  } catch (const KeysCollide&) {
    return from.fail(HashGuard::kRefused);
  } catch (const msgpack::type_error&) {
    return from.fail("the value does not fit the type");
  }
  return true;
}

/// What msgpack-cxx calls a packer, over an Encoder: types with a msgpack_pack of their own encode directly, and so do
/// their fields. Integers take their shortest form, also where a size was asked for.
class DirectPacker {
 public:
  explicit DirectPacker(Encoder& to) : to_(to) {}

  template <class T>
  DirectPacker& pack(const T& value) {
    encode(to_, value);
    return *this;
  }
  template <class T>
  DirectPacker& operator<<(const T& value) {
    return pack(value);
  }

  DirectPacker& pack_map(std::uint32_t count) { return to_.put_map(count), *this; }
  DirectPacker& pack_array(std::uint32_t count) { return to_.put_array(count), *this; }
  DirectPacker& pack_nil() { return to_.put_nil(), *this; }
  DirectPacker& pack_true() { return to_.put_bool(true), *this; }
  DirectPacker& pack_false() { return to_.put_bool(false), *this; }
  DirectPacker& pack_float(float value) { return to_.put_float(value), *this; }
  DirectPacker& pack_double(double value) { return to_.put_double(value), *this; }
#define RAZOR_PACK_UNSIGNED_(name) \
  DirectPacker& name(std::uint64_t value) { return to_.put_unsigned(value), *this; }
#define RAZOR_PACK_SIGNED_(name) \
  DirectPacker& name(std::int64_t value) { return to_.put_signed(value), *this; }
  RAZOR_FOR_EACH_(RAZOR_PACK_UNSIGNED_, RAZOR_UNSIGNED_PACKERS_)
  RAZOR_FOR_EACH_(RAZOR_PACK_SIGNED_, RAZOR_SIGNED_PACKERS_)
#undef RAZOR_PACK_UNSIGNED_
#undef RAZOR_PACK_SIGNED_
  DirectPacker& pack_str(std::uint32_t bytes) { return to_.put_text_head(bytes), *this; }
  DirectPacker& pack_str_body(const char* data, std::uint32_t bytes) { return put_body(data, bytes); }
  DirectPacker& pack_bin(std::uint32_t bytes) { return to_.put_binary_head(bytes), *this; }
  DirectPacker& pack_bin_body(const char* data, std::uint32_t bytes) { return put_body(data, bytes); }
  DirectPacker& pack_ext(std::size_t bytes, std::int8_t type) {
    PackStream stream{to_.sink()};
    msgpack::packer<PackStream>(stream).pack_ext(bytes, type);
    return *this;
  }
  DirectPacker& pack_ext_body(const char* data, std::uint32_t bytes) { return put_body(data, bytes); }

 private:
  DirectPacker& put_body(const char* data, std::uint32_t bytes) {
    return to_.sink().put(base::as_bytes({data, bytes})), *this;
  }

  Encoder& to_;
};

// --- Variants --------------------------------------------------------------------------------------------------------

template <class T>
constexpr std::string_view name_of_alternative() {
  static_assert(Named<T>,
                "an alternative of a variant travels by name: name it with RAZOR_UNIT, RAZOR_NEWTYPE, RAZOR_TUPLE or "
                "RAZOR_FIELDS");
  return T::razor_type_name();
}

template <class T>
constexpr bool is_unit_alternative() {
  return T::razor_shape() == Shape::unit;
}

template <class... T>
void encode_variant(Encoder& to, const std::variant<T...>& value) {
  std::visit(
      [&to]<class Alternative>(const Alternative& alternative) {
        constexpr std::string_view name = name_of_alternative<Alternative>();
        if constexpr (is_unit_alternative<Alternative>()) {
          to.put_text(name);
        } else {
          to.put_map(1);
          to.put_text(name);
          encode(to, alternative);
        }
      },
      value);
}

template <class Variant, class Alternative>
bool decode_alternative(Decoder& from, Variant& value, bool has_content) {
  if constexpr (is_unit_alternative<Alternative>()) {
    value.template emplace<Alternative>();
    return !has_content || from.read_unit();
  } else {
    if (!has_content) return from.fail("the alternative lacks its content", name_of_alternative<Alternative>());
    return decode(from, value.template emplace<Alternative>());
  }
}

template <class... T>
bool decode_variant(Decoder& from, std::variant<T...>& value) {
  const bool has_content = from.next_is_map();
  std::uint32_t count = 1;
  std::string_view name;
  if (has_content && (!from.read_map(count) || !from.enter())) return false;
  if (count != 1) return from.fail("a variant has one alternative at a time");
  if (!from.read_text(name)) return false;
  bool known = false;
  bool decoded = false;
  const auto try_alternative = [&]<class Alternative>() {
    if (known || name != name_of_alternative<Alternative>()) return;
    known = true;
    decoded = decode_alternative<std::variant<T...>, Alternative>(from, value, has_content);
  };
  (try_alternative.template operator()<T>(), ...);
  if (!known) return from.fail("no such alternative");
  if (has_content) from.leave();
  return decoded;
}

// --- Containers and structs -----------------------------------------------------------------------------------------

/// Room for `count` elements, but never for more than 64 KiB of them before the first has been read: a byte may declare
/// an element of any size.
template <class Container>
void reserve_some(Container& container, std::uint32_t count) {
  constexpr std::size_t kAtOnce = 64 * base::kKiB / sizeof(typename Container::value_type) + 1;
  container.reserve(std::min<std::size_t>(count, kAtOnce));
}

template <Sequence T>
bool decode_sequence(Decoder& from, T& value) {
  std::uint32_t count = 0;
  value.clear();
  if (!from.read_array(count) || !from.enter()) return false;
  if constexpr (is_a<T, std::vector>) reserve_some(value, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    if constexpr (std::is_same_v<typename T::value_type, bool>) {
      bool element = false;
      if (!decode(from, element)) return false;
      value.push_back(element);
    } else {
      if (!decode(from, value.emplace_back())) return false;
    }
  }
  from.leave();
  return true;
}

/// Bytes arrive as bin or as an array of integers.
template <ByteElement T, class Allocator>
bool decode_bytes(Decoder& from, std::vector<T, Allocator>& value) {
  if (!from.next_is_array()) {
    base::ByteView bytes;
    if (!from.read_binary(bytes)) return false;
    const T* data = reinterpret_cast<const T*>(bytes.data());
    value.assign(data, data + bytes.size());
    return true;
  }
  std::uint32_t count = 0;
  if (!from.read_array(count)) return false;
  value.clear();
  value.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint64_t element;
    if (!from.read_unsigned(element, 0xff)) return false;
    value.push_back(static_cast<T>(element));
  }
  return true;
}

template <Map T>
bool decode_map(Decoder& from, T& value) {
  std::uint32_t count = 0;
  value.clear();
  if (!from.read_map(count) || !from.enter()) return false;
  [[maybe_unused]] HashGuard guard;
  for (std::uint32_t i = 0; i < count; ++i) {
    typename T::key_type key{};
    if (!decode(from, key)) return false;
    if constexpr (HashTable<T>) {
      if (!guard.admits(value, key)) return from.fail(HashGuard::kRefused);
    }
    if (!decode(from, new_value_of(value, std::move(key)))) return false;
  }
  from.leave();
  return true;
}

template <Set T>
bool decode_set(Decoder& from, T& value) {
  std::uint32_t count = 0;
  value.clear();
  if (!from.read_array(count) || !from.enter()) return false;
  [[maybe_unused]] HashGuard guard;
  for (std::uint32_t i = 0; i < count; ++i) {
    typename T::key_type key{};
    if (!decode(from, key)) return false;
    if constexpr (HashTable<T>) {
      if (!guard.admits(value, key)) return from.fail(HashGuard::kRefused);
    }
    value.insert(std::move(key));
  }
  from.leave();
  return true;
}

// Arrays of the language may be filled in part, as msgpack-cxx does it; the rest is as in a new one.

template <class T>
void value_initialise(T& value) {
  if constexpr (std::is_array_v<T>) {
    for (auto& element : value) value_initialise(element);
  } else {
    value = T{};
  }
}

template <class T, std::size_t N>
void encode_array(Encoder& to, const T (&value)[N]) {
  if constexpr (std::is_same_v<T, char>) {
    to.put_text(text_in(value));
  } else if constexpr (ByteElement<T>) {
    to.put_binary(std::as_bytes(std::span(value)));
  } else {
    to.put_array(N);
    for (const T& element : value) encode(to, element);
  }
}

template <class T, std::size_t N>
bool decode_array(Decoder& from, T (&value)[N]) {
  if constexpr (RawElement<T>) {
    base::ByteView bytes;
    std::string_view text;
    if (from.next_is_text()) {
      if (!from.read_text(text)) return false;
      bytes = base::as_bytes(text);
    } else if (!from.read_binary(bytes)) {
      return false;
    }
    if (bytes.size() > N) return from.fail("too many bytes for the array");
    std::fill(std::begin(value), std::end(value), T{});
    std::copy_n(reinterpret_cast<const T*>(bytes.data()), bytes.size(), value);
    return true;
  } else {
    std::uint32_t count = 0;
    if (!from.read_array(count) || !from.enter()) return false;
    if (count > N) return from.fail("too many elements for the array");
    for (std::size_t i = 0; i < N; ++i) {
      if (i < count) {
        if (!decode(from, value[i])) return false;
      } else {
        value_initialise(value[i]);
      }
    }
    from.leave();
    return true;
  }
}

/// `elements` visits each element of a tuple or array: exactly those, in order.
template <std::size_t Count, class Tuple>
bool decode_tuple(Decoder& from, Tuple& value) {
  std::uint32_t count = 0;
  if (!from.read_array(count) || !from.enter()) return false;
  if (count != Count) return from.fail("wrong number of elements");
  const bool decoded = std::apply([&from](auto&... element) { return (decode(from, element) && ...); }, value);
  from.leave();
  return decoded;
}

/// Puts a name that the compiler knows.
template <class T, std::size_t Index>
void put_field_name(Encoder& to) {
  static constexpr std::string_view name = T::razor_field_names()[Index];
  if constexpr (name.size() < 32) {
    std::byte* at = to.sink().reserve(1 + name.size());
    at[0] = static_cast<std::byte>(0xa0 + name.size());
    std::memcpy(at + 1, name.data(), name.size());
    to.sink().advance(1 + name.size());
  } else {
    to.put_text(name);
  }
}

template <Named T>
void encode_named(Encoder& to, const T& value) {
  if constexpr (T::razor_shape() == Shape::unit) {
    to.put_array(0);
  } else if constexpr (T::razor_shape() == Shape::newtype) {
    encode(to, std::get<0>(value.razor_fields()));
  } else if constexpr (T::razor_shape() == Shape::tuple) {
    encode(to, value.razor_fields());
  } else {
    constexpr std::size_t count = T::razor_field_names().size();
    to.put_map(count);
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      const auto fields = value.razor_fields();
      ((put_field_name<T, I>(to), encode(to, std::get<I>(fields))), ...);
    }(std::make_index_sequence<count>{});
  }
}

/// The next entry of a map is the field `Index`, as expected, and has been read into `field`. False when it is another,
/// or does not decode.
template <class T, std::size_t Index, class Field>
bool decode_expected_field(Decoder& from, FieldsProgress& progress, Field& field) {
  constexpr std::string_view name = T::razor_field_names()[Index];
  if (progress.entries_read == progress.entries || !from.read_text(progress.name)) return false;
  if (progress.name != name) return false;
  if (!decode(from, field)) return from.fail_in(name);
  ++progress.entries_read;
  progress.seen |= std::uint64_t{1} << Index;
  progress.name = {};
  return true;
}

template <Named T>
bool decode_map_of_fields(Decoder& from, T& value) {
  constexpr auto names = T::razor_field_names();
  static_assert(names.size() <= kFieldsMax, "a struct that travels has at most 64 fields");
  auto fields = value.razor_fields();
  FieldsProgress progress;
  if (!from.read_map(progress.entries) || !from.enter()) return false;
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    const bool as_expected = (decode_expected_field<T, I>(from, progress, std::get<I>(fields)) && ...);
    if (as_expected && progress.entries == names.size()) [[likely]] {
      from.leave();
      return true;
    }
    if (!from.ok()) return false;
    FieldRef refs[] = {field_ref(names[I], std::get<I>(fields))...};
    if (!decode_other_fields(from, refs, progress)) return false;
    reset_absent_fields(std::span<const FieldRef>(refs), progress.seen, value);
    return true;
  }(std::make_index_sequence<names.size()>{});
}

template <Named T>
bool decode_named(Decoder& from, T& value) {
  if constexpr (T::razor_shape() == Shape::unit) {
    return from.read_unit();
  } else if constexpr (T::razor_shape() == Shape::newtype) {
    return decode(from, std::get<0>(value.razor_fields()));
  } else if constexpr (T::razor_shape() == Shape::tuple) {
    auto fields = value.razor_fields();
    return decode_tuple<T::razor_field_names().size()>(from, fields);
  } else {
    return decode_map_of_fields(from, value);
  }
}

template <HasMsgpackPack T>
bool decode_msgpack_type(Decoder& from, T& value) {
  FieldCollector collector(&value, sizeof value);
  value.msgpack_pack(collector);
  if (!collector.understood()) return decode_by_adaptor(from, value);
  if (!collector.is_map()) return decode_elements(from, collector.fields());
  std::uint64_t seen = 0;
  if (!decode_fields(from, collector.fields(), seen)) return false;
  reset_absent_fields<T>(collector.fields(), seen, value);
  return true;
}

template <class T>
constexpr std::int64_t least_of = static_cast<std::int64_t>(std::numeric_limits<T>::min());

}  // namespace detail

template <class T>
void encode(Encoder& to, const T& value) {
  using namespace detail;
  if constexpr (std::is_same_v<T, bool>) {
    to.put_bool(value);
  } else if constexpr (std::is_enum_v<T> && !std::is_same_v<T, std::byte>) {
    encode(to, static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (std::signed_integral<T>) {
    to.put_signed(value);
  } else if constexpr (std::unsigned_integral<T>) {
    to.put_unsigned(value);
  } else if constexpr (std::is_same_v<T, float>) {
    to.put_float(value);
  } else if constexpr (std::is_same_v<T, double>) {
    to.put_double(value);
  } else if constexpr (Text<T>) {
    to.put_text(value);
  } else if constexpr (std::is_same_v<T, base::Bytes> || std::is_same_v<T, base::ByteView>) {
    to.put_binary(value);
  } else if constexpr (std::is_same_v<T, Unit> || std::is_same_v<T, std::monostate>) {
    to.put_nil();
  } else if constexpr (is_a<T, std::optional>) {
    if (value) {
      encode(to, *value);
    } else {
      to.put_nil();
    }
  } else if constexpr (std::is_array_v<T>) {
    encode_array(to, value);
  } else if constexpr (Sequence<T> || Set<T> || is_std_array<T>) {
    to.put_array(value.size());
    for (const auto& element : value) {
      encode<typename T::value_type>(to, element);
    }
  } else if constexpr (Map<T>) {
    to.put_map(value.size());
    for (const auto& [key, mapped] : value) {
      encode(to, key);
      encode(to, mapped);
    }
  } else if constexpr (TupleLike<T>) {
    to.put_array(std::tuple_size_v<T>);
    std::apply([&to](const auto&... element) { (encode(to, element), ...); }, value);
  } else if constexpr (is_a<T, std::variant>) {
    encode_variant(to, value);
  } else if constexpr (Named<T>) {
    encode_named(to, value);
  } else if constexpr (HasMsgpackPack<T>) {
    DirectPacker packer(to);
    value.msgpack_pack(packer);
  } else {
    encode_by_adaptor(to, value);
  }
}

template <class T>
bool decode(Decoder& from, T& value) {
  using namespace detail;
  if constexpr (std::is_same_v<T, bool>) {
    return from.read_bool(value);
  } else if constexpr (std::is_enum_v<T> && !std::is_same_v<T, std::byte>) {
    std::underlying_type_t<T> number{};
    if (!decode(from, number)) return false;
    value = static_cast<T>(number);
    return true;
  } else if constexpr (std::signed_integral<T>) {
    std::int64_t wide = 0;
    if (!from.read_signed(wide, least_of<T>, std::numeric_limits<T>::max())) return false;
    value = static_cast<T>(wide);
    return true;
  } else if constexpr (std::unsigned_integral<T>) {
    std::uint64_t wide = 0;
    if (!from.read_unsigned(wide, std::numeric_limits<T>::max())) return false;
    value = static_cast<T>(wide);
    return true;
  } else if constexpr (std::is_floating_point_v<T>) {
    double wide = 0;
    if (!from.read_double(wide)) return false;
    value = static_cast<T>(wide);
    return true;
  } else if constexpr (std::is_same_v<T, std::string>) {
    std::string_view text;
    if (!from.read_text(text)) return false;
    value = std::string(text);  // faster than assign where `value` is empty, as it mostly is
    return true;
  } else if constexpr (std::is_same_v<T, std::string_view> || std::is_same_v<T, base::ByteView>) {
    static_assert(!sizeof(T), "a view cannot be decoded into: it would point into a buffer that is used again");
  } else if constexpr (std::is_same_v<T, Unit> || std::is_same_v<T, std::monostate>) {
    return from.read_unit();
  } else if constexpr (is_a<T, std::optional>) {
    if (from.next_is_nil()) {
      value.reset();
      return from.read_nil();
    }
    return decode(from, value.emplace());
  } else if constexpr (Sequence<T>) {
    if constexpr (is_a<T, std::vector> && ByteElement<typename T::value_type>) {
      return decode_bytes(from, value);
    } else {
      return decode_sequence(from, value);
    }
  } else if constexpr (std::is_array_v<T>) {
    return decode_array(from, value);
  } else if constexpr (is_std_array<T>) {
    return decode_tuple<std::tuple_size_v<T>>(from, value);
  } else if constexpr (Map<T>) {
    return decode_map(from, value);
  } else if constexpr (Set<T>) {
    return decode_set(from, value);
  } else if constexpr (TupleLike<T>) {
    return decode_tuple<std::tuple_size_v<T>>(from, value);
  } else if constexpr (is_a<T, std::variant>) {
    return decode_variant(from, value);
  } else if constexpr (Named<T>) {
    return decode_named(from, value);
  } else if constexpr (HasMsgpackPack<T>) {
    return decode_msgpack_type(from, value);
  } else {
    return decode_by_adaptor(from, value);
  }
}

}  // namespace razor::wire
