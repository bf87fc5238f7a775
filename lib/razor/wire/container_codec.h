#pragma once
// Codecs of containers: sequences and sets are arrays, maps are maps; of the standard library, or made like it.
//
// In a map, and in a set, the order is the container's own. A container that is decoded into is emptied first.

#include "razor/wire/codec.h"
#include "razor/wire/codec_traits.h"
#include "razor/wire/hash_guard.h"

namespace razor {

namespace wire::detail {

template <class T>
void encode_elements(Encoder& to, const T& value, std::size_t count) {
  to.put_array(count);
  to.enter();
  for (const auto& element : value) Codec<typename T::value_type>::encode(to, element);
  to.leave();
}

template <class Table>
concept KeysAreUnique = requires(Table& table, typename Table::key_type key) { table.try_emplace(std::move(key)); };

/// Where the value of `key` is to be decoded: always a new one, in place of an earlier one.
template <class Map>
typename Map::mapped_type& new_value_of(Map& map, typename Map::key_type&& key) {
  if constexpr (KeysAreUnique<Map>) {
    auto [place, inserted] = map.try_emplace(std::move(key));  // takes the key only when it inserts
    if (!inserted) {
      map.erase(place);
      place = map.try_emplace(std::move(key)).first;
    }
    return place->second;
  } else {
    return map.emplace(std::piecewise_construct, std::forward_as_tuple(std::move(key)), std::tuple<>())->second;
  }
}

/// Reads `count` keys of `container`, which `take` puts into it, with what belongs to each. A hash table takes none that collides
/// with too many.
template <class Container, class Take>
bool decode_keyed(Decoder& from, Container& container, std::uint32_t count, Take take) {
  using Key = typename Container::key_type;
  if (!from.enter()) return false;
  [[maybe_unused]] HashGuard guard;
  for (std::uint32_t i = 0; i < count; ++i) {
    Key key{};
    if (!Codec<Key>::decode(from, key)) return false;
    if constexpr (HashTable<Container>) {
      if (!guard.admits(container, key)) return from.fail(HashGuard::kRefused);
    }
    if (!take(std::move(key))) return false;
  }
  from.leave();
  return true;
}

}  // namespace wire::detail

template <wire::detail::Sequence T>
struct Codec<T> {
  using Element = typename T::value_type;
  using Parts = wire::detail::Parts<Element>;

  static void encode(wire::Encoder& to, const T& value) { wire::detail::encode_elements(to, value, value.size()); }
  static bool decode(wire::Decoder& from, T& value) {
    value.clear();
    std::uint32_t count = 0;
    if (!from.read_array(count) || !from.enter()) return false;
    [[maybe_unused]] std::size_t reserved = 0;
    if constexpr (kReserves) {
      reserved = from.room_for(count, sizeof(Element));
      value.reserve(reserved);
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      if constexpr (std::is_same_v<Element, bool>) {
        bool element = false;
        if (!from.read_bool(element)) return false;
        value.push_back(element);
      } else if constexpr (wire::detail::can_be_new<Element>()) {
        value.emplace_back();
        if (!Codec<Element>::decode(from, value.back())) return false;
      }
    }
    if constexpr (kReserves) from.arrived(reserved, sizeof(Element));
    from.leave();
    return true;
  }

 private:
  static constexpr bool kReserves = requires(T& value) { value.reserve(1); };
};

template <wire::detail::ForwardList T>
struct Codec<T> {
  using Parts = wire::detail::Parts<typename T::value_type>;

  static void encode(wire::Encoder& to, const T& value) {
    std::size_t count = 0;
    for (auto at = value.begin(); at != value.end(); ++at) ++count;
    wire::detail::encode_elements(to, value, count);
  }
  static bool decode(wire::Decoder& from, T& value) {
    value.clear();
    std::uint32_t count = 0;
    if (!from.read_array(count) || !from.enter()) return false;
    auto last = value.before_begin();
    for (std::uint32_t i = 0; i < count; ++i) {
      last = value.emplace_after(last);
      if (!Codec<typename T::value_type>::decode(from, *last)) return false;
    }
    from.leave();
    return true;
  }
};

/// An element that comes twice is there once, unless it is a multiset.
template <wire::detail::Set T>
struct Codec<T> {
  using Parts = wire::detail::Parts<typename T::key_type>;

  static void encode(wire::Encoder& to, const T& value) { wire::detail::encode_elements(to, value, value.size()); }
  static bool decode(wire::Decoder& from, T& value) {
    value.clear();
    std::uint32_t count = 0;
    if (!from.read_array(count)) return false;
    return wire::detail::decode_keyed(from, value, count, [&value](typename T::key_type&& key) {
      value.insert(std::move(key));
      return true;
    });
  }
};

/// Of a key that comes twice the last value stands, alone, unless it is a multimap.
template <wire::detail::Map T>
struct Codec<T> {
  using Key = typename T::key_type;
  using Mapped = typename T::mapped_type;
  using Parts = wire::detail::Parts<Key, Mapped>;

  static void encode(wire::Encoder& to, const T& value) {
    to.put_map(value.size());
    to.enter();
    for (const auto& [key, mapped] : value) {
      Codec<Key>::encode(to, key);
      Codec<Mapped>::encode(to, mapped);
    }
    to.leave();
  }
  static bool decode(wire::Decoder& from, T& value) {
    value.clear();
    std::uint32_t count = 0;
    if (!from.read_map(count)) return false;
    return wire::detail::decode_keyed(from, value, count, [&](Key&& key) {
      return Codec<Mapped>::decode(from, wire::detail::new_value_of(value, std::move(key)));
    });
  }
};

}  // namespace razor
