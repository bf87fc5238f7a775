#pragma once
// What a store can be asked: by clients, by who runs it, and by its other replicas.

#include "razor/service.h"
#include "state.h"

namespace store {

/// Only the primary serves clients. Nothing was done; `primary` is its address, or empty where it is not known.
struct NotPrimary {
  std::string primary;
  RAZOR_FIELDS(NotPrimary, primary)
};
inline razor::Failover failover_of(const NotPrimary& error) { return razor::Failover::to(error.primary); }

/// For clients. `id` is of the client's choice and no other call has it; a call that may have run is made again with the same
/// id, and is not done twice. The framework's error `internal` says that nobody knows whether it will have been done.
struct Store {
  virtual razor::Call<std::optional<std::int64_t>, NotPrimary> read(std::string id, std::string key) = 0;
  virtual razor::Call<void, NotPrimary> write(std::string id, std::string key, std::int64_t value) = 0;
  virtual razor::Call<bool, NotPrimary> compare_and_set(std::string id, std::string key,
                                                        std::optional<std::int64_t> expected, std::int64_t value) = 0;
  virtual razor::Call<std::int64_t, NotPrimary> add(std::string id, std::string key, std::int64_t amount) = 0;
  RAZOR_SERVICE(Store, read, write, compare_and_set, add)
  RAZOR_IDEMPOTENT(read, write, compare_and_set, add)  // by their ids
};

struct Status {
  std::uint64_t promised = 0;  // the largest epoch that it knows of
  std::uint64_t epoch = 0;  // of its state
  std::uint64_t version = 0;
  bool is_primary = false;
  RAZOR_FIELDS(Status, promised, epoch, version, is_primary)
};

/// For who runs the store.
struct Operations {
  /// Where the other replicas are, also after a restart: to be said once. Before that a replica does nothing.
  virtual razor::Call<void, std::string> join(std::vector<std::string> peers) = 0;
  /// Makes it the primary of this epoch. False: the epoch is not above all that were promised, or no majority follows.
  virtual razor::Call<bool> promote(std::uint64_t epoch) = 0;
  virtual razor::Call<Status> status() = 0;
  /// Records each change that it holds as `stored`; returns how many.
  virtual razor::Call<std::uint64_t> record_stored() = 0;
  RAZOR_SERVICE(Operations, join, promote, status, record_stored)
};

/// What a replica that was fenced off holds, for the candidate to adopt.
struct Fenced {
  bool is_granted = false;
  Snapshot newest;
  RAZOR_FIELDS(Fenced, is_granted, newest)
};

/// Where a replica stands. A `promised` above the sender's epoch says that there is another primary, or will be one.
struct Position {
  std::uint64_t promised = 0;
  std::uint64_t epoch = 0;
  std::uint64_t version = 0;
  RAZOR_FIELDS(Position, promised, epoch, version)
};

/// Between replicas.
struct Replication {
  /// A candidate's: follow nobody of an earlier epoch from now on.
  virtual razor::Call<Fenced> fence(std::uint64_t epoch) = 0;
  /// The primary's: the next changes, or none, which says only that it is there.
  virtual razor::Call<Position> replicate(std::uint64_t epoch, std::string primary, std::vector<Entry> entries) = 0;
  /// The primary's, where the next changes would not suffice.
  virtual razor::Call<Position> install(std::string primary, Snapshot snapshot) = 0;
  RAZOR_SERVICE(Replication, fence, replicate, install)
};

}  // namespace store
