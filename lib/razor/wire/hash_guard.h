#pragma once
// HashGuard: bounds the work that a peer's keys cost while they fill a hash table.
//
// The hashes of the standard library are public: an integer is its own hash, and texts that collide are easily found. A peer
// that chooses its keys puts all of them into one bucket, where each insertion compares with all before it: 2 MB of keys
// stop a thread for seconds. So each insertion is preceded by a walk along its bucket, as the insertion itself walks, and
// the steps are counted: when a table has needed more than kStepsForEach a key, and kStepsAtFirst above that, it is refused.
// Keys that nobody chose need one or two steps each, random or consecutive, however many there are.

#include <cstddef>
#include <cstdint>
#include <utility>

namespace razor::wire::detail {

/// For the filling of one table.
class HashGuard {
 public:
  static constexpr std::uint64_t kStepsForEach = 16;
  /// Lets about a hundred keys share a bucket: small tables with a poor hash are none of the guard's business.
  static constexpr std::uint64_t kStepsAtFirst = 4096;
  static constexpr const char* kRefused = "the keys collide in the hash table, with more than 16 comparisons for each key";

  /// Whether `key` may be inserted; asked before each insertion.
  /// Time: as the insertion itself.
  template <class Table>
  bool admits(const Table& table, const typename Table::key_type& key) {
    steps_left_ += kStepsForEach;
    if (table.empty()) return true;
    const std::size_t bucket = table.bucket(key);
    const auto equal = table.key_eq();
    const auto end = table.end(bucket);
    for (auto at = table.begin(bucket); at != end && !equal(key_of(*at), key); ++at) {
      if (steps_left_-- == 0) return false;
    }
    return true;
  }

 private:
  template <class Key>
  static const Key& key_of(const Key& key) {
    return key;
  }
  template <class Key, class Mapped>
  static const Key& key_of(const std::pair<const Key, Mapped>& entry) {
    return entry.first;
  }

  std::uint64_t steps_left_ = kStepsAtFirst;
};

}  // namespace razor::wire::detail
