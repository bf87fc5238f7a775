#pragma once
// What msgpack-cxx does itself, inside of types that only it can decode, held to what the codec promises (codec.h): no hash
// table that is flooded, a key that comes twice has the last value and nothing of the first, and no read beyond an array.
//
// Each specialisation below is msgpack-cxx's own with a constraint, so the compiler prefers it. They belong to
// msgpack_adaptor.h: a program that decodes these types with msgpack-cxx alone includes that instead of <msgpack.hpp>, so
// that all its files see the same ones.

#include <concepts>
#include <map>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "razor/wire/container_codec.h"
#include "razor/wire/hash_guard.h"
#include "razor/wire/msgpack_headers.h"

namespace razor::wire::detail {

/// What msgpack-cxx's conversions throw when the keys of a hash table collide too often.
struct KeysCollide : msgpack::type_error {};

/// Throws unless `key` may be inserted.
template <class Table>
void check_key(HashGuard& guard, const Table& table, const typename Table::key_type& key) {
  if constexpr (HashTable<Table>) {
    if (!guard.admits(table, key)) throw KeysCollide();
  }
}

template <class Map>
Map map_of(const msgpack::object& from) {
  if (from.type != msgpack::type::MAP) throw msgpack::type_error();
  Map map;
  HashGuard guard;
  for (std::uint32_t i = 0; i < from.via.map.size; ++i) {
    const msgpack::object_kv& entry = from.via.map.ptr[i];
    typename Map::key_type key = entry.key.as<typename Map::key_type>();
    check_key(guard, map, key);
    if constexpr (std::default_initializable<typename Map::mapped_type>) {
      entry.val.convert(new_value_of(map, std::move(key)));
    } else {
      auto mapped = entry.val.as<typename Map::mapped_type>();
      if constexpr (KeysAreUnique<Map>) map.erase(key);
      map.emplace(std::move(key), std::move(mapped));
    }
  }
  return map;
}

template <class Set>
Set set_of(const msgpack::object& from) {
  if (from.type != msgpack::type::ARRAY) throw msgpack::type_error();
  Set set;
  HashGuard guard;
  for (std::uint32_t i = 0; i < from.via.array.size; ++i) {
    auto key = from.via.array.ptr[i].as<typename Set::key_type>();
    check_key(guard, set, key);
    set.insert(std::move(key));
  }
  return set;
}

/// Holds for every type: it makes a specialisation the more constrained one.
template <class T>
concept Any = std::is_same_v<T, T>;

}  // namespace razor::wire::detail

#define RAZOR_GUARDED_MAP_(Map)                                                                             \
  template <typename K, typename V, typename Second, typename Third, typename Alloc>                        \
    requires razor::wire::detail::Any<K>                                                                    \
  struct as<Map<K, V, Second, Third, Alloc>,                                                                \
            typename std::enable_if<msgpack::has_as<K>::value || msgpack::has_as<V>::value>::type> {        \
    Map<K, V, Second, Third, Alloc> operator()(msgpack::object const& o) const {                            \
      return razor::wire::detail::map_of<Map<K, V, Second, Third, Alloc>>(o);                               \
    }                                                                                                       \
  };                                                                                                        \
  template <typename K, typename V, typename Second, typename Third, typename Alloc>                        \
    requires razor::wire::detail::Any<K>                                                                    \
  struct convert<Map<K, V, Second, Third, Alloc>> {                                                         \
    msgpack::object const& operator()(msgpack::object const& o, Map<K, V, Second, Third, Alloc>& v) const { \
      v = razor::wire::detail::map_of<Map<K, V, Second, Third, Alloc>>(o);                                  \
      return o;                                                                                             \
    }                                                                                                       \
  };

#define RAZOR_GUARDED_SET_(Set)                                                                            \
  template <typename Key, typename Hash, typename Compare, typename Alloc>                                 \
    requires razor::wire::detail::Any<Key>                                                                 \
  struct as<Set<Key, Hash, Compare, Alloc>, typename std::enable_if<msgpack::has_as<Key>::value>::type> {  \
    Set<Key, Hash, Compare, Alloc> operator()(msgpack::object const& o) const {                            \
      return razor::wire::detail::set_of<Set<Key, Hash, Compare, Alloc>>(o);                               \
    }                                                                                                      \
  };                                                                                                       \
  template <typename Key, typename Hash, typename Compare, typename Alloc>                                 \
    requires razor::wire::detail::Any<Key>                                                                 \
  struct convert<Set<Key, Hash, Compare, Alloc>> {                                                         \
    msgpack::object const& operator()(msgpack::object const& o, Set<Key, Hash, Compare, Alloc>& v) const { \
      v = razor::wire::detail::set_of<Set<Key, Hash, Compare, Alloc>>(o);                                  \
      return o;                                                                                            \
    }                                                                                                      \
  };

namespace msgpack {
MSGPACK_API_VERSION_NAMESPACE(v1) {
namespace adaptor {

RAZOR_GUARDED_MAP_(std::unordered_map)
RAZOR_GUARDED_MAP_(std::unordered_multimap)
RAZOR_GUARDED_SET_(std::unordered_set)
RAZOR_GUARDED_SET_(std::unordered_multiset)

// Not flooded, but msgpack-cxx decodes a value into that of an equal key, which came before.
template <typename K, typename V, typename Compare, typename Alloc>
  requires razor::wire::detail::Any<K>
struct as<std::map<K, V, Compare, Alloc>,
          typename std::enable_if<msgpack::has_as<K>::value || msgpack::has_as<V>::value>::type> {
  std::map<K, V, Compare, Alloc> operator()(msgpack::object const& o) const {
    return razor::wire::detail::map_of<std::map<K, V, Compare, Alloc>>(o);
  }
};
template <typename K, typename V, typename Compare, typename Alloc>
  requires razor::wire::detail::Any<K>
struct convert<std::map<K, V, Compare, Alloc>> {
  msgpack::object const& operator()(msgpack::object const& o, std::map<K, V, Compare, Alloc>& v) const {
    v = razor::wire::detail::map_of<std::map<K, V, Compare, Alloc>>(o);
    return o;
  }
};

// msgpack-cxx reads the first element of an empty array, which has none.
template <typename T, std::size_t N>
  requires razor::wire::detail::Any<T>
struct convert<T[N]> {
  msgpack::object const& operator()(msgpack::object const& o, T* v) const {
    if (o.type != msgpack::type::ARRAY || o.via.array.size > N) throw msgpack::type_error();
    for (std::uint32_t i = 0; i < o.via.array.size; ++i) o.via.array.ptr[i].convert(v[i]);
    return o;
  }
};

}  // namespace adaptor
}  // MSGPACK_API_VERSION_NAMESPACE(v1)
}  // namespace msgpack

#undef RAZOR_GUARDED_MAP_
#undef RAZOR_GUARDED_SET_
