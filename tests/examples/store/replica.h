#pragma once
// Replica: one of several that hold the same state, of which one, the primary, decides in which order it changes.
//
// - A primary has an epoch. Who wants to be the primary of a new epoch fences a majority: its members follow no earlier one from
//   then on, and say what they hold. The candidate adopts the newest of that, which has all that was ever acknowledged.
// - A change is acknowledged once a majority holds it; a read is answered once a majority has said, after it came, that the epoch
//   still holds. So neither needs a clock. Clocks decide only when a replica that hears no primary tries to become one.
// - What a majority does not confirm is answered `internal` when the primary is no longer one: nobody knows what becomes of it.

#include <memory>

#include "razor/history/history_recorder.h"
#include "razor/razor.h"
#include "services.h"
#include "storage.h"

namespace store {

using namespace std::chrono_literals;

/// What can be planted to see whether it is found.
enum class Bug {
  none,
  acknowledge_early,  ///< a change is acknowledged before it is replicated
  stale_read,  ///< a read is answered without asking the majority
  run_twice,  ///< ids of changes are forgotten: a change that is asked for again is made again
};
inline std::optional<Bug> bug_named(std::string_view name) {
  if (name.empty() || name == "none") return Bug::none;
  if (name == "acknowledge_early") return Bug::acknowledge_early;
  if (name == "stale_read") return Bug::stale_read;
  if (name == "run_twice") return Bug::run_twice;
  return std::nullopt;
}

struct ReplicaConfig {
  /// From one sign of life of the primary to the next.
  razor::Duration heartbeat_interval = 100ms;
  /// How long another replica has to answer.
  razor::Duration peer_timeout = 300ms;
  /// After hearing no primary for so long, or up to twice as long, a replica tries to become one; zero: only by `promote`.
  razor::Duration takeover_after = 500ms;
  Bug bug = Bug::none;
};

/// How a call of a client ended.
struct Done {
  enum class Kind { done, not_primary, unknown };
  Kind kind = Kind::unknown;
  std::optional<std::int64_t> result;
};

class Replica {
 public:
  /// What the changes since the last snapshot are kept for; a peer that lacks more of them gets all of the state.
  static constexpr std::size_t kEntriesKept = 1000;
  static constexpr std::size_t kEntriesPerCall = 100;

  /// `runtime`, `storage` and `recorder` outlive the replica. Without a `recorder` nothing is recorded.
  Replica(razor::Runtime& runtime, Storage& storage, const ReplicaConfig& config,
          razor::HistoryRecorder* recorder = nullptr);
  Replica(const Replica&) = delete;

  /// Where clients find it.
  void set_address(std::string address) { self_ = std::move(address); }

  /// Empty: it has joined them, unless it has joined others before; else what is wrong.
  std::string join(const std::vector<std::string>& peers);

  // --- For clients: services.h
  razor::Task<Done> change(Change wanted);
  razor::Task<Done> read(std::string id, std::string key);

  /// The primary that it knows of; empty: none.
  const std::string& primary() const { return primary_; }

  // --- For who runs the store: services.h
  razor::Task<bool> promote(std::uint64_t epoch);
  Status status() const { return Status(promised_, current_.epoch, current_.version, is_primary_); }
  std::uint64_t record_stored() const;

  // --- For other replicas: services.h
  Fenced fence(std::uint64_t epoch);
  Position replicate(std::uint64_t epoch, std::string primary, const std::vector<Entry>& entries);
  Position install(std::string primary, Snapshot snapshot);

 private:
  // Another replica, as the primary sees it.
  struct Peer {
    Peer(razor::Runtime& runtime, const razor::Address& address) : pool(runtime, address), client(pool) {}

    razor::ClientPool pool;
    razor::Client<Replication> client;
    // In this epoch: how far it has followed, none where it holds a state of an earlier one; and the last question of a read to
    // which it has said that the epoch holds.
    std::optional<std::uint64_t> version;
    std::uint64_t confirmed = 0;
  };

  void start_with(const std::vector<std::string>& peers);

  std::size_t majority() const { return (peers_.size() + 1) / 2 + 1; }
  bool leads(std::uint64_t epoch) const { return is_primary_ && promised_ == epoch; }
  Position position() const { return Position(promised_, current_.epoch, current_.version); }

  // Wakes all who wait now.
  static void pulse(razor::Event& event);

  // --- State, and the storage with it
  void promise(std::uint64_t epoch, std::string primary);
  std::int64_t take(const Entry& entry);
  void hold(Snapshot snapshot);

  // --- As a follower
  // False: the sender's epoch is over.
  bool follow(std::uint64_t epoch, std::string primary);
  razor::Task<void> take_over_when_silent();

  // --- As a candidate
  razor::Task<std::optional<Fenced>> ask_to_follow(Peer& peer, std::uint64_t epoch);

  // --- As the primary
  // What it adopts is acknowledged to nobody before a majority holds it as a state of this epoch.
  void lead(std::uint64_t epoch, Snapshot newest);
  razor::Task<void> give_signs_of_life();
  razor::Task<void> keep_in_step(Peer& peer, std::uint64_t epoch);

  // The next changes for a peer that has those up to `version`; none where it takes a snapshot.
  std::optional<std::vector<Entry>> entries_behind(const std::optional<std::uint64_t>& version) const;

  // What a majority has, itself included.
  void advance();
  static std::uint64_t nth_largest(std::vector<std::uint64_t> numbers, std::size_t n);

  razor::Runtime& runtime_;
  Storage& storage_;
  const ReplicaConfig config_;
  razor::HistoryRecorder* recorder_;
  razor::base::RandomStream random_;
  std::string self_;
  std::vector<std::unique_ptr<Peer>> peers_;

  std::uint64_t promised_ = 0;  // the largest epoch that it follows, leads, or wants to lead
  Snapshot current_;
  std::string primary_;
  razor::TimePoint heard_at_{};

  bool is_primary_ = false;  // of the epoch that it has promised
  std::vector<Entry> entries_;
  std::uint64_t asked_ = 0;  // questions of reads whether the epoch holds
  std::uint64_t replicated_ = 0;  // the version that a majority has
  std::uint64_t confirmed_ = 0;  // the question that a majority has answered
  razor::Event news_;  // there is something to tell the peers
  razor::Event progress_;  // replicated_, confirmed_ or is_primary_ has changed
  razor::runtime::TaskScope tasks_;  // last: they use all of it
};

}  // namespace store
