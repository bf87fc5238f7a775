#pragma once
// What the store holds: numbers by key, and what came of each change by its id, so that a change that is asked for again is not
// made again. Pure: who may change it, and when, is replica.h.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "razor/service.h"

namespace store {

enum class Kind { write, compare_and_set, add };
RAZOR_ENUM(Kind, write, compare_and_set, add)

/// What a client wants.
struct Change {
  std::string id;  // of the client's choice; no other change has it
  std::string key;
  Kind kind = Kind::write;
  std::optional<std::int64_t> expected;  // of compare_and_set; none: there is no such key
  std::int64_t number = 0;
  RAZOR_FIELDS(Change, id, key, kind, expected, number)
};

struct State {
  std::map<std::string, std::int64_t> values;
  // By id. An example keeps them for ever; a real store would drop them once their clients are gone.
  std::map<std::string, std::int64_t> results;
  RAZOR_FIELDS(State, values, results)

  /// Makes the change, and returns what its client is told: add the sum, compare_and_set 1 if it was as expected, write 0.
  std::int64_t apply(const Change& change) {
    const std::int64_t result = apply_to_values(change);
    results[change.id] = result;
    return result;
  }

 private:
  std::int64_t apply_to_values(const Change& change) {
    const auto found = values.find(change.key);
    switch (change.kind) {
      case Kind::write: values[change.key] = change.number; return 0;
      case Kind::add: {
        // Overflow wraps: clients send what they like.
        const auto before = static_cast<std::uint64_t>(found == values.end() ? 0 : found->second);
        return values[change.key] = static_cast<std::int64_t>(before + static_cast<std::uint64_t>(change.number));
      }
      case Kind::compare_and_set: {
        const bool is_as_expected = found == values.end() ? !change.expected : change.expected == found->second;
        if (is_as_expected) values[change.key] = change.number;
        return is_as_expected ? 1 : 0;
      }
    }
    return 0;
  }
};

/// A state, and where it stands in the order of all: that of the larger epoch is newer, in one epoch that of the larger version.
struct Snapshot {
  std::uint64_t epoch = 0;
  std::uint64_t version = 0;  // one more with each change
  State state;
  RAZOR_FIELDS(Snapshot, epoch, version, state)

  bool is_newer_than(const Snapshot& other) const {
    return epoch != other.epoch ? epoch > other.epoch : version > other.version;
  }
};

/// A change that the primary of an epoch has made: it leads to `version`.
struct Entry {
  std::uint64_t version = 0;
  Change change;
  RAZOR_FIELDS(Entry, version, change)
};

}  // namespace store
