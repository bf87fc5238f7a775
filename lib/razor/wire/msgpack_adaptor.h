#pragma once
// Types that msgpack-cxx knows, as values of ours: with MSGPACK_DEFINE_MAP and its kin, with a packing written by hand, or with
// an adaptor in msgpack::adaptor. Included where a service has such types, before they are used; not by razor.h, since
// msgpack-cxx takes long to compile and most programs have none.
//
// What MSGPACK_DEFINE_MAP, _ARRAY and MSGPACK_DEFINE write is understood, and their fields are encoded and decoded by our codecs.
// Everything else goes through msgpack-cxx, with the same limits, and by way of its tree of objects when it is decoded.
// The depth of values that contain themselves is bounded where our codecs see their pointers; not inside an adaptor.
//
// The other way round, msgpack-cxx packs and converts the types of fields.h.

#include <new>
#include <span>

#include "razor/wire/codec.h"
#include "razor/wire/msgpack_guards.h"
#include "razor/wire/msgpack_headers.h"

namespace razor::wire::detail {

#define RAZOR_UNSIGNED_PACKERS_                                                                                         \
  pack_uint8, pack_uint16, pack_uint32, pack_uint64, pack_fix_uint8, pack_fix_uint16, pack_fix_uint32, pack_fix_uint64, \
      pack_unsigned_char, pack_unsigned_short, pack_unsigned_int, pack_unsigned_long, pack_unsigned_long_long
#define RAZOR_SIGNED_PACKERS_                                                                                              \
  pack_int8, pack_int16, pack_int32, pack_int64, pack_fix_int8, pack_fix_int16, pack_fix_int32, pack_fix_int64, pack_char, \
      pack_signed_char, pack_wchar, pack_short, pack_int, pack_long, pack_long_long

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
    if (!lies_in_object || (is_map_ && !has_key_) || count_ == fields_.size()) return give_up();
    fields_[count_++] = field_ref(FieldInfo{key_}, const_cast<T&>(value));
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
#define RAZOR_GIVE_UP_(name)             \
  template <class... Args>               \
  FieldCollector& name(const Args&...) { \
    return give_up();                    \
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
  std::array<FieldRef, 64> fields_;
};

/// The stream that msgpack-cxx packs into.
struct PackStream {
  ByteSink& sink;
  void write(const char* data, std::size_t count) {
    sink.put(base::ByteView(reinterpret_cast<const std::byte*>(data), count));
  }
};

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

template <class T>
void encode_by_msgpack(MsgpackCxx, Encoder& to, const T& value) {
  if constexpr (HasMsgpackPack<T>) {
    DirectPacker packer(to);
    value.msgpack_pack(packer);
  } else {
    PackStream stream{to.sink()};
    msgpack::pack(stream, value);
  }
}

template <class T>
bool decode_by_msgpack(MsgpackCxx, Decoder& from, T& value) {
  if constexpr (HasMsgpackPack<T>) {
    FieldCollector collector(&value, sizeof value);
    value.msgpack_pack(collector);
    if (!collector.understood()) return decode_by_adaptor(from, value);
    if (!collector.is_map()) return decode_elements(from, collector.fields());
    FieldsProgress progress;
    if (!from.read_map(progress.entries) || !from.enter() || !decode_other_fields(from, collector.fields(), progress))
      return false;
    reset_absent_fields<T>(collector.fields(), value);
    return true;
  } else {
    return decode_by_adaptor(from, value);
  }
}

/// What our codecs know and msgpack-cxx does not.
template <class T>
concept OnlyOurs = Named<T> || NamedEnum<T> || std::is_same_v<T, Unit>;

}  // namespace razor::wire::detail

namespace msgpack {
MSGPACK_API_VERSION_NAMESPACE(v1) {
namespace adaptor {

template <razor::wire::detail::OnlyOurs T>
struct pack<T> {
  template <class Stream>
  msgpack::packer<Stream>& operator()(msgpack::packer<Stream>& to, const T& value) const {
    const razor::base::Bytes bytes = razor::wire::encoded(value);
    to.pack_bin_body(reinterpret_cast<const char*>(bytes.data()), static_cast<std::uint32_t>(bytes.size()));
    return to;
  }
};

template <razor::wire::detail::OnlyOurs T>
struct convert<T> {
  const msgpack::object& operator()(const msgpack::object& from, T& value) const {
    razor::wire::BytesSink sink;
    razor::wire::detail::PackStream stream{sink};
    msgpack::pack(stream, from);
    if (!razor::wire::decode_all(sink.view(), value)) throw msgpack::type_error();
    return from;
  }
};

template <razor::wire::detail::OnlyOurs T>
struct object_with_zone<T> {
  void operator()(msgpack::object::with_zone& to, const T& value) const {
    const razor::base::Bytes bytes = razor::wire::encoded(value);
    static_cast<msgpack::object&>(to) = msgpack::unpack(to.zone, reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
};

}  // namespace adaptor
}  // MSGPACK_API_VERSION_NAMESPACE(v1)
}  // namespace msgpack
